import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import { commands, findCommand, isGroup } from '../../src/cli/commands.js';
import { program, tsaufs } from './program.js';

/** Every command with the word before it. */
const names = commands.flatMap((entry) => isGroup(entry) ? entry.commands.map(({ name }) => `${entry.name} ${name}`) : [entry.name]);

test('names and aliases are told apart', () => {
  const words = commands.flatMap((entry) => isGroup(entry) ? [entry.name] : [entry.name, ...entry.aliases ?? []]);
  expect(new Set(words).size).toBe(words.length);
});

describe.each(names)('tsaufs %s', (name) => {
  it('has a parser of its name that describes every argument and option', async () => {
    const parser = (await findCommand(name).load()).parser();
    expect(parser.name()).toBe(`tsaufs ${name}`);
    expect(parser.registeredArguments.filter(({ description }) => description === '')).toEqual([]);
    expect(parser.options.filter(({ description, hidden }) => description === '' && !hidden)).toEqual([]);
  });

  it('names in its usage only options that there are', async () => {
    const { usage, load } = findCommand(name);
    const known = (await load()).parser().options.flatMap(({ short, long }) => [short, long]);
    const named = usage.join(' ').match(/(?<![\w-])--?[a-zA-Z][\w-]*/g) ?? [];
    expect(named.filter((option) => !known.includes(option))).toEqual([]);
  });
});

test('help of all commands by either way', async () => {
  const both = await Promise.all([['help', 'image', 'import'], ['image', 'import', '--help']].map((args) => tsaufs(args)));
  expect(both[0]).toEqual(both[1]);
  expect(both[0].stdout).toContain('Usage: tsaufs image import [--name NAME[:TAG]]');
  expect(await tsaufs(['help', 'frobnicate'])).toMatchObject({ status: 2, stderr: 'tsaufs: there is no command "frobnicate"; see tsaufs --help\n' });
});

/** Only the file of the command that is run, and of what it needs: a mount is waited for. */
test('a command loads no other command', () => {
  const loaded = filesLoadedBy(['mount', '--help']);
  expect(loaded).toContain('mount.js');
  const files = readFileSync(fileURLToPath(new URL('../../src/cli/commands.ts', import.meta.url)), 'utf8');
  const others = [...files.matchAll(/import\('\.\/([\w-]+\.js)'\)/g)].map(([, file]) => file).filter((file) => file !== 'mount.js');
  expect(others.length).toBeGreaterThan(10);
  expect(loaded.filter((file) => others.includes(file))).toEqual([]);
});

/** The names of the files in dist/cli that are read. */
function filesLoadedBy(args: string[]): string[] {
  const hook = `import { writeSync } from 'node:fs';
    export const load = (url, context, next) => { writeSync(2, url + '\\n'); return next(url, context); };`;
  const imported = `import { register } from 'node:module'; register(${JSON.stringify(dataUrl(hook))});`;
  const { stderr } = spawnSync(process.execPath, ['--import', dataUrl(imported), program, ...args], { encoding: 'utf8' });
  return stderr.split('\n').filter((line) => line.includes('/dist/cli/')).map((line) => path.basename(line));
}

function dataUrl(text: string): string {
  return `data:text/javascript,${encodeURIComponent(text)}`;
}
