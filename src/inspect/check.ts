// What is wrong with a branch, as auchk(8) looked for it: marks that do not do what a mark does, and what an interrupted
// mount left. The branch is only read; check-repair.ts changes it.

import { DT, readDirectory } from '../posix/directory.js';
import { Errno, must } from '../posix/errno.js';
import { close, O, openat } from '../posix/file.js';
import { withDirectories } from '../posix/open-directories.js';
import { S, Stat, fstat, statat } from '../posix/stat.js';
import { WHITEOUT_PREFIX } from '../union/name.js';
import { hasPlinkNote } from '../union/pseudo-link-note.js';
import { JOURNAL } from '../union/rename-journal.js';
import { NAME_RECORD, PATH_RECORD, RENAMED_LIST } from '../union/rename-record.js';
import { OPAQUE_MARK, ORPHAN_DIRECTORY, PLINK_DIRECTORY, WHITEOUT_BASE } from '../union/whiteout.js';
import { shownName } from '../layers/error.js';
import { InspectError } from './error.js';

/**
 * beside: a name and its whiteout stand side by side; stray: a whiteout that hides nothing; malformed: a whiteout or an
 * opaque mark that is not an empty regular file; temporary: what an interrupted operation left; orphan: the same, among
 * the orphans; pseudo-link: what was not flushed; interrupted: a rename that the next mount finishes; base: one of AUFS's
 * own entries in the root is not what it should be; unknown: a name that is AUFS's, and no mark of any kind.
 */
export type ProblemKind =
  'beside' | 'stray' | 'malformed' | 'temporary' | 'orphan' | 'pseudo-link' | 'interrupted' | 'base' | 'unknown';

export interface Problem {
  kind: ProblemKind;
  /** Of the mark, or of what was left, from the branch's root, without a slash before: bytes as a latin1 string. */
  path: string;
  /** One line for a person. */
  text: string;
  /** What a repair does; null where it cannot or need not do anything, as `text` says. `choose`: only who is told which of the two. */
  repair: 'remove' | 'replace' | 'choose' | null;
}

export interface Checked {
  /** Names that were looked at. */
  names: number;
  problems: Problem[];
}

export interface CheckOptions {
  /** Branches below, as paths: a whiteout of what none of them has is stray. */
  below?: readonly string[];
  /** A union that is mounted works on the branch: what looks left is in use. */
  inUse?: boolean;
}

/** Looks at every name of a branch, on its file system. Throws InspectError. */
export function checkBranch(directory: string, { below = [], inUse = false }: CheckOptions = {}): Checked {
  try {
    return withDirectories([directory, ...below], ([root, ...lowers]) => {
      must(fstat(root, st), directory);
      const check = new Check({ major: st.devMajor, minor: st.devMinor }, inUse);
      // Where directories were renamed, what lies below one is found under other names.
      const told = lowers.length > 0 && ![root, ...lowers].some((fd) => statat(fd, RENAMED_LIST, st) >= 0);
      check.directory(root, told ? lowers : null, '', false);
      check.problems.sort((a, b) => a.path < b.path ? -1 : Number(a.path > b.path));
      return check;
    });
  } catch (error) {
    throw error instanceof Errno ? new InspectError(shownName(error.message)) : error;
  }
}

const st = new Stat();

/** What a temporary of AUFS's (four hex digits) or of ours looks like; of ours also where a layer is applied. */
const TEMPORARY = /^\.wh\.\.wh\..+\.[0-9a-f]{4}$|^\.wh\.\.wh\.[0-9a-f]+\.[0-9a-f]+$|^\.wh\.\.wh\.(aufs\.[0-9a-f]+|plnk-\d+|sync-\d+)$/s;

const ONLY_IN_ROOT = new Set([WHITEOUT_BASE, PLINK_DIRECTORY, ORPHAN_DIRECTORY, RENAMED_LIST]);

class Check implements Checked {
  names = 0;
  readonly problems: Problem[] = [];

  constructor(private readonly device: { major: number; minor: number }, private readonly inUse: boolean) {}

  /** `lowers`: the same directory on the branches below; null where that is not known. `opaque`: nothing below shows. */
  directory(fd: number, lowers: readonly number[] | null, path: string, opaque: boolean): void {
    const names = new Map<string, number>();
    must(readDirectory(fd, (name, type) => void names.set(name, type)), path);
    this.names += names.size;
    const hidesAll = opaque || names.has(OPAQUE_MARK);
    const renamed = [...names.keys()].some((name) => name.startsWith(NAME_RECORD) || name.startsWith(PATH_RECORD));
    const known = renamed ? null : lowers;
    for (const [name, type] of names) {
      if (name.startsWith(WHITEOUT_PREFIX + WHITEOUT_PREFIX)) this.reserved(fd, name, path);
      else if (name.startsWith(WHITEOUT_PREFIX)) this.whiteout(fd, name, path, names, known, hidesAll);
      else if (type === DT.DIR || type === DT.UNKNOWN) this.child(fd, name, path, known, hidesAll);
    }
  }

  private child(fd: number, name: string, path: string, lowers: readonly number[] | null, opaque: boolean): void {
    must(statat(fd, name, st), path + name);
    if ((st.mode & S.IFMT) !== S.IFDIR || !this.isHere(st)) return;
    const child = must(openat(fd, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0), path + name);
    // Those that have none, or something else of that name, show nothing inside.
    const below = lowers?.map((lower) => openat(lower, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0)).filter((each) => each >= 0);
    try {
      this.directory(child, below ?? null, `${path}${name}/`, opaque);
    } finally {
      for (const each of below ?? []) close(each);
      close(child);
    }
  }

