/**
 * Passing descriptors between processes over a Unix socket (SCM_RIGHTS, unix(7)): fusermount3 hands over /dev/fuse so.
 */
import { E } from './errno.js';
import { close } from './file.js';
import { allocate, readU64, write64 } from './memory.js';
import { NR, sys3, sys4 } from './syscall.js';

export const AF_UNIX = 1;
const SOCK_STREAM = 1;
export const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
export const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;

const descriptors = allocate(8);

/** socketpair(2): two connected stream sockets, close-on-exec; both are -errno on failure. */
export function socketpair(): [number, number] {
  const result = sys4(NR.socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, descriptors.address);
  if (result < 0) return [result, result];
  return [descriptors.u32[0], descriptors.u32[1]];
}

// struct cmsghdr { size_t len; int level; int type; } and its data, 8-byte-aligned.
const CONTROL_HEADER = 16;
// The kernel passes at most SCM_MAX_FD (253) descriptors in a message: room for all, so that each can be closed.
const CONTROL_MAX = CONTROL_HEADER + 253 * 4 + 4;
// Where struct msghdr has the length of its control data, in 32-bit words.
const CONTROL_LENGTH = 10;

/**
 * The memory of a message of one byte with descriptors. One object holds all parts because the kernel alone knows that
 * they belong together: a part no function mentions would be collected.
 */
class Message {
  readonly payload = allocate(8);
  readonly vector = allocate(16);
  readonly control = allocate(CONTROL_MAX);
  readonly header = allocate(56);

  constructor() {
    // struct iovec { void *base; size_t len; }
    write64(this.vector.u32, 0, this.payload.address);
    write64(this.vector.u32, 2, 1);
    // struct msghdr { void *name; u32 namelen; iovec *iov; size_t iovlen; void *control; size_t controllen; int flags; }
    write64(this.header.u32, 4, this.vector.address);
    write64(this.header.u32, 6, 1);
    write64(this.header.u32, 8, this.control.address);
  }
}

const message = new Message();

/**
 * Receives one descriptor, close-on-exec: the descriptor or -errno. ENODATA: the other end closed without sending;
 * EBADMSG: a message without a descriptor. Any further descriptors of the message are closed.
 */
export function receiveFd(socket: number): number {
  const { header, control } = message;
  write64(header.u32, CONTROL_LENGTH, control.length);
  const received = sys3(NR.recvmsg, socket, header.address, MSG_CMSG_CLOEXEC);
  if (received < 0) return received;
  const controlLength = readU64(header.u32, CONTROL_LENGTH);
  const hasRights =
    controlLength >= CONTROL_HEADER + 4 &&
    control.u32[2] === SOL_SOCKET &&
    control.u32[3] === SCM_RIGHTS;
  if (!hasRights) return received === 0 ? -E.ENODATA : -E.EBADMSG;
  const count = (readU64(control.u32, 0) - CONTROL_HEADER) >>> 2;
  const passed = Array.from(control.u32.subarray(4, 4 + count));
  for (const extra of passed.slice(1)) close(extra);
  return passed[0];
}

/** Sends a descriptor, with one byte of data to carry it. 1 or -errno (EPIPE: the other end is closed). */
export function sendFd(socket: number, fd: number): number {
  const { header, control } = message;
  write64(control.u32, 0, CONTROL_HEADER + 4);
  control.u32[2] = SOL_SOCKET;
  control.u32[3] = SCM_RIGHTS;
  control.u32[4] = fd;
  write64(header.u32, CONTROL_LENGTH, CONTROL_HEADER + 8);
  return sys3(NR.sendmsg, socket, header.address, MSG_NOSIGNAL);
}
