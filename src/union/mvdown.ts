// Moving a file down: the opposite of a copy-up, aumvdown(8). The copy is made under a name that nobody sees and renamed into
// place on the lower branch, where the upper one still hides it; then the upper one goes. So at every moment, and after a
// crash, the union shows the same file. What takes long is done by helpers; after each of their tasks all is checked anew.

import { unlinkat } from '../posix/directory.js';
import { E, Errno, must } from '../posix/errno.js';
import { Stat, statat } from '../posix/stat.js';
import { UnionError } from './branch.js';
import { Probe, probe } from './lookup.js';
import { Copy, type Wait, keepingTimes } from './mvdown-copy.js';
import { type MoveDownReason, type MoveDownWish, NotMoved, type Site, findSite, leave, mustHaveRoom } from './mvdown-site.js';
import { childPath } from './node.js';
import type { UnionState } from './state.js';
import { makeWhiteout, removeWhiteout } from './whiteout.js';
import { forgetInode, keepInodeForGood } from './xino.js';

/** As the union is asked, again and again with the same `id` until it has an answer. */
export interface MoveDownRequest extends MoveDownWish {
  id: string;
  /** Who asked, for events. */
  pid?: number;
  /** Check everything, change nothing. */
  dryRun?: boolean;
  /** Nobody waits any more. */
  stop?: boolean;
}

export interface MovedBranch {
  id: number;
  index: number;
  path: string;
  /** The union does not write to it. */
  readonly: boolean;
}

export type MoveDownAnswer =
  | { kind: 'moved'; upper: MovedBranch; lower: MovedBranch; bytes: number; overwrote: boolean }
  /** `code`: the name of the errno, if it is one. */
  | { kind: 'refused'; reason: MoveDownReason; text: string; code?: string }
  /** It goes on: ask again. */
  | { kind: 'going'; bytes: number; size: number };

type Moved = Extract<MoveDownAnswer, { kind: 'moved' }>;

type Steps = Generator<Wait, Moved, number>;

/** The moves of a union that are under way. */
export class MoveDowns {
  private readonly going = new Map<string, Going>();

  constructor(private readonly u: UnionState) {}

  call(request: MoveDownRequest): MoveDownAnswer | null {
    const { u, going } = this;
    const one = going.get(request.id) ?? new Going(moveDown(u, request));
    if (request.stop === true) {
      going.delete(request.id);
      one.stop();
      return null;
    }
    u.caller.uid = u.uid;
    u.caller.gid = u.gid;
    u.caller.pid = request.pid ?? 0;
    const answer = one.goOn();
    if (answer.kind === 'going') going.set(request.id, one);
    else going.delete(request.id);
    return answer;
  }

  close(): void {
    for (const one of this.going.values()) one.stop();
    this.going.clear();
  }
}

class Going {
  private waiting: { wait: Wait; stop: () => void } | null = null;
  private stopped = false;
  private result = 0;

  constructor(private readonly steps: Steps) {}

  goOn(): MoveDownAnswer {
    try {
      while (this.waiting === null) {
        const { done, value } = this.steps.next(this.result);
        if (done === true) return value;
        this.wait(value);
      }
      return { kind: 'going', ...this.waiting.wait.progress() };
    } catch (error) {
      if (error instanceof NotMoved) return { kind: 'refused', reason: error.reason, text: error.message };
      if (error instanceof Errno) return failed(error);
      if (error instanceof UnionError) return { kind: 'refused', reason: 'failed', text: error.message };
      throw error;
    }
  }

  private wait(wait: Wait): void {
    const waiting: { wait: Wait; stop: () => void } = { wait, stop: () => undefined };
    this.waiting = waiting;
    waiting.stop = wait.begin((result) => {
      this.waiting = null;
      this.result = result;
      if (this.stopped) this.steps.return(undefined as never);
    });
  }

  /** What it has made goes; not while a helper works on it. */
  stop(): void {
    this.stopped = true;
    if (this.waiting === null) this.steps.return(undefined as never);
    else this.waiting.stop();
  }
}

