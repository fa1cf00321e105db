/**
 * copyright.ts DIRECTORY: the copyright file of the Debian package on standard output: tsaufs's license, and that of every
 * package that comes with it in DIRECTORY/node_modules and DIRECTORY/dist/vendor, and of Node.js where DIRECTORY has it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const directory = process.argv[2];

const sections = [
  'tsaufs: AUFS for today\'s Linux, in user space. What this package has in /usr/lib/tsaufs is, but for the parts named below,',
  'under this license:', '', text(path.join(directory, 'LICENSE')),
  ...packagesIn(path.join(directory, 'dist/vendor')), ...packagesIn(path.join(directory, 'node_modules')),
  ...(existsSync(path.join(directory, 'node')) ? ['', '-- Node.js (/usr/lib/tsaufs/node)', '', text(path.join(directory, 'node.LICENSE'))] : []),
];
process.stdout.write(`${sections.join('\n')}\n`);

function packagesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => !name.startsWith('.')).sort().flatMap((name) => {
    const place = path.join(folder, name);
    return name.startsWith('@') ? packagesIn(place) : section(place);
  });
}

function section(place: string): string[] {
  const { name, version, license } = JSON.parse(readFileSync(path.join(place, 'package.json'), 'utf8')) as Record<string, string>;
  const file = readdirSync(place).find((each) => /^(licen[cs]e|copying)/i.test(each));
  return ['', `-- ${name} ${version}, license ${license}`, ...(file === undefined ? [] : ['', text(path.join(place, file))])];
}

/** The Apache License is long, and on every Debian system. */
function text(file: string): string {
  const whole = readFileSync(file, 'utf8').trim();
  if (!/Apache License\s+Version 2\.0/.test(whole)) return whole;
  const holders = whole.split('\n').filter((line) => /^\s*Copyright (?!\[yyyy\])[^a-z]*\d{4}/.test(line)).map((line) => `${line.trim()}\n`);
  return `${holders.join('')}On Debian systems, the text of this license is in /usr/share/common-licenses/Apache-2.0.`;
}
