import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import tmp from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { completionData } from '../../scripts/manual/completion-data.js';
import { commands, isGroup } from '../../src/cli/commands.js';
import { offer } from '../../src/cli/completion/offer.js';
import { written } from '../../src/cli/completion/shell-words.js';
import { program, tsaufs, whyNoMount } from './program.js';

const data = await completionData();

let home: string;
let cleanup: () => Promise<void>;
const before = process.cwd();
beforeAll(async () => {
  ({ path: home, cleanup } = await tmp.dir({ unsafeCleanup: true }));
  for (const name of ['image1', 'image2', 'with space', 'a,b', '.hidden', 'container', 'bin']) mkdirSync(path.join(home, name));
  symlinkSync('image1', path.join(home, 'link'));
  writeFileSync(path.join(home, 'layer.tar'), '');
  writeFileSync(path.join(home, 'bin/tsaufs'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
  process.chdir(home);
});
afterAll(async () => {
  process.chdir(before);
  await cleanup();
});

/** What is offered where `|` is, as a shell would ask. */
function offered(line: string): string[] {
  const words = line.split(' ').slice(1);
  const at = words.findIndex((word) => word.endsWith('|'));
  const told = offer({ words: words.map((word) => word.replace('|', '').replaceAll('_', ' ')), at, data });
  return [...told.candidates.map(({ word }) => word), ...(told.also === undefined ? [] : [`<${told.also}>`])];
}

describe('what is offered', () => {
  test.each<[string, string[]]>([
    ['tsaufs re|', ['remount']],
    ['tsaufs --v|', ['--version']],
    ['tsaufs image h|', ['history']],
    ['tsaufs image history --js|', ['--json']],
    ['tsaufs help image im|', ['import']],
    ['tsaufs help tra|', ['trace']],
    ['tsaufs frobnicate |', ['<directories>']],
    ['tsaufs mount none |', ['<directories>']],
    ['tsaufs mount --adapter f|', ['fuse-native']],
    ['tsaufs mount --adapter=ke|', ['--adapter=kernel']],
    ['tsaufs mount -f -o ud|', ['udba=']],
    ['tsaufs mount -fo ud|', ['udba=']],
    ['tsaufs mount -o br=image1,udb|', ['br=image1,udba=']],
    ['tsaufs -o ud|', ['udba=']],
    ['tsaufs none /mnt -o ud|', ['udba=']],
    ['tsaufs mount -o udba=no|', ['udba=notify', 'udba=none']],
    ['tsaufs mount -o create=mfsr|', ['create=mfsrr:']],
    ['tsaufs mount -o br=im|', ['br=image1/', 'br=image2/']],
    ['tsaufs mount -o br:im|', ['br:image1/', 'br:image2/']],
    ['tsaufs mount -o br=image1=rw:l|', ['br=image1=rw:link/']],
    ['tsaufs mount -o br=.h|', ['br=.hidden/']],
    ['tsaufs mount -o br=a|', ['br=a\\,b/']],
    ['tsaufs mount -o br=a\\,b/=r|', ['br=a\\,b/=rw', 'br=a\\,b/=ro', 'br=a\\,b/=rr']],
    ['tsaufs mount -o br=with|', ['br=with space/']],
    ['tsaufs mount -o br=image1=rw+n|', ['br=image1=rw+nolwh']],
    ['tsaufs mount -o br=image1=rw+nolwh+n|', []],
    ['tsaufs mount -o br=image1=rw:image2=ro+m|', []],
    ['tsaufs mount -o br=image1=rw+w|', []],
    ['tsaufs mount -o lowerdir=image1:image|', ['lowerdir=image1:image1/', 'lowerdir=image1:image2/']],
    ['tsaufs remount -o add:1:image1|', ['add:1:image1/']],
    ['tsaufs remount -o add:|', []],
    ['tsaufs trace -k copy-up,whiteout,copy|', []],
    ['tsaufs trace -k copy-up,whiteo|', ['copy-up,whiteout']],
    ['tsaufs check --below image1:im|', ['image1:image1/', 'image1:image2/']],
    ['tsaufs plink fl|', ['flush']],
    ['tsaufs layer apply |', ['<files>']],
    ['tsaufs layer apply x |', ['<directories>']],
    ['tsaufs layer apply -- --|', ['<files>']],
    ['tsaufs layer pack -o |', ['<files>']],
    ['tsaufs completion z|', ['zsh']],
    ['tsaufs list |', ['-v', '--verbose', '--gc', '--json', '-h', '--help']],
  ])('%s', (line, words) => {
    expect(offered(line)).toEqual(words);
  });

  it('is every command, and every mount option that has an effect', () => {
    expect(offered('tsaufs |')).toEqual(commands.map(({ name }) => name));
    expect(offered('tsaufs mount -o |')).toEqual(data.mountOptions.map(({ form }) => form));
    expect(offered('tsaufs mount -o |')).toEqual(expect.arrayContaining(['br=', 'append:', 'del:', 'plink', 'noplink', 'udba=', 'ro', 'lowerdir=']));
    expect(offered('tsaufs mount -o |')).not.toContain('rdblk=');
  });

  test.each(commands.flatMap((entry) => isGroup(entry) ? entry.commands.map(({ name }) => `${entry.name} ${name}`) : [entry.name]))('options of %s', (name) => {
    if (name === 'help') return;
    expect(offered(`tsaufs ${name} -|`)).toEqual([...data.commands[name].options.flatMap(({ names }) => names), '-h', '--help']);
  });
});

test('words as bash writes them', () => {
  const { quoted, unquoted } = written('bash');
  expect(quoted('a b\'c$', '')).toBe('a\\ b\\\'c\\$');
  expect(quoted('a b', '\'a')).toBe('\'a b');
  for (const typed of ['a\\ b\\\'c\\$', '"a b\'c\\$"', '"a b\'c\\$']) expect(unquoted(typed)).toBe('a b\'c$');
});

test('tsaufs completion', async () => {
  expect((await tsaufs(['completion', 'zsh'])).stdout).toMatch(/^#compdef tsaufs\n/);
  expect(await tsaufs(['completion', 'ksh'])).toEqual({ status: 2, stdout: '', stderr: 'tsaufs: there is no completion for "ksh"; there is for bash, zsh and fish\n' });
});

const missing = whyNoMount();

/** Lines that are typed, with tabs, and what the command line is then; the same in bash and zsh. */
const typed: [string, string][] = [
  ['tsaufs remo\t', 'tsaufs remount '],
  ['tsaufs im\texp\t', 'tsaufs image export '],
  ['tsaufs umount con\t', 'tsaufs umount container '],
  ['tsaufs mount -o udb\tno\tn\t', 'tsaufs mount -o udba=none'],
  ['tsaufs mount -o br=image1\t=rw:image2\t=ro+w\t', 'tsaufs mount -o br=image1/=rw:image2/=ro+wh'],
  ['tsaufs mount -o br=wi\t', 'tsaufs mount -o br=with\\ space/'],
  ['tsaufs remount -o del:$HOME\t', 'tsaufs remount -o del:$HOME/image1'],
  ['tsaufs mount none wi\t', 'tsaufs mount none with\\ space/'],
  ['tsaufs layer apply lay\t', 'tsaufs layer apply layer.tar '],
  ['tsaufs trace --kind=cop\t', 'tsaufs trace --kind=copy-up'],
];

describe.skipIf(missing !== undefined)(`in shells, with a union${missing === undefined ? '' : ` (${missing})`}`, () => {
  let environment: NodeJS.ProcessEnv;
  beforeAll(async () => {
    environment = { ...process.env, HOME: `${home}/.hidden`, PATH: `${home}/bin:${process.env['PATH'] ?? ''}` };
    expect(await tsaufs(['mount', '-o', 'br=image1', 'container'], { cwd: home })).toMatchObject({ status: 0, stderr: '' });
  });
  afterAll(() => void spawnSync(process.execPath, [program, 'umount', '-l', path.join(home, 'container')]));

  it('offers the union and its branches', () => {
    expect(offered('tsaufs umount c|')).toEqual(['container']);
    expect(offered('tsaufs umount ./c|')).toEqual(['./container']);
    expect(offered(`tsaufs umount ${home}/|`)).toEqual([`${home}/container`]);
    expect(offered('tsaufs tree c|')).toEqual(['container', '<directories>']);
    expect(offered('tsaufs busy container |')).toEqual([`${home}/image1`]);
    expect(offered(`tsaufs remount -o ro,del:| container`)).toEqual([`ro,del:${home}/image1`]);
    expect(offered(`tsaufs remount -o mod:| container`)).toEqual([`mod:${home}/image1=`]);
    expect(offered(`tsaufs remount -o mod:${home}/image1=r| container`).map((word) => word.slice(-3))).toEqual(['=rw', '=ro', '=rr']);
  });

  const shells = Object.entries({ bash: 'tsaufs.bash', zsh: '_tsaufs' });
  const unable = (shell: string): boolean => !hasShell(shell) || !hasShell('python3');
  it.skipIf(shells.some(([shell]) => unable(shell))).each(shells)('%s (which must be installed, with python3 to type)', (shell, file) => {
    const lines = typed.map(([line, wanted]) => [line, wanted].map((text) => text.replaceAll('$HOME', home)));
    const outcome = execFileSync('python3', [fileURLToPath(new URL('shell.py', import.meta.url)), shell, fileURLToPath(new URL(`../../dist/completions/${file}`, import.meta.url))], {
      input: JSON.stringify([...lines.map(([line]) => line), 'tsaufs mount -o br=image1=r\t']), cwd: home, env: environment, encoding: 'utf8',
    });
    const shown = JSON.parse(outcome) as [string, string][];
    expect(shown.slice(0, -1).map(([line]) => line.trimEnd())).toEqual(lines.map(([, wanted]) => wanted.trimEnd()));
    // Where several can follow, they are listed; in zsh with what they mean.
    const list = shown.at(-1)![1];
    for (const word of ['ro', 'rr', 'rw']) expect(list).toMatch(new RegExp(`(\\n|  )${word}  `));
    if (shell === 'zsh') expect(list).toContain('rw  -- Takes changes');
  });

  it.skipIf(!hasShell('fish'))('fish (which must be installed)', () => {
    const script = fileURLToPath(new URL('../../dist/completions/tsaufs.fish', import.meta.url));
    const lines = ['tsaufs remo', 'tsaufs umount c', 'tsaufs mount -o br=image1=rw:wi', `tsaufs remount -o del:${home}`, 'tsaufs mount none wi', 'tsaufs layer apply lay'];
    const asked = lines.map((line) => `complete -C '${line}'; echo ==`).join('; ');
    const shown = execFileSync('fish', ['--no-config', '-c', `source ${script}; ${asked}`], { cwd: home, env: environment, encoding: 'utf8' });
    const words = shown.split('==\n').slice(0, -1).map((part) => part.trimEnd().split('\n').map((line) => line.split('\t')[0]));
    expect(words).toEqual([['remount'], ['container'], ['br=image1=rw:with space/'], [`del:${home}/image1`], ['with space/'], ['layer.tar']]);
    expect(shown).toContain('remount\tChange a mounted union');
  });
});

function hasShell(shell: string): boolean {
  return spawnSync(shell, ['--version']).error === undefined;
}
