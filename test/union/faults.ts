// Faults at will: a hook around the raw system calls, for tests that mock src/posix/syscall.js with it. Of the calls that
// change a file system the Nth, or all from the Nth on, fail or do nothing.

import { E } from '../../src/posix/errno.js';
import type * as Syscall from '../../src/posix/syscall.js';

// Not from file.js, which waits for the module that is wrapped here.
const O = { CREAT: 0o100, TRUNC: 0o1000 };

type Name = keyof typeof Syscall.NR;

/** What may fail for want of room. */
const TAKES_ROOM: readonly Name[] = [
  'write', 'writev', 'pwrite64', 'pwritev', 'fallocate', 'copy_file_range', 'mkdirat', 'mknodat', 'linkat', 'symlinkat',
  'setxattr', 'lsetxattr', 'fsetxattr', 'setxattrat', 'fsync',
];
const CHANGES: readonly Name[] = [
  ...TAKES_ROOM, 'ftruncate', 'unlinkat', 'renameat2', 'fchmod', 'fchmodat', 'fchmodat2', 'fchown', 'fchownat', 'utimensat',
  'removexattr', 'lremovexattr', 'fremovexattr', 'removexattrat',
];

/**
 * `death`: no call has an effect from the Nth on, as in a process that was killed before it. `once`: the Nth fails.
 * `ever`: all fail from the Nth on. `full`: those that need room do.
 */
export type Kind = 'death' | 'once' | 'ever' | 'full';

export const faults = {
  kind: 'once' as Kind,
  errno: 0,
  /** Changing calls still carried out. */
  left: Number.MAX_SAFE_INTEGER,
  struck: false,
  /** The calls that were hit, for messages. */
  hit: [] as string[],
};

/** From now on: the changing call number `after`, counted from 0. */
export function arm(kind: Kind, after: number, errno: number = E.EIO): void {
  Object.assign(faults, { kind, left: after, errno, struck: false, hit: [] });
}

/** No more faults. Whether one was met. */
export function disarm(): boolean {
  faults.left = Number.MAX_SAFE_INTEGER;
  return faults.struck;
}

/** The module with its calls wrapped, for vi.mock. */
export function faulty(real: typeof Syscall): typeof Syscall {
  const byNumber = new Map<number, Name>(Object.entries(real.NR).map(([name, nr]) => [nr, name as Name]));
  const room = new Set<Name>(TAKES_ROOM);
  const changes = new Set<Name>(CHANGES);

  function fails(nr: number, flags: number): boolean {
    if (faults.left === Number.MAX_SAFE_INTEGER) return false;
    const name = byNumber.get(nr);
    if (name === undefined) return false;
    const creates = name === 'openat' && (flags & (O.CREAT | O.TRUNC)) !== 0;
    if (!creates && !(faults.kind === 'full' ? room : changes).has(name)) return false;
    if (faults.left-- > 0) return false;
    if (faults.kind === 'once' && faults.struck) return false;
    faults.struck = true;
    faults.hit.push(name);
    return true;
  }

  const wrap = (call: (nr: number, ...given: number[]) => number) =>
    (nr: number, ...given: number[]): number => (fails(nr, given[2]) ? -faults.errno : call(nr, ...given));
  const { sys0, sys1, sys2, sys3, sys4, sys5, sys6 } = real;
  return {
    ...real, sys0, sys1: wrap(sys1), sys2: wrap(sys2), sys3: wrap(sys3), sys4: wrap(sys4),
    sys5: wrap(sys5), sys6: wrap(sys6),
  };
}
