// docs/images/architecture.svg: the folders of src as a house, with what each imports from the others. `npm run docs:picture`;
// a test says when the imports have changed. With a path it is written there.
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const project = fileURLToPath(new URL('..', import.meta.url));
const source = path.join(project, 'src');

interface Room {
  name: string;
  what: string;
  x: number;
  y: number;
  width: number;
}

/** From the roof to the ground: imports run downward, and sideways within a storey. */
const storeys: readonly (readonly Room[])[] = [
  [
    { name: 'index.ts', what: 'the library', x: 250, y: 20, width: 214 },
    { name: 'cli', what: 'commands, one a file', x: 480, y: 20, width: 440 },
  ],
  [
    { name: 'daemon', what: 'the process of one mount: life, control, state', x: 250, y: 122, width: 390 },
    { name: 'ui', what: 'the page and its server', x: 656, y: 122, width: 264 },
  ],
  [
    { name: 'fuse', what: '/dev/fuse in TypeScript; libfuse 2', x: 250, y: 224, width: 240 },
    { name: 'inspect', what: 'explain, tree, trace, check', x: 506, y: 224, width: 198 },
    { name: 'layers', what: 'images, layers, Docker', x: 720, y: 224, width: 200 },
  ],
  [
    { name: 'union', what: 'AUFS: lookup, copy-up, whiteouts, rename, …', x: 250, y: 326, width: 454 },
    { name: 'options', what: 'the mount options', x: 720, y: 326, width: 200 },
  ],
  [{ name: 'posix', what: 'system calls by number: numbers in, a result or -errno out', x: 250, y: 428, width: 670 }],
];

const height = 76;

/** What the folder's files, or the file, import from other folders of src. */
function importsOf(name: string): string[] {
  const place = path.join(source, name);
  const files = statSync(place).isDirectory()
    ? readdirSync(place, { recursive: true, encoding: 'utf8' }).filter((file) => /\.tsx?$/.test(file)).map((file) => path.join(place, file))
    : [place];
  const found = files.flatMap((file) => [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\(? ?'(\.[^']+)'/g)]
    .map(([, target]) => path.relative(source, path.resolve(path.dirname(file), target)).split('/')[0]));
  const order = storeys.flat().map((room) => room.name);
  return [...new Set(found)].filter((folder) => folder !== name && order.includes(folder)).sort((a, b) => order.indexOf(a) - order.indexOf(b));
}

function room({ name, what, x, y, width }: Room): string {
  const imports = importsOf(name);
  const uses = imports.length === 0 ? 'imports nothing' : `imports ${imports.join(', ')}`;
  return `  <g><rect class="room" x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>
    <text class="name" x="${x + 12}" y="${y + 24}">${name}</text>
    <text x="${x + 12}" y="${y + 44}">${what}</text>
    <text class="uses" x="${x + 12}" y="${y + 63}">${uses}</text></g>`;
}

function outside(name: string, what: string, y: number): string {
  return `  <g><rect class="outside" x="20" y="${y}" width="160" height="${height}" rx="6"/>
    <text class="name" x="32" y="${y + 30}">${name}</text>
    <text x="32" y="${y + 52}">${what}</text></g>`;
}

/** The life of a request, numbered as in docs/architecture.md. */
function step(number: number, way: string, x: number, y: number): string {
  return `  <path class="request" d="${way}"/>
  <circle class="number" cx="${x}" cy="${y}" r="9"/><text class="digit" x="${x}" y="${y + 4}">${number}</text>`;
}

const picture = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 940 524" width="940" height="524" role="img" aria-labelledby="title">
  <title id="title">The folders of src, from cli at the top to posix at the bottom, and the way of a request through them</title>
  <style>
    text { font: 12.5px system-ui, sans-serif; fill: #333 }
    .name { font-weight: 600; font-size: 15px; fill: #111 }
    .uses { fill: #666; font-size: 11.5px }
    .paper { fill: #fff }
    .room { fill: #eef3fb; stroke: #7d9cc9 }
    .outside { fill: #f5f1e8; stroke: #bfae84 }
    .request { fill: none; stroke: #c4501b; stroke-width: 2; marker-end: url(#head) }
    .number { fill: #c4501b }
    .digit { fill: #fff; font-size: 11px; font-weight: 600; text-anchor: middle }
  </style>
  <defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto"><path d="M0 0 L8 4 L0 8 z" fill="#c4501b"/></marker></defs>
  <rect class="paper" width="940" height="524" rx="8"/>
${outside('a program', 'open, write, unlink', 20)}
${outside('Linux', 'VFS, caches, FUSE', 224)}
${outside('branches', 'directories', 428)}
${storeys.flat().map(room).join('\n')}
${step(1, 'M 82 96 V 222', 82, 158)}
${step(2, 'M 180 252 H 248', 213, 252)}
${step(3, 'M 470 300 V 324', 452, 313)}
${step(4, 'M 470 402 V 426', 452, 415)}
${step(5, 'M 250 466 H 182', 217, 466)}
${step(6, 'M 250 284 H 182', 217, 284)}
${step(7, 'M 118 224 V 98', 118, 158)}
</svg>
`;

writeFileSync(process.argv[2] ?? path.join(project, 'docs/images/architecture.svg'), picture);
