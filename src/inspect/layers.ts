// What each branch has of a path, and why the union shows it or not. Which branch is seen, and which are merged, is what
// the union's lookup found; the branches themselves are looked at only to tell what lies there and what hides it.

import { close, O, openat } from '../posix/file.js';
import { S, Stat, statat } from '../posix/stat.js';
import { type Branch, permissionText } from '../union/branch.js';
import { WHITEOUT_PREFIX, isReserved } from '../union/name.js';
import { hidesBelow, isWhiteoutDevice } from '../union/overlay-marks.js';
import type { UnionState } from '../union/state.js';
import { type Entry, entryOf } from './entry.js';
import { found, type Walk } from './walk.js';

/** Marks of a read-only branch without `wh` are there, and ignored. */
export type Mark = 'counts' | 'ignored' | null;

export interface HiddenBy {
  /**
   * whiteout: of the name, or of a directory above it; opaque: a directory is marked; entry: something stands over it under
   * the same name, or where its directory is; pseudo-link: the name shows a copy of its file (hard links);
   * reserved: the name is AUFS's own.
   */
  kind: 'whiteout' | 'opaque' | 'entry' | 'pseudo-link' | 'reserved';
  /** The number of the branch that hides it. */
  branch: number;
  /** The path of what hides it, from the root of the union: for a whiteout the name that it hides. */
  path: string;
}

export interface OnBranch {
  /** 0 on top. */
  branch: number;
  directory: string;
  /** `rw`, `ro+wh` … */
  permission: string;
  writable: boolean;
  /** seen: the union shows this one; merged: a directory that what is seen is united with. */
  state: 'seen' | 'merged' | 'hidden' | 'absent';
  entry: Entry | null;
  /** There is a whiteout of the name here. */
  whiteout: Mark;
  /** It is a directory that hides those below it. */
  opaque: Mark;
  hiddenBy: HiddenBy | null;
}

/** One name on a branch. */
export interface Level {
  entry: Entry | null;
  whiteout: Mark;
  opaque: Mark;
}

const st = new Stat();

/** A directory on the branches, entered once for all names in it. */
export interface Entered {
  /** By branch. */
  readonly places: readonly Place[];
  close(): void;
}

export interface Place {
  /** What the branch has of each name on the way to the directory, first of its root. */
  readonly levels: readonly Level[];
  /** Of the directory, negative where the branch has none. */
  readonly fd: number;
  /** All names in it, where they were read: others need not be asked for. */
  names?: ReadonlySet<string>;
}

/** What the branches have of a path, top to bottom. `entered`: the directory that holds its last name. */
export function layersOf(u: UnionState, walk: Walk, entered?: Entered): OnBranch[] {
  const holder = entered ?? enter(u, walk, walk.names.length - 1);
  try {
    const all = u.branches.map((branch) => levelsOn(u, walk, branch, holder));
    return u.branches.map((branch) => onBranch(walk, all, branch));
  } finally {
    if (entered === undefined) holder.close();
  }
}

function onBranch(walk: Walk, all: readonly Level[][], branch: Branch): OnBranch {
  const node = found(walk);
  const { entry, whiteout, opaque } = all[branch.index][walk.names.length];
  let state: OnBranch['state'] = entry === null ? 'absent' : 'hidden';
  if (node?.top === branch) state = 'seen';
  else if (node !== null && node.layerOf(branch) >= 0) state = 'merged';
  return {
    branch: branch.index, directory: branch.path, permission: permissionText(branch.spec), writable: branch.writable,
    state, entry, whiteout, opaque,
    hiddenBy: state === 'hidden' ? whatHides(walk, all, branch) : null,
  };
}

/** What the branch has of each name of the path; first of its root. */
function levelsOn(u: UnionState, { names }: Walk, branch: Branch, { places }: Entered): Level[] {
  const place = places[branch.index];
  return names.length === 0 ? [...place.levels] : [...place.levels, levelAt(u, branch, place.fd, names[names.length - 1], place.names)];
}

