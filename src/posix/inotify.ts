/**
 * Watching directories for changes, inotify(7).
 */
import type { Block } from './memory.js';
import { slotA } from './name.js';
import { NR, sys1, sys2, sys3 } from './syscall.js';

/** Events and flags of inotify; sys/inotify.h. */
export const IN = {
  ACCESS: 0x1,
  MODIFY: 0x2,
  ATTRIB: 0x4,
  CLOSE_WRITE: 0x8,
  CLOSE_NOWRITE: 0x10,
  OPEN: 0x20,
  MOVED_FROM: 0x40,
  MOVED_TO: 0x80,
  CREATE: 0x100,
  DELETE: 0x200,
  DELETE_SELF: 0x400,
  MOVE_SELF: 0x800,
  UNMOUNT: 0x2000,
  Q_OVERFLOW: 0x4000,
  IGNORED: 0x8000,
  ONLYDIR: 0x1000000,
  DONT_FOLLOW: 0x2000000,
  EXCL_UNLINK: 0x4000000,
  MASK_CREATE: 0x10000000,
  MASK_ADD: 0x20000000,
  ISDIR: 0x40000000,
} as const;

const IN_NONBLOCK = 0o4000;
const IN_CLOEXEC = 0o2000000;

/** inotify_init1(2), close-on-exec and not blocking. EMFILE at the user's fs.inotify.max_user_instances. */
export function inotifyInit(): number {
  return sys1(NR.inotify_init1, IN_NONBLOCK | IN_CLOEXEC);
}

/** inotify_add_watch(2): the watch's number or -errno. ENOSPC at the user's fs.inotify.max_user_watches. */
export function inotifyAddWatch(fd: number, path: string, mask: number): number {
  const bad = slotA.put(path);
  if (bad < 0) return bad;
  return sys3(NR.inotify_add_watch, fd, slotA.address, mask);
}

/** Watches the file an open descriptor (O_PATH too) stands for. */
export function inotifyAddWatchFd(fd: number, target: number, mask: number): number {
  return inotifyAddWatch(fd, `/proc/self/fd/${target}`, mask);
}

/** inotify_rm_watch(2). An IN.IGNORED event follows. */
export function inotifyRmWatch(fd: number, watch: number): number {
  return sys2(NR.inotify_rm_watch, fd, watch);
}

/**
 * What happened: to the watched directory itself where `name` is ''. `watch` is -1 for IN.Q_OVERFLOW; `cookie` ties
 * IN.MOVED_FROM to its IN.MOVED_TO.
 */
export type InotifyVisitor = (watch: number, mask: number, name: string, cookie: number) => void;

const HEADER = 16;

/** Visits the events in what read(2) put into a block: `length` bytes from its start. */
export function visitInotify({ bytes, u32 }: Block, length: number, visit: InotifyVisitor): void {
  let at = 0;
  while (at + HEADER <= length) {
    // struct inotify_event { int wd; u32 mask; u32 cookie; u32 len; char name[len]; }: the name is padded with NULs so
    // that the next one is aligned.
    const word = at >>> 2;
    const start = at + HEADER;
    at = start + u32[word + 3];
    let end = start;
    while (end < at && bytes[end] !== 0) end++;
    visit(u32[word] | 0, u32[word + 1], end === start ? '' : bytes.latin1Slice(start, end), u32[word + 2]);
  }
}