  private isHere({ devMajor, devMinor }: Stat): boolean {
    return devMajor === this.device.major && devMinor === this.device.minor;
  }

  private whiteout(
    fd: number, mark: string, path: string, names: ReadonlyMap<string, number>, lowers: readonly number[] | null, opaque: boolean,
  ): void {
    const hidden = mark.slice(WHITEOUT_PREFIX.length);
    if (this.form(fd, mark, path)) return;
    if (hidden === '' || hidden === '.' || hidden === '..') {
      this.add('stray', path + mark, 'hides nothing: no file can have the name it stands for', 'remove');
    } else if (names.has(hidden)) {
      this.add('beside', path + mark, `stands beside ${shownName(hidden)}, which it hides: only one of the two can be meant`, 'choose');
    } else if (opaque) {
      this.add('stray', path + mark, 'hides nothing: the directory is opaque', 'remove');
    } else if (lowers?.every((lower) => statat(lower, hidden, st) < 0)) {
      // What their own whiteouts hide counts as there: a branch may be mounted without them.
      this.add('stray', path + mark, 'hides nothing: no branch below has the name', 'remove');
    }
  }

  /** Tells of a mark that is not an empty regular file. */
  private form(fd: number, mark: string, path: string): boolean {
    must(statat(fd, mark, st), path + mark);
    const type = st.mode & S.IFMT;
    if (type === S.IFREG && st.size === 0) return false;
    if (type === S.IFDIR) this.add('malformed', path + mark, 'is a directory and counts as a whiteout; look into it and remove it', null);
    else if (type === S.IFREG) this.add('malformed', path + mark, `counts as a whiteout and holds ${st.size} bytes, which no union shows`, 'replace');
    else this.add('malformed', path + mark, 'counts as a whiteout and is no regular file', 'replace');
    return true;
  }

  private reserved(fd: number, name: string, path: string): void {
    if (name === OPAQUE_MARK) this.form(fd, name, path);
    else if (name.startsWith(NAME_RECORD) || name.startsWith(PATH_RECORD)) return;
    else if (path === '' && ONLY_IN_ROOT.has(name)) this.base(fd, name);
    else if (path === '' && name === JOURNAL) {
      if (!this.inUse) this.add('interrupted', name, 'a rename was interrupted; the next mount with the branch writable finishes or undoes it', null);
    } else if (TEMPORARY.test(name)) {
      if (!this.inUse) this.add('temporary', path + name, 'left by an interrupted operation', 'remove');
    } else this.add('unknown', path + name, 'a name that is AUFS\'s own, and nothing that tsaufs knows; no union shows it', null);
  }

  private base(fd: number, name: string): void {
    must(statat(fd, name, st), name);
    const isDirectory = name === PLINK_DIRECTORY || name === ORPHAN_DIRECTORY;
    if ((st.mode & S.IFMT) !== (isDirectory ? S.IFDIR : S.IFREG)) {
      this.add('base', name, `is not a ${isDirectory ? 'directory' : 'regular file'}: no union can write to the branch; remove it`, null);
    } else if (name === WHITEOUT_BASE && st.size > 0) {
      this.add('base', name, `holds ${st.size} bytes, and so does every whiteout made from it; empty it`, null);
    } else if (isDirectory && !this.inUse) this.left(fd, name);
  }

  /** What lies in `.wh..wh.orph` and `.wh..wh.plnk` of a branch that no union has. */
  private left(root: number, name: string): void {
    const fd = must(openat(root, name, O.RDONLY | O.DIRECTORY | O.NOFOLLOW, 0), name);
    try {
      const names: string[] = [];
      must(readDirectory(fd, (each) => names.push(each)), name);
      const awaited = name === PLINK_DIRECTORY && hasPlinkNote(fd);
      for (const each of names) {
        if (name === ORPHAN_DIRECTORY) this.add('orphan', `${name}/${each}`, 'left by an interrupted operation', 'remove');
        else this.pseudoLink(fd, each, awaited);
      }
    } finally {
      close(fd);
    }
  }

  private pseudoLink(fd: number, name: string, awaited: boolean): void {
    must(statat(fd, name, st), name);
    const path = `${PLINK_DIRECTORY}/${name}`;
    if ((st.mode & S.IFMT) === S.IFDIR) this.add('pseudo-link', path, 'is a directory, which no pseudo-link can be; look into it and remove it', null);
    else if (awaited) this.add('pseudo-link', path, 'left by an interrupted mount; the next mount of the same branches makes its names real', null);
    else if (st.nlink > 1) this.add('pseudo-link', path, `a pseudo-link that was not flushed; its file keeps ${shownNames(st.nlink - 1)}`, 'remove');
    else this.add('pseudo-link', path, 'a pseudo-link that was not flushed, and the only name of its file; move it where it belongs, or remove it', null);
  }

  private add(kind: ProblemKind, path: string, text: string, repair: Problem['repair']): void {
    this.problems.push({ kind, path, text, repair });
  }
}

function shownNames(count: number): string {
  return count === 1 ? 'its other name' : `its ${count} other names`;
}
