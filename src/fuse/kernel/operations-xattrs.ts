/** Operations on extended attributes. */
import { E } from '../../posix/errno.js';
import { XATTR_MAX } from '../../posix/xattr.js';
import { Malformed } from './request.js';
import type { Operation, Serving } from './serving.js';
import { GetxattrIn, SETXATTR_ACL_KILL_SGID, SetxattrIn } from './wire.js';

export const getxattr: Operation = (serving) => {
  const { request, reply } = serving;
  const name = request.name(GetxattrIn.SIZE);
  const size = Math.min(request.u32At(GetxattrIn.size), reply.capacity);
  return sized(serving, size, serving.union.getxattr(serving.node(), name, reply.address, size));
};

export const listxattr: Operation = (serving) => {
  const { request, reply } = serving;
  const size = Math.min(request.u32At(GetxattrIn.size), reply.capacity);
  const node = serving.node();
  if (request.uid === 0) return sized(serving, size, serving.union.listxattr(node, reply.address, size));
  const length = withoutTrusted(reply.body, serving.union.listxattr(node, reply.address, Math.min(XATTR_MAX, reply.capacity)));
  if (size > 0 && length > size) return -E.ERANGE;
  return sized(serving, size, length);
};

const TRUSTED = Buffer.from('trusted.');

/** Takes the names that only the administrator sees, xattr(7), out of a list; the branch's kernel takes us for him. */
function withoutTrusted(list: Buffer, length: number): number {
  let kept = 0;
  for (let at = 0; at < length; ) {
    const end = list.indexOf(0, at) + 1;
    if (list.compare(TRUSTED, 0, TRUSTED.length, at, Math.min(at + TRUSTED.length, end)) !== 0) {
      list.copy(list, kept, at, end);
      kept += end - at;
    }
    at = end;
  }
  return kept;
}

/** Asked with size 0, the reply is the length itself (struct fuse_getxattr_out); else the data, there already. */
function sized(serving: Serving, asked: number, result: number): number {
  if (result < 0 || asked > 0) return result;
  serving.reply.setU32(0, result);
  serving.reply.setU32(4, 0);
  return 8;
}

export const setxattr: Operation = (serving) => {
  const { request } = serving;
  const extended = serving.negotiated?.setxattrExt === true;
  const name = request.name(extended ? SetxattrIn.SIZE : SetxattrIn.COMPAT_SIZE);
  const value = request.afterName;
  const size = request.u32At(SetxattrIn.size);
  if (request.remaining(value) < size) throw new Malformed(`${size} bytes of value are not there`);
  const flags = request.u32At(SetxattrIn.flags);
  const killSgid = extended && (request.u32At(SetxattrIn.setxattrFlags) & SETXATTR_ACL_KILL_SGID) !== 0;
  serving.union.setxattr(serving.node(), name, request.addressAt(value), size, flags, killSgid);
  return 0;
};

export const removexattr: Operation = (serving) => {
  serving.union.removexattr(serving.node(), serving.request.name(0));
  return 0;
};
