// `tsaufs explain` and `tsaufs tree` as a user calls them.
import { mkdirSync, readFileSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import type { Explanation } from '../../src/inspect/explain.js';
import { because, noRootMount } from '../helpers/process.js';
import { memory, mounted, temporary } from '../helpers/mounted.js';
import { tsaufs } from './program.js';

const obstacle = noRootMount();

function plant(root: string): void {
  for (const name of ['upper', 'lower/d']) mkdirSync(path.join(root, name), { recursive: true });
  writeFileSync(path.join(root, 'lower/d/f'), 'four');
  writeFileSync(path.join(root, 'lower/gone'), '');
}

test.skipIf(obstacle !== undefined)(`a path in a mounted union, before and after a change${because(obstacle)}`, async () => {
  await mounted({ fill: plant }, async (union) => {
    const { mnt, root } = union;
    const at = (...names: string[]): string => union.at(...names);
    const before = await tsaufs(['explain', at('d', 'f')]);
    expect(before).toMatchObject({ status: 0, stderr: '' });
    expect(before.stdout).toContain('/d/f: file of lower\n');
    expect(before.stdout).toContain('write       /d made on upper like the one below, copy-up of 4 B from lower to upper, written on upper');

    writeFileSync(at('d', 'f'), 'changed');
    unlinkSync(at('gone'));
    symlinkSync(mnt, path.join(root, 'link'));
    const after = await tsaufs(['explain', '--json', path.join(root, 'link', 'd', 'f'), at('gone'), mnt]);
    expect(after.status).toBe(1);
    const [file, gone, top] = JSON.parse(after.stdout) as Explanation[];
    expect(file).toMatchObject({ path: '/d/f', branch: 0, layers: [{ state: 'seen' }, { state: 'hidden', hiddenBy: { kind: 'entry', branch: 0 } }] });
    expect(gone).toMatchObject({ branch: null, error: 'ENOENT', layers: [{ whiteout: 'counts' }, { hiddenBy: { kind: 'whiteout' } }] });
    expect(top).toMatchObject({ path: '/', type: 'directory' });

    const tree = await tsaufs(['tree', '--all', mnt]);
    expect(tree.stdout.split('\n').slice(1, 5)).toEqual([
      '├── d/  [upper + lower]', '│   └── f  [upper]  hides the one of lower', '└── -gone  whiteout on upper  hides the one of lower', '',
    ]);
  });
});

test('branches that are not mounted: nothing changes, no colours but when asked for', async () => {
  await temporary(memory, undefined, async (root) => {
    plant(root);
    const name = 'line\nbreak';
    writeFileSync(path.join(root, 'lower', name), '');
    const options = ['-o', `br=${root}/upper=rw:${root}/lower=ro`];
    const tree = await tsaufs(['tree', ...options]);
    expect(tree).toMatchObject({ status: 0, stderr: '' });
    expect(tree.stdout).toContain('line\\x0abreak  [lower]');
    expect(tree.stdout).not.toContain('\x1b');
    const coloured = await tsaufs(['tree', '--color', 'always', ...options], { env: { ...process.env, NO_COLOR: '' } });
    expect(coloured.stdout).toContain('\x1b[36mlower\x1b[39m');
    expect(await tsaufs(['explain', ...options, 'd/f', '/d/../gone'])).toMatchObject({ status: 0 });
    expect(readdirSync(path.join(root, 'upper'))).toEqual([]);
    expect(readFileSync(path.join(root, 'lower/d/f'), 'utf8')).toBe('four');
  });
});

test.each([
  [['explain'], 2, 'missing required argument'],
  [['explain', '/'], 2, 'is not in a tsaufs mount'],
  [['explain', '-o', 'br=/nowhere', 'f'], 1, 'branch /nowhere does not exist'],
  [['explain', '-o', 'nonsense', 'f'], 2, 'unknown mount option "nonsense"'],
  [['tree'], 2, 'name a mount point'],
  [['tree', '-L', '0', '/'], 2, '-L takes a number'],
  [['tree', '--color', 'pink', '/'], 2, '--color is always, never or auto'],
])('%j: one clear line', async (args, status, text) => {
  const outcome = await tsaufs(args);
  expect(outcome.status).toBe(status);
  expect(outcome.stdout).toBe('');
  expect(outcome.stderr).toContain(text);
  expect(outcome.stderr.trim().split('\n')).toHaveLength(1);
});