function failed(error: Errno): MoveDownAnswer {
  const isFull = error.errno === E.ENOSPC || error.errno === E.EDQUOT;
  return { kind: 'refused', reason: isFull ? 'no-room' : 'failed', text: error.message, code: error.code };
}

// --- the move ---------------------------------------------------------------------------------------

function* moveDown(u: UnionState, request: MoveDownRequest): Steps {
  const site = findSite(u, request);
  if (request.dryRun === true) {
    try {
      mustHaveRoom(u, site);
      return moved(site, site.stat.size);
    } finally {
      leave(u, site);
    }
  }
  const copy = beginCopy(u, site);
  try {
    yield* copy.content();
    at(u, request, copy, false, (again) => copy.attributes(again));
    yield* copy.sync();
    at(u, request, copy, false, (again) => copy.place(again));
    yield* copy.syncPlace();
    return at(u, request, copy, true, (again) => finish(u, request, copy, again));
  } finally {
    copy.close();
  }
}

function beginCopy(u: UnionState, site: Site): Copy {
  try {
    const copy = new Copy(u, site);
    try {
      copy.begin();
      return copy;
    } catch (error) {
      copy.close();
      throw error;
    }
  } finally {
    leave(u, site);
  }
}

/** Finds and checks everything anew: others were served meanwhile. */
function at<Result>(u: UnionState, request: MoveDownRequest, copy: Copy, placed: boolean, work: (site: Site) => Result): Result {
  const site = findSite(u, request, { from: copy.from, placed });
  try {
    if (site.upper !== copy.site.upper || site.lower !== copy.site.lower || !isUnchanged(copy.site.stat, site.stat)) {
      throw new NotMoved('in-use', 'was changed while it was copied; try again');
    }
    return work(site);
  } finally {
    leave(u, site);
  }
}

function isUnchanged(a: Stat, b: Stat): boolean {
  return a.ino === b.ino && a.devMajor === b.devMajor && a.devMinor === b.devMinor && a.size === b.size && a.mtime === b.mtime &&
    a.mtimeNsec === b.mtimeNsec && a.ctime === b.ctime && a.ctimeNsec === b.ctimeNsec;
}

function moved({ upper, lower, overwrites }: Site, bytes: number): Moved {
  const told = ({ id, index, path, spec }: Site['upper']): MovedBranch => ({ id, index, path, readonly: spec.perm !== 'rw' });
  return { kind: 'moved', upper: told(upper), lower: told(lower), bytes, overwrote: overwrites };
}

const found = new Probe();
const copied = new Stat();

/** The whiteout on the lower branch goes, and the upper file. */
function finish(u: UnionState, request: MoveDownRequest, copy: Copy, site: Site): Moved {
  const { parent, name, node, upper, lower, stat } = site;
  const below = u.directoryOn(parent, lower);
  const above = u.directoryOn(parent, upper);
  u.watch?.own.comes(parent, name);
  u.watch?.own.goes(parent, name);
  const hadWhiteout = keepingTimes(below, () => removeWhiteout(below, name));
  try {
    must(statat(below, name, copied));
    // Whatever was overlooked: what would not be seen then is not to be all there is.
    if (!probe(u, parent, name, found, parent.layerOf(upper) + 1) || found.layers[0] !== lower) {
      throw new NotMoved('upper', `it would not be seen on ${lower.path}`);
    }
    if (request.keepUpper !== true) keepingTimes(above, () => must(unlinkat(above, name, 0)));
  } catch (error) {
    if (hadWhiteout) makeWhiteout(lower, below, name);
    throw error;
  }
  copy.keep();
  parent.version++;
  u.hooks.attributesChanged?.(parent.id, false);
  if (request.keepUpper !== true) {
    node.layers = lower.alone;
    node.closeAnchor();
    forgetInode(upper, stat);
    keepInodeForGood(lower, copied, node.ino);
    u.hooks.stale?.({ kind: 'inode', node: node.id, offset: -1, length: 0 });
    if (u.wantEvents) u.event('move-down', lower, childPath(parent, name), { from: upper.path, bytes: copy.bytes });
  }
  return moved({ ...site, overwrites: copy.overwrote }, copy.bytes);
}
