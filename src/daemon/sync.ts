import { statSync } from 'node:fs';
import type { Session } from '../fuse/adapter.js';
import type { Drop } from '../union/drop-upper.js';
import { callControl, followControl, type ControlRequest, type Outlet } from './control.js';
import { MountError } from './error.js';
import { findRunning } from './find-running.js';
import { resolveMountpoint } from './mountpoint.js';

/** A branch of a mounted union, from the top down. */
export interface UnionBranch {
  path: string;
  writable: boolean;
  /** Its whiteouts and opaque marks count. */
  whiteouts: boolean;
}

export interface MountedUnion {
  mountpoint: string;
  branches: readonly UnionBranch[];
  /** The union takes no changes from now on; pseudo-links are made real. Throws MountError where files are open for writing. */
  holdStill(): Promise<Still>;
  /** Makes pseudo-links real. */
  flush(): Promise<void>;
  /** Takes away from one branch what another, below it, has, too. Returns why each stays, or null. Throws MountError. */
  drop(upper: string, lower: string, drops: readonly Drop[]): Promise<(string | null)[]>;
}

export interface Still {
  end(): Promise<void>;
}

/** @throws MountError not mounted, not permitted, or mounted over one of its own branches */
export function unionAt(written: string): MountedUnion {
  const mountpoint = resolveMountpoint(written);
  const { directory, branches } = findRunning(mountpoint);
  const { dev } = statSync(mountpoint);
  const found = branches.map(({ text }): UnionBranch => {
    const cut = text.lastIndexOf('=');
    const [path, perm] = [text.slice(0, cut), text.slice(cut + 1)];
    if (statSync(path).dev === dev) throw new MountError(`the union is mounted over its own branch ${path}, which cannot be reached below it`);
    return { path, writable: /^rw(\+|$)/.test(perm), whiteouts: /^rw(\+|$)|\+wh(\+|$)/.test(perm) };
  });
  return {
    mountpoint,
    branches: found,
    holdStill: () => holdStill(directory),
    flush: async () => void await callControl(directory, { command: 'flush-plinks' }),
    drop: async (upper, lower, drops) => {
      const left: (string | null)[] = [];
      for (const some of inRequests(drops)) {
        left.push(...await callControl(directory, { command: 'drop-upper', upper, lower, drops: some }) as (string | null)[]);
      }
      return left;
    },
  };
}

/** A request has a longest line, and the union serves nobody else meanwhile. */
const MOST_CHARACTERS = 400_000;

function* inRequests(drops: readonly Drop[]): Generator<Drop[]> {
  let some: Drop[] = [];
  let length = 0;
  for (const drop of drops) {
    const size = JSON.stringify(drop).length;
    if (length + size > MOST_CHARACTERS && some.length > 0) {
      yield some;
      some = [];
      length = 0;
    }
    some.push(drop);
    length += size;
  }
  if (some.length > 0) yield some;
}

/** The union is still for as long as the connection lives: also when this process is killed it goes on. */
async function holdStill(directory: string): Promise<Still> {
  const ending = new AbortController();
  let begun = (): void => undefined;
  const still = new Promise<void>((resolve) => (begun = resolve));
  const follow = async (): Promise<void> => {
    for await (const line of followControl(directory, { command: 'hold-still' }, ending.signal, begun)) void line;
  };
  const over = follow();
  await Promise.race([still, over]);
  return {
    end: async () => {
      await callControl(directory, { command: 'go-on' });
      ending.abort();
      await over;
    },
  };
}

/** The control commands `hold-still`, which holds until its connection is closed, and `go-on`. */
export class Holding {
  private state: 'free' | 'held' | 'read-only anyway' = 'free';

  constructor(private readonly session: Session) {}

  async begin(outlet: Outlet): Promise<void> {
    if (this.state !== 'free') throw new MountError('another sync of this union is at work; wait for it');
    this.state = 'held';
    try {
      if (await this.session.call({ name: 'hold-still' }) !== true) this.state = 'read-only anyway';
    } catch (error) {
      this.state = 'free';
      throw error;
    }
    outlet.onClose(() => void this.end().catch(() => undefined));
  }

  async end(): Promise<void> {
    const { state } = this;
    this.state = 'free';
    if (state === 'held') await this.session.call({ name: 'go-on' });
  }
}

/** The control command `drop-upper`. */
export function serveDrop(session: Session, { upper, lower, drops }: ControlRequest): Promise<unknown> {
  if (typeof upper !== 'string' || typeof lower !== 'string' || !Array.isArray(drops) || !drops.every(isDrop)) {
    throw new MountError('not a request: no branches, or nothing to take away');
  }
  return session.call({ name: 'drop-upper', argument: { upper, lower, drops } });
}

function isDrop(value: unknown): value is Drop {
  const drop = value as { kind?: unknown; path?: unknown; paths?: unknown; upper?: unknown } | null;
  const isPath = (path: unknown): boolean => typeof path === 'string' && /^[\x01-\xff]+$/.test(path) && !path.split('/').includes('..');
  if (drop?.kind === 'file') return Array.isArray(drop.paths) && drop.paths.length > 0 && drop.paths.every(isPath) && typeof drop.upper === 'object' && drop.upper !== null;
  return (drop?.kind === 'opaque' || drop?.kind === 'whiteout' || drop?.kind === 'directory') && isPath(drop.path);
}
