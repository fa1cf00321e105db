// The data of a large copy-up are copied by a helper, into the temporary that will become the file, while the union
// serves others. Whoever needs that copy-up is suspended until the data are there; his operation then begins anew, finds
// them, and does the rest of the copy-up. What is to be known of one copy is kept by its node in `UnionState.copies`.

import { unlinkat } from '../posix/directory.js';
import { E, Errno, must } from '../posix/errno.js';
import { close, dup, ftruncate } from '../posix/file.js';
import { Stat } from '../posix/stat.js';
import { NR } from '../posix/syscall.js';
import type { Branch } from './branch.js';
import type { Node } from './node.js';
import { PACE, type Pace } from './pace.js';
import type { UnionState } from './state.js';
import { type Copying, Suspended, type Work } from './suspended.js';

/** The most that is copied at once, in bytes, by the pace of the slower of the two branches. */
const AT_ONCE: Readonly<Record<Pace, number>> = {
  [PACE.MEMORY]: 4 * 1024 * 1024,
  [PACE.DISK]: 1024 * 1024,
  [PACE.UNKNOWN]: 1024 * 1024,
  [PACE.REMOTE]: 0,
};

/** How often the copy of a file that somebody changes meanwhile, directly on its branch, is made anew. */
const MOST_TRIES = 3;

export class CopyAhead implements Work {
  private readonly waiting = new Set<() => void>();
  private readonly source = new Stat();
  private copying: Copying | null = null;
  private tries = 0;
  private discarded = false;
  /** When it was begun, by performance.now(). */
  readonly since = performance.now();
  /** Bytes of data moved, or -errno; null while it goes on. */
  result: number | null = null;

  constructor(
    private readonly u: UnionState,
    readonly node: Node,
    readonly target: Branch,
    readonly temporary: string,
    /** Descriptors of its own. */
    readonly from: number,
    readonly to: number,
    /** The size of the copy that was asked for; beyond the file's own means all of it. */
    public asked: number,
  ) {
    // The kernel may forget the node meanwhile.
    node.handles++;
  }

  /** Copies the data of `source`, whose attributes are `st`. */
  start(st: Stat): void {
    this.source.copy(st);
    this.tries++;
    this.result = null;
    const size = Math.min(this.asked, st.size);
    const afar = this.node.top.pace === PACE.REMOTE || this.target.pace === PACE.REMOTE;
    this.copying = this.u.helpers!.copy(this.from, this.to, size, afar, (result) => this.finished(result));
  }

  private finished(result: number): void {
    this.copying = null;
    if (this.discarded) return this.closeAside();
    this.result = result;
    if (this.waiting.size === 0) return this.discard();
    this.wake();
  }

  private wake(): void {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const again of waiting) again();
  }

  wait(again: () => void): void {
    // Discarded in between: the request finds out what is to be done now.
    if (this.discarded) return again();
    this.waiting.add(again);
    this.copying?.wanted();
  }

  interrupt(again: () => void, dying: boolean): boolean {
    this.waiting.delete(again);
    if (this.waiting.size > 0) return true;
    if (dying) this.discard();
    else this.copying?.abandon();
    return true;
  }

  /** Whether `st` is of the file that was copied, and nobody has changed it since. */
  isOf(st: Stat): boolean {
    const { source } = this;
    return this.isOfSameFile(st) && source.size === st.size && source.mtime === st.mtime && source.mtimeNsec === st.mtimeNsec &&
      source.ctime === st.ctime && source.ctimeNsec === st.ctimeNsec;
  }

  isOfSameFile(st: Stat): boolean {
    const { source } = this;
    return source.ino === st.ino && source.devMajor === st.devMajor && source.devMinor === st.devMinor;
  }

  /** The file was changed directly while it was copied: copies it anew, but not for ever. False: it is as good as it gets. */
  beginAnew(st: Stat): boolean {
    if (this.tries >= MOST_TRIES) return false;
    must(ftruncate(this.to, 0));
    this.start(st);
    return true;
  }

  /** The data have become the file's, or are of no use: what belongs to them goes, at once. Who waits tries anew. */
  discard(): void {
    if (this.discarded) return;
    this.giveUp();
    this.u.nodes.drop(this.node);
  }

  /** The same within an operation on the node. */
  giveUp(): void {
    unlinkat(this.target.orphanDir, this.temporary, 0);
    this.leave();
    if (this.copying === null) this.closeAside();
    else this.copying.stop();
    this.wake();
  }

  /** The temporary and the descriptors are the copy-up's now. Returns the bytes of data moved. */
  take(): number {
    this.leave();
    return this.result ?? 0;
  }

  private leave(): void {
    this.discarded = true;
    this.u.copies.delete(this.node);
    this.node.handles--;
  }

  /** The last descriptor of a large file that has no name: closing it frees its space, which takes a while. */
  private closeAside(): void {
    close(this.from);
    const { helpers } = this.u;
    if (helpers === null) close(this.to);
    else helpers.call('copy', NR.close, [this.to], () => undefined);
  }
}

/**
 * Hands the data to a helper and suspends the request, if they are so much that others would have to wait. Descriptors
 * and temporary are the caller's still where it returns, else CopyAhead has its own and the temporary is its matter.
 */
export function copyAhead(
  u: UnionState, node: Node, target: Branch, temporary: string, from: number, to: number, st: Stat, asked: number,
): void {
  const pace = Math.max(node.top.pace, target.pace) as Pace;
  if (u.helpers === null || Math.min(asked, st.size) <= AT_ONCE[pace]) return;
  const ownFrom = must(dup(from));
  const ownTo = dup(to);
  if (ownTo < 0) {
    close(ownFrom);
    throw new Errno(-ownTo);
  }
  const ahead = new CopyAhead(u, node, target, temporary, ownFrom, ownTo, asked);
  u.copies.set(node, ahead);
  ahead.start(st);
  throw new Suspended(ahead);
}

/**
 * The data of the node that a helper has copied; null where none has. Throws Suspended while one is at it, or the
 * branch's errno if it failed. A copy that is of no use for what is asked now is given up.
 */
export function copiedAhead(u: UnionState, node: Node, target: Branch, st: Stat, asked: number): CopyAhead | null {
  const ahead = u.copies.get(node);
  if (ahead === undefined) return null;
  const wanted = Math.min(asked, st.size);
  const isShort = wanted <= AT_ONCE[PACE.MEMORY] && wanted < Math.min(ahead.asked, st.size);
  if (ahead.target !== target || isShort || !ahead.isOfSameFile(st)) return giveUp(ahead);
  if (ahead.result === null) throw new Suspended(ahead);
  if (ahead.result === -E.ECANCELED || wanted > Math.min(ahead.asked, st.size)) return giveUp(ahead);
  if (ahead.result < 0) throw new Errno(-ahead.result);
  if (!ahead.isOf(st) && ahead.beginAnew(st)) throw new Suspended(ahead);
  return ahead;
}

function giveUp(ahead: CopyAhead): null {
  ahead.giveUp();
  return null;
}

/** After those who waited have had their turn: copies that none of them took. */
export function sweepCopies(u: UnionState): void {
  for (const ahead of [...u.copies.values()]) if (ahead.result !== null) ahead.discard();
}

/** Gives up all copies, or those from or to one branch. */
export function giveUpCopies(u: UnionState, branch?: Branch): void {
  for (const ahead of [...u.copies.values()]) {
    if (branch === undefined || ahead.target === branch || ahead.node.top === branch) ahead.discard();
  }
}
