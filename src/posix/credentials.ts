/**
 * Who this thread is to the file system.
 *
 * To the kernel, credentials belong to a thread; these raw calls change the calling one alone (libc's wrappers of
 * setgroups would change all). umask is the exception: it belongs to the process until the thread leaves it (unshareFs).
 */
import { allocate } from './memory.js';
import { NR, sys0, sys1, sys2, sys5 } from './syscall.js';

/** uid_t and gid_t -1: no user, no group. */
const NOBODY_AT_ALL = -1;

const PR_GET_SECUREBITS = 27;
const PR_SET_SECUREBITS = 28;
const SECBIT_NO_SETUID_FIXUP = 1 << 2;
const CLONE_FS = 0x200;

/** setfsuid(2): the uid this thread creates and opens files as. Returns the former one; a refusal is silent. */
export function setfsuid(uid: number): number {
  return sys1(NR.setfsuid, uid);
}

/** setfsgid(2): the gid this thread creates and opens files as. Returns the former one; a refusal is silent. */
export function setfsgid(gid: number): number {
  return sys1(NR.setfsgid, gid);
}

/** The uid this thread creates and opens files as now. */
export function getfsuid(): number {
  return sys1(NR.setfsuid, NOBODY_AT_ALL);
}

/** The gid this thread creates and opens files as now. */
export function getfsgid(): number {
  return sys1(NR.setfsgid, NOBODY_AT_ALL);
}

const NGROUPS_MAX = 65536;
let groups = allocate(256 * 4);

function reserveGroups(count: number): void {
  if (groups.length < count * 4) groups = allocate(Math.min(count, NGROUPS_MAX + 1) * 4);
}

/** setgroups(2): the supplementary groups of this thread. EINVAL for more than 65536, EPERM without CAP_SETGID. */
export function setgroups(list: readonly number[]): number {
  reserveGroups(list.length);
  const count = Math.min(list.length, NGROUPS_MAX + 1);
  for (let i = 0; i < count; i++) groups.u32[i] = list[i];
  return sys2(NR.setgroups, count, groups.address);
}

/** getgroups(2): the supplementary groups of this thread, or -errno. */
export function getgroups(): number[] | number {
  const count = sys2(NR.getgroups, 0, 0);
  if (count < 0) return count;
  reserveGroups(count);
  const filled = sys2(NR.getgroups, count, groups.address);
  return filled < 0 ? filled : Array.from(groups.u32.subarray(0, filled));
}

/** umask(2), of the whole process unless this thread has called unshareFs. Returns the former mask. */
export function umask(mask: number): number {
  return sys1(NR.umask, mask);
}

/**
 * Gives this thread a umask and a current directory of its own (unshare(2), CLONE_FS; needs no privilege). For worker
 * threads: what they change then leaves the process's own mask alone.
 */
export function unshareFs(): number {
  return sys1(NR.unshare, CLONE_FS);
}

/**
 * Lets this thread keep its capabilities when setfsuid turns it from root into a user: files are the user's, access
 * stays root's (capabilities(7), SECBIT_NO_SETUID_FIXUP). EPERM without CAP_SETPCAP.
 */
export function keepCapabilities(): number {
  const bits = getSecurebits();
  return bits < 0 ? bits : setSecurebits(bits | SECBIT_NO_SETUID_FIXUP);
}

/** The securebits of this thread. */
export function getSecurebits(): number {
  return sys5(NR.prctl, PR_GET_SECUREBITS, 0, 0, 0, 0);
}

/** Sets the securebits of this thread. EPERM without CAP_SETPCAP. */
export function setSecurebits(bits: number): number {
  return sys5(NR.prctl, PR_SET_SECUREBITS, bits, 0, 0, 0);
}

/** geteuid(2) of this thread. */
export function geteuid(): number {
  return sys0(NR.geteuid);
}

/** getegid(2) of this thread. */
export function getegid(): number {
  return sys0(NR.getegid);
}

/** gettid(2): the number of this thread, its directory's name in /proc/self/task. */
export function gettid(): number {
  return sys0(NR.gettid);
}
