import { closeSync, ftruncateSync, fstatSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { copyContent, shareData } from '../../src/union/copy-data.js';
import { DISK, MEMORY, failure, isRoot, makeUnion, scratch, tinyFileSystem, useUnions } from './helpers.js';

useUnions();

function copyData(source: number, target: number, size: number, whole: boolean): number {
  return whole && shareData(source, target) ? 0 : copyContent(source, target, size);
}

function withPair(source: string, target: string, body: (from: number, to: number, path: string) => void): void {
  const from = openSync(join(source, 'from'), 'w+');
  const to = openSync(join(target, 'to'), 'w+');
  try {
    body(from, to, join(target, 'to'));
  } finally {
    closeSync(from);
    closeSync(to);
  }
}

describe.each([[MEMORY, MEMORY], [DISK, DISK], [MEMORY, DISK], [DISK, MEMORY]])('%s to %s', (source, target) => {
  test('all of it', () => {
    withPair(scratch(source), scratch(target), (from, to, path) => {
      const text = Buffer.alloc(700_001, 'abcdefg');
      writeSync(from, text);
      const moved = copyData(from, to, text.length, true);
      expect([0, text.length]).toContain(moved);
      expect(readFileSync(path).equals(text)).toBe(true);
    });
  });

  test('the first bytes only', () => {
    withPair(scratch(source), scratch(target), (from, to, path) => {
      writeSync(from, 'abcdef');
      expect(copyData(from, to, 3, false)).toBe(3);
      expect(readFileSync(path, 'latin1')).toBe('abc');
      expect(copyData(from, to, 0, false)).toBe(0);
    });
  });

  test('holes stay holes', () => {
    withPair(scratch(source), scratch(target), (from, to, path) => {
      writeSync(from, 'start', 0);
      writeSync(from, 'middle', 8 << 20);
      ftruncateSync(from, 16 << 20);
      copyData(from, to, 16 << 20, true);
      const st = fstatSync(to);
      expect(st.size).toBe(16 << 20);
      expect(st.blocks).toBeLessThanOrEqual(64);
      const copy = readFileSync(path);
      expect([copy.toString('latin1', 0, 6), copy.toString('latin1', 8 << 20, (8 << 20) + 7)]).toEqual(['start\0', 'middle\0']);
      expect(copy.equals(readFileSync(`/proc/self/fd/${String(from)}`))).toBe(true);
    });
  });

  test('nothing but a hole', () => {
    withPair(scratch(source), scratch(target), (from, to) => {
      ftruncateSync(from, 1 << 30);
      expect(copyData(from, to, 1 << 30, true)).toBe(0);
      expect([fstatSync(to).size, fstatSync(to).blocks]).toEqual([1 << 30, 0]);
    });
  });
});

test('a source shorter than it said gives no garbage', () => {
  withPair(scratch(), scratch(), (from, to, path) => {
    writeSync(from, 'abc');
    copyData(from, to, 6, true);
    expect(readFileSync(path, 'latin1')).toBe('abc\0\0\0');
  });
});

test.skipIf(!isRoot)('ENOSPC is told', () => {
  const tiny = tinyFileSystem('size=64k');
  for (const on of [MEMORY, DISK]) {
    withPair(scratch(on), tiny, (from, to) => {
      writeSync(from, Buffer.alloc(1 << 20, 'x'));
      expect(failure(() => copyData(from, to, 1 << 20, true))).toBe('ENOSPC');
    });
  }
});

test('holes survive a copy-up', () => {
  const t = makeUnion([['rw'], ['ro']]);
  writeFileSync(t.on(1, 'a'), 'x');
  const fd = openSync(t.on(1, 'a'), 'r+');
  writeSync(fd, 'y', 4 << 20);
  closeSync(fd);
  t.chmod('a', 0o600);
  expect(t.lstat(0, 'a').size).toBe((4 << 20) + 1);
  expect(t.lstat(0, 'a').blocks).toBeLessThanOrEqual(32);
});
