// What inodes that the kernel knows take of memory, and that it comes back.
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { memoryUse } from '../../src/fuse/kernel/memory-use.js';
import { AT, mknodat } from '../../src/posix/directory.js';
import { must } from '../../src/posix/errno.js';
import { S, Stat } from '../../src/posix/stat.js';
import type { Node } from '../../src/union/node.js';
import { makeUnion, useUnions } from './helpers.js';

useUnions();

const directories = 20;
const files = 1000;
/** As issue 5 asks. */
const bytesAnInode = 400;

test('an inode the kernel knows takes 400 bytes of heap at most, given back with its descriptors when forgotten', () => {
  const t = makeUnion([['rw'], ['ro']]);
  const lower = t.options.branches[1].path;
  for (let d = 0; d < directories; d++) {
    mkdirSync(join(lower, `directory${d}`));
    for (let f = 0; f < files; f++) must(mknodat(AT.FDCWD, join(lower, `directory${d}/some file ${f}.txt`), S.IFREG | 0o644, 0, 0));
  }
  const lookUp = (): Node[] => {
    const found: Node[] = [];
    const find = (parent: Node, name: string): Node => {
      // A string of its own, as those that come from the kernel are.
      const node = t.union.lookup(parent, Buffer.from(name).latin1Slice(), new Stat())!;
      node.lookups++;
      found.push(node);
      return node;
    };
    for (let d = 0; d < directories; d++) {
      const parent = find(t.union.root, `directory${d}`);
      for (let f = 0; f < files; f++) find(parent, `some file ${f}.txt`);
    }
    return found;
  };
  const forget = (): void => {
    for (const node of [...t.union.nodes.all()].reverse()) if (node !== t.union.root) t.union.nodes.forget(node, node.lookups);
  };
  const descriptors = (): number => readdirSync('/proc/self/fd').length;
  // Once, so that code and tables of the engine are there before anything is measured.
  lookUp();
  forget();
  const openBefore = descriptors();
  const before = memoryUse(true).heap;
  lookUp();
  const known = memoryUse(true).heap - before;
  const count = t.union.nodes.size - 1;
  expect(count).toBe(directories * (files + 1));
  expect(known / count).toBeLessThan(bytesAnInode);
  expect(known / count).toBeGreaterThan(100);
  forget();
  expect(memoryUse(true).heap - before).toBeLessThan(known / 10);
  expect([t.union.nodes.size, descriptors()]).toEqual([1, openBefore]);
});
