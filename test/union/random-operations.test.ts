// Random operations on a union and the same ones on a plain directory: wherever the semantics agree, so must the
// results, the errors and what is there in the end. A failure prints the seed and the operations that led to it.

import {
  chmodSync, closeSync, fstatSync, linkSync, lstatSync, mkdirSync, openSync, readFileSync, readdirSync, readlinkSync, renameSync,
  rmdirSync, symlinkSync, truncateSync, unlinkSync, writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { O } from '../../src/posix/file.js';
import { S } from '../../src/posix/stat.js';
import type { FileHandle } from '../../src/union/file-handle.js';
import {
  DISK, MEMORY, failure, makeUnion, namesOn, plant, scratch, unionOver, useUnions, type Setting, type TestUnion, type Tree,
} from './helpers.js';

useUnions();

/** mulberry32: the same numbers for the same seed everywhere. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) % below;
  };
}

// What the branches show together is what the plain directory begins with.
const TOP: Tree = { 'a': 'top a', 'd/a': 'top d/a', '.wh.c': '', 'e/.wh.b': '', 'f/.wh..wh..opq': '', 'f/a': 'top f/a' };
const MIDDLE: Tree = { 'a': 'middle a', 'b': 'middle b', 'd/b': 'middle d/b', 'd/e/a': 'middle d/e/a', 'e/b': 'hidden' };
// Files with several names on a branch that takes no writes: a whiteout of one name leaves the others' link count as it
// is, as in AUFS, so that the counts cannot be compared.
const LINKS: Tree = { 'h': 'linked', 'd/h': { same: 'h' }, 'e/h': { same: 'h' } };
const BOTTOM: Tree = {
  'c': 'hidden', 'd/a': 'hidden', 'd/c': 'bottom d/c', 'd/e/b': 'bottom d/e/b', 'e/c': 'bottom e/c', 'f/b': 'hidden',
  'g': { to: 'd/a' },
};
const SHOWN: Tree = {
  'a': 'top a', 'b': 'middle b', 'd/a': 'top d/a', 'd/b': 'middle d/b', 'd/c': 'bottom d/c', 'd/e/a': 'middle d/e/a',
  'd/e/b': 'bottom d/e/b', 'e/c': 'bottom e/c', 'f/a': 'top f/a', 'g': { to: 'd/a' },
};

const NAMES = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];

class Pair {
  readonly done: string[] = [];
  private readonly open: { handle: FileHandle; fd: number }[] = [];
  /** The union's number of each inode of the plain directory. */
  private readonly numbers = new Map<number, number>();

  constructor(
    public t: TestUnion, readonly plain: string, private readonly pick: (below: number) => number,
    private readonly countLinks: boolean,
  ) {}

  /** A name, there or not, in a directory that is there: walking the rest is the kernel's work. */
  private path(): string {
    let parent = '';
    for (let depth = this.pick(4); depth > 0; depth--) {
      const next = parent + NAMES[this.pick(NAMES.length)];
      if (this.t.find(next)?.isDirectory === true) parent = `${next}/`;
    }
    return parent + NAMES[this.pick(NAMES.length)];
  }

  /** Runs both; compares the errors. */
  private both(what: string, inUnion: () => void, inPlain: (at: (path: string) => string) => void, skip = ''): void {
    const result = failure(inUnion);
    this.done.push(`${what}: ${result}`);
    if (result === skip) return;
    let plain = 'success';
    try {
      inPlain((path) => join(this.plain, path));
    } catch (error) {
      plain = (error as NodeJS.ErrnoException).code ?? String(error);
    }
    expect(result, this.story()).toBe(plain);
  }

  story(): string {
    return `\n${this.done.slice(-60).join('\n')}\n`;
  }

  step(): void {
    const { t, pick } = this;
    const [one, two] = [this.path(), this.path()];
    switch (pick(16)) {
      case 0:
      case 1:
        return this.both(`create ${one}`, () => void t.make(one, `new ${one}`), (at) => {
          const fd = openSync(at(one), 'wx');
          writeSync(fd, `new ${one}`);
          closeSync(fd);
        });
      case 2:
      case 3:
        // Opening a directory for writing, or a symlink itself, is refused by the kernel.
        if ((t.find(one)?.type ?? S.IFREG) !== S.IFREG) return;
        return this.both(`write ${one}`, () => t.write(one, one, 2), (at) => {
          const fd = openSync(at(one), O.WRONLY | O.NOFOLLOW);
          writeSync(fd, one, 2);
          closeSync(fd);
        });
      case 4:
        return this.both(`mkdir ${one}`, () => void t.mkdir(one), (at) => mkdirSync(at(one), 0o755));
      case 5:
      case 6:
        return this.both(`unlink ${one}`, () => t.unlink(one), (at) => unlinkSync(at(one)));
      case 7:
        return this.both(`rmdir ${one}`, () => t.rmdir(one), (at) => rmdirSync(at(one)));
      case 8:
      case 9:
      case 10:
        // Into itself is for the kernel to refuse. EXDEV is AUFS's own.
        if (`${two}/`.startsWith(`${one}/`) || `${one}/`.startsWith(`${two}/`)) return;
        return this.both(`rename ${one} ${two}`, () => t.rename(one, two), (at) => renameSync(at(one), at(two)), t.u.options.dirren ? '' : 'EXDEV');
      case 11:
        // The kernel has refused before it asks.
        if (t.find(one)?.isDirectory === true) return;
        return this.both(`link ${one} ${two}`, () => void t.link(one, two), (at) => linkSync(at(one), at(two)));
      case 12:
        return this.both(`symlink ${one}`, () => void t.symlink(one, two), (at) => symlinkSync(two, at(one)));
      case 13: {
        const mode = 0o600 + pick(64);
        if (t.find(one)?.type === S.IFLNK) return;
        return this.both(`chmod ${one}`, () => t.chmod(one, mode), (at) => chmodSync(at(one), mode));
      }
      case 14: {
        const size = pick(10);
        if (t.find(one)?.type === S.IFLNK) return;
        return this.both(`truncate ${one}`, () => t.truncate(one, size), (at) => truncateSync(at(one), size));
      }
      default:
        return pick(2) === 0 ? this.openOne(one) : this.useOne();
    }
  }

  private openOne(path: string): void {
    if (this.t.find(path)?.type !== S.IFREG) return;
    this.done.push(`open ${path}`);
    this.open.push({ handle: this.t.open(path, O.RDWR), fd: openSync(join(this.plain, path), 'r+') });
  }

  /** Something open is read, written and closed; the kernel now and then forgets everything else. */
  private useOne(): void {
    const at = this.pick(this.open.length + 1);
    if (at === this.open.length) {
      this.done.push('forget all');
      this.t.forgetAll();
      return;
    }
    const { handle, fd } = this.open[at];
    this.open.splice(at, 1);
    this.done.push(`use ${handle.node.path()}`);
    this.t.writeTo(handle, 'handle', 1);
    writeSync(fd, 'handle', 1);
    expect(this.t.readFrom(handle), this.story()).toBe(readFileSync(`/proc/self/fd/${String(fd)}`, 'latin1'));
    this.t.release(handle);
    closeSync(fd);
  }

  /** Closes what is open, first comparing its attributes. */
  finish(countLinks = this.countLinks): void {
    for (const { handle, fd } of this.open.splice(0)) {
      try {
        if (countLinks) expect(this.t.statNode(handle.node).nlink, this.story()).toBe(fstatSync(fd).nlink);
        expect(this.t.readFrom(handle), this.story()).toBe(readFileSync(`/proc/self/fd/${String(fd)}`, 'latin1'));
      } finally {
        closeSync(fd);
      }
      this.t.release(handle);
    }
  }

  /** The same branches in a new union: what is on them is all it knows. */
  remount(): void {
    // A file that is open but removed keeps a lower branch's count.
    this.finish(false);
    expect(this.t.finish()).toEqual([]);
    expect(this.t.logs).toEqual([]);
    this.t = unionOver(this.t.options.branches, this.t.options);
    this.numbers.clear();
    this.done.push('remount');
    this.compare();
  }

  /** Everything that is there: names, types, modes, sizes, contents, link counts, which names are one file. */
  compare(): void {
    expect(this.listUnion(''), this.story()).toEqual(this.listPlain(''));
  }

  private listPlain(under: string): string[] {
    const lines: string[] = [];
    for (const name of readdirSync(join(this.plain, under)).sort()) {
      const path = under === '' ? name : `${under}/${name}`;
      const at = join(this.plain, path);
      const st = lstatSync(at);
      const number = this.numbers.get(st.ino);
      const ino = this.t.ino(path);
      // Stable over the life of the file.
      if (number === undefined) this.numbers.set(st.ino, ino);
      else expect(ino, `number of ${path}${this.story()}`).toBe(number);
      lines.push(line(path, st.mode, this.countLinks ? st.nlink : 0, st.isDirectory() ? '' : st.isSymbolicLink() ? readlinkSync(at) : readFileSync(at, 'latin1')));
      if (st.isDirectory()) lines.push(...this.listPlain(path));
    }
    return lines;
  }

  private listUnion(under: string): string[] {
    const { t } = this;
    const lines: string[] = [];
    for (const name of t.ls(under)) {
      const path = under === '' ? name : `${under}/${name}`;
      const st = t.stat(path);
      const type = st.mode & S.IFMT;
      lines.push(line(path, st.mode, this.countLinks ? st.nlink : 0, type === S.IFDIR ? '' : type === S.IFLNK ? t.readlink(path) : t.read(path)));
      if (type === S.IFDIR) lines.push(...this.listUnion(path));
    }
    return lines;
  }
}

