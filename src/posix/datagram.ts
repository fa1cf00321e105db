/** Datagrams to a Unix socket (unix(7)), which Node.js cannot send. */
import { close } from './file.js';
import { allocate } from './memory.js';
import { AF_UNIX, MSG_NOSIGNAL, SOCK_CLOEXEC } from './socket.js';
import { NR, sys3, sys6 } from './syscall.js';
import { E } from './errno.js';

const SOCK_DGRAM = 2;
/** Of struct sockaddr_un { u16 family; char path[108]; }. */
const PATH_AT = 2;
const PATH_MAX = 108;

/**
 * Sends one datagram to the socket of a name, in latin1; a name that begins with @ is abstract.
 * @returns how many bytes were sent, or -errno
 */
export function sendDatagram(name: string, text: string): number {
  if (name.length >= PATH_MAX) return -E.ENAMETOOLONG;
  const address = allocate(PATH_AT + PATH_MAX);
  address.bytes.writeUInt16LE(AF_UNIX, 0);
  address.bytes.write(name, PATH_AT, 'latin1');
  // A NUL in its place, and none at the end.
  if (name.startsWith('@')) address.bytes[PATH_AT] = 0;
  const payload = allocate(Math.max(text.length, 1));
  payload.bytes.write(text, 0, 'latin1');
  const socket = sys3(NR.socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return socket;
  const sent = sys6(NR.sendto, socket, payload.address, text.length, MSG_NOSIGNAL, address.address, PATH_AT + name.length);
  close(socket);
  return sent;
}
