import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { checkMountpoint, resolveMountpoint } from '../../src/daemon/mountpoint.js';
import { branchMode } from '../../src/options/branch.js';

let home: tmp.DirectoryResult;
let root: string;
beforeAll(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  root = realpathSync(home.path);
  mkdirSync(path.join(root, 'd/m'), { recursive: true });
  symlinkSync('d', path.join(root, 'link'));
  writeFileSync(path.join(root, 'file'), '');
});
afterAll(() => home.cleanup());

describe('resolveMountpoint', () => {
  test.each([
    ['d/m', 'd/m'],
    ['./d/../d/m/', 'd/m'],
    ['link/m', 'd/m'],
    ['link', 'd'],
    ['d/nothere', 'd/nothere'],
    ['no/where', 'no/where'],
  ])('%s', (written, expected) => {
    expect(resolveMountpoint(written, root)).toBe(path.join(root, expected));
  });
});

describe('checkMountpoint', () => {
  const branches = (name: string): Parameters<typeof checkMountpoint>[1] => [{ path: path.join(root, name), ...branchMode('rw') }];

  test('a directory is fine, also one that is a branch or holds one', () => {
    expect(() => checkMountpoint(path.join(root, 'd/m'), branches('d/m'))).not.toThrow();
    expect(() => checkMountpoint(path.join(root, 'd'), branches('d/m'))).not.toThrow();
    expect(() => checkMountpoint(path.join(root, 'd/m'), branches('d/mm'))).not.toThrow();
  });

  test.each([
    ['nothere', 'none', 'does not exist; make it with mkdir'],
    ['file', 'none', 'is not a directory'],
    ['file/x', 'none', 'is not below a directory'],
    ['d/m', 'd', 'is inside the branch'],
  ])('%s with the branch %s', (name, branch, message) => {
    expect(() => checkMountpoint(path.join(root, name), branches(branch))).toThrow(message);
  });
});