function line(path: string, mode: number, nlink: number, content: string): string {
  const isDirectory = (mode & S.IFMT) === S.IFDIR;
  return [path, mode.toString(8), isDirectory ? '' : String(nlink), content].join(' ');
}

const settings: [string, Setting, Tree][] = [
  ['tdp', {}, {}],
  ['rr', { create: { name: 'rr' } }, {}],
  ['bu', { copyup: 'bu' }, {}],
  ['diropq=a', { diropq: 'a' }, {}],
  ['links below', {}, LINKS],
  ['on a disk', { on: DISK }, LINKS],
  ['dirren', { dirren: true }, {}],
  ['dirren, rr', { dirren: true, create: { name: 'rr' } }, {}],
  ['dirren, bu, on a disk', { dirren: true, copyup: 'bu', on: DISK }, {}],
];

describe.each(settings)('%s', (_name, setting, more) => {
  for (const [top, middle, bottom] of [['rw', 'ro', 'ro'], ['rw', 'rw', 'ro'], ['rw', 'ro+wh', 'ro']]) {
    test.each([1, 2, 3, 4, 5, 6])(`${top}, ${middle}, ${bottom}, seed %i`, (seed) => {
      const t = makeUnion([[top, TOP], [middle, MIDDLE], [bottom, { ...BOTTOM, ...more }]], setting);
      // tmpfs gives no inode number out twice, so that a number there is one file for the whole test.
      const plain = scratch(MEMORY);
      plant(plain, { ...SHOWN, ...more });
      const pair = new Pair(t, plain, random(seed), more !== LINKS);
      const [lowest, before] = [t.branch(2), t.names(2)];
      try {
        pair.compare();
        for (let i = 0; i < 400; i++) {
          pair.step();
          if (i % 40 === 39) pair.compare();
          if (setting.dirren === true && i % 100 === 99) pair.remount();
        }
        pair.t.forgetAll();
        pair.compare();
      } finally {
        pair.finish();
      }
      expect(namesOn(lowest)).toEqual(before);
      for (const [path, text] of Object.entries({ ...BOTTOM, ...more })) {
        if (typeof text === 'string') expect(readFileSync(join(lowest, path), 'latin1')).toBe(text);
      }
    });
  }
});
