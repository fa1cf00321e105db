import type { HiddenEntry, TreeEntry } from '../inspect/tree.js';
import { isCut, treeOf } from '../inspect/tree.js';
import type { OnBranch } from '../inspect/layers.js';
import { permissionText } from '../union/branch.js';
import { shownName } from '../layers/error.js';
import { branchLabels, escaped } from '../inspect/branch-labels.js';
import { coloursFor, type Colours } from './colours.js';
import { Looks } from './looked-at.js';
import { collect, parserFor } from './parser.js';
import { UsageError } from './status.js';

const examples = `
Each name is followed by the branch it comes from, a directory by all the branches that are merged in it.

Examples:
  tsaufs tree ./container
  tsaufs tree -L 1 --all ./container/etc
      one level, with what is hidden: whiteouts, and names of lower branches that something above covers
  tsaufs tree -o br=./image1:./image2
      of branches that are not mounted
`;

interface Flags {
  level?: string;
  all?: true;
  options: string[];
  color: string;
  json?: true;
}

export function treeParser() {
  return parserFor('tree')
    .argument('[directory]', 'a mount point, or a directory in a union; with -o, from the root of the union')
    .option('-L, --level <levels>', 'so many levels only')
    .option('-a, --all', 'what is hidden too, whiteouts, and opaque marks')
    .option('-o, --options <options>', 'branches and options as for mount, of a union that need not be mounted', collect, [])
    .option('--color <when>', 'always, never or auto', 'auto')
    .option('--json', 'as JSON')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

/** `tsaufs tree`. */
export function treeCommand(args: string[]): Promise<number> {
  const command = treeParser().parse(args, { from: 'user' });
  const flags = command.opts<Flags>();
  const written = command.args.at(0) ?? (flags.options.length > 0 ? '/' : undefined);
  if (written === undefined || written === '') throw new UsageError('name a mount point, or branches with -o br=DIR:DIR; see tsaufs tree --help');
  const colours = coloursFor(flags.color, process.stdout);
  const depth = depthOf(flags.level);
  const looks = new Looks(flags.options);
  try {
    const { look, path } = looks.at(written);
    const root = treeOf(look.u, { all: flags.all ?? false, depth, from: path });
    const branches = look.u.branches.map(({ path: directory, spec }) => ({ directory, permission: permissionText(spec) }));
    if (flags.json) process.stdout.write(`${JSON.stringify({ branches, tree: asText(root) }, null, 2)}\n`);
    else new Printer(branches, colours).print(written, root);
    return Promise.resolve(0);
  } finally {
    looks.close();
  }
}

function depthOf(level: string | undefined): number {
  if (level === undefined) return Infinity;
  if (!/^[1-9]\d{0,5}$/.test(level)) throw new UsageError(`-L takes a number from 1 on, not "${level}"`);
  return Number(level);
}

/** Names become text: bytes that are no UTF-8 are U+FFFD. */
function asText(entry: TreeEntry): unknown {
  const text = (latin1: string): string => Buffer.from(latin1, 'latin1').toString('utf8');
  return {
    ...entry, name: text(entry.name),
    ...(entry.hidden === undefined ? {} : {
      hidden: entry.hidden.map((each) => ({ ...each, by: each.by === null ? null : { ...each.by, path: text(each.by.path) } })),
    }),
    ...(entry.children === undefined ? {} : { children: entry.children.map(asText) }),
  };
}

class Printer {
  private readonly labels: string[];
  private lines: string[] = [];
  private hidden = false;
  private directories = 0;
  private others = 0;

  constructor(private readonly branches: readonly Pick<OnBranch, 'directory' | 'permission'>[], private readonly colours: Colours) {
    this.labels = branchLabels(branches.map(({ directory }) => directory));
  }

  print(written: string, root: TreeEntry): void {
    this.line(`${this.colours.bold(escaped(written))}${this.remarks(root)}`);
    this.children(root, '');
    this.line('');
    this.line(`${plural(this.directories, 'directory', 'directories')}, ${plural(this.others, 'file', 'files')}`);
    for (const [index, { directory, permission }] of this.branches.entries()) {
      this.line(`  ${this.named(index)}  ${escaped(directory)}=${permission}${index === 0 ? '  (top)' : ''}`);
    }
    if (this.hidden) this.line(`  ${this.colours.struck('-name')}  not seen in the union`);
    this.flush();
  }

  private named(branch: number): string {
    return this.colours.branch(branch)(this.labels[branch]);
  }

  private children(entry: TreeEntry, indent: string): void {
    const children = entry.children ?? [];
    for (const [index, child] of children.entries()) {
      const isLast = index === children.length - 1;
      this.child(child, indent + (isLast ? '└── ' : '├── '));
      this.children(child, indent + (isLast ? '    ' : '│   '));
    }
  }

  private child(entry: TreeEntry, indent: string): void {
    const name = `${shownName(entry.name)}${entry.type === 'directory' ? '/' : ''}`;
    if (entry.type === null) {
      this.hidden = true;
      this.line(`${this.colours.dim(indent)}${this.colours.struck(`-${name}`)}${this.remarks(entry)}`);
      return;
    }
    if (entry.type === 'directory') this.directories++;
    else this.others++;
    const target = entry.target === undefined ? '' : ` → ${escaped(entry.target)}`;
    this.line(`${this.colours.dim(indent)}${this.colours.branch(entry.branches[0])(name)}${target}${this.remarks(entry)}`);
  }

  private remarks(entry: TreeEntry): string {
    const said: string[] = [];
    if (entry.branches.length > 0) said.push(`[${entry.branches.map((branch) => this.named(branch)).join(' + ')}]`);
    if (isCut(entry)) said.push('…');
    if (entry.error !== undefined) said.push(this.colours.red(`cannot be read: ${entry.error}`));
    for (const { branch, mark } of entry.whiteouts ?? []) {
      said.push(`whiteout on ${this.named(branch)}${mark === 'ignored' ? ' (does not count)' : ''}`);
    }
    for (const branch of entry.opaque ?? []) said.push(`opaque on ${this.named(branch)}`);
    for (const each of entry.hidden ?? []) said.push(this.hiddenText(each));
    return said.length === 0 ? '' : `  ${said.join('  ')}`;
  }

  private hiddenText({ branch, type, by }: HiddenEntry): string {
    const what = type === 'file' ? 'the one' : `a ${type}`;
    const why = by?.kind === 'opaque' ? ` by ${this.labels[by.branch]} (opaque)` : '';
    return this.colours.dim(`hides ${what} of ${this.labels[branch]}${why}`);
  }

  private line(text: string): void {
    this.lines.push(`${text}\n`);
    if (this.lines.length >= 1000) this.flush();
  }

  private flush(): void {
    process.stdout.write(this.lines.join(''));
    this.lines = [];
  }
}

function plural(count: number, one: string, more: string): string {
  return `${count} ${count === 1 ? one : more}`;
}