/** Enters the first `depth` names of a path. Directories that the union found are entered where it found them. */
export function enter(u: UnionState, walk: Walk, depth: number): Entered {
  const own: number[] = [];
  const closeAll = (): void => {
    for (const fd of own) close(fd);
  };
  try {
    return { places: u.branches.map((branch) => enterOn(u, walk, depth, branch, own)), close: closeAll };
  } catch (error) {
    closeAll();
    throw error;
  }
}

function enterOn(u: UnionState, { names, nodes }: Walk, depth: number, branch: Branch, own: number[]): Place {
  const levels: Level[] = [level(u, branch, branch.root, '.')];
  let fd = branch.root;
  for (let i = 0; i <= depth; i++) {
    const node = i < nodes.length && nodes[i].isDirectory ? nodes[i] : undefined;
    const layer = node?.layerOf(branch) ?? -1;
    if (i > 0) levels.push(levelAt(u, branch, fd, names[i - 1]));
    if (node !== undefined && layer >= 0) fd = u.directory(node, layer);
    else if (fd >= 0 && i > 0) {
      fd = openat(fd, names[i - 1], O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
      if (fd >= 0) own.push(fd);
    }
  }
  return { levels, fd };
}

function levelAt(u: UnionState, branch: Branch, fd: number, name: string, names?: ReadonlySet<string>): Level {
  return fd < 0 ? { entry: null, whiteout: null, opaque: null } : level(u, branch, fd, name, names);
}

function level(u: UnionState, branch: Branch, fd: number, name: string, names?: ReadonlySet<string>): Level {
  const has = (each: string): boolean => (names?.has(each) ?? true) && statat(fd, each, st) >= 0;
  const mark = branch.whiteouts ? 'counts' : 'ignored';
  let whiteout: Mark = name !== '.' && has(WHITEOUT_PREFIX + name) ? mark : null;
  if (!has(name)) return { entry: null, whiteout, opaque: null };
  if (u.options.overlayMarks && isWhiteoutDevice(st)) {
    whiteout ??= mark;
    if (mark === 'counts') return { entry: null, whiteout, opaque: null };
  }
  const isDirectory = (st.mode & S.IFMT) === S.IFDIR;
  const entry = entryOf(st, fd, name);
  return { entry, whiteout, opaque: isDirectory && isOpaqueAt(u, fd, name) ? mark : null };
}

function isOpaqueAt(u: UnionState, dirfd: number, name: string): boolean {
  const fd = openat(dirfd, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
  if (fd < 0) return false;
  try {
    return hidesBelow(u, fd);
  } finally {
    close(fd);
  }
}

/** The uppermost mark or entry that keeps the union from showing what the branch has. */
function whatHides({ names, nodes }: Walk, all: readonly Level[][], branch: Branch): HiddenBy | null {
  const last = names.length;
  for (let i = 1; i <= last; i++) {
    const path = `/${names.slice(0, i).join('/')}`;
    if (isReserved(names[i - 1])) return { kind: 'reserved', branch: branch.index, path };
    // The union goes this far on this branch.
    if (i < last && i < nodes.length && nodes[i].layerOf(branch) >= 0) continue;
    const by = hidesAt(all, i, i === last, branch.index);
    if (by !== null) return { ...by, path };
  }
  const node = nodes.at(-1);
  return node === undefined ? null : { kind: 'pseudo-link', branch: node.top.index, path: `/${names.join('/')}` };
}

function hidesAt(all: readonly Level[][], i: number, isLast: boolean, below: number): Omit<HiddenBy, 'path'> | null {
  let isUnderDirectory = false;
  const isDirectory = !isLast || all[below][i].entry?.type === 'directory';
  for (let branch = 0; branch <= below; branch++) {
    const { entry, whiteout, opaque } = all[branch][i];
    if (whiteout === 'counts') return { kind: 'whiteout', branch };
    if (branch === below || entry === null) continue;
    if (entry.type !== 'directory') {
      if (!isUnderDirectory) return { kind: 'entry', branch };
      continue;
    }
    if (!isDirectory) return { kind: 'entry', branch };
    if (opaque === 'counts') return { kind: 'opaque', branch };
    isUnderDirectory = true;
  }
  return null;
}
