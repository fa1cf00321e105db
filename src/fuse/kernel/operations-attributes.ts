/** Operations on attributes, and the content of symbolic links. */
import { E } from '../../posix/errno.js';
import type { Operation } from './serving.js';
import { GETATTR_FH, GetattrIn, SetAttrValid, SetattrIn, StatxIn } from './wire.js';

export const getattr: Operation = (serving) => {
  const { request, union, stat } = serving;
  const open = (request.u32At(GetattrIn.flags) & GETATTR_FH) !== 0;
  const node = serving.node();
  union.getattr(node, open ? serving.file(request.u64At(GetattrIn.fh)) : null, stat);
  return serving.reply.attr(stat, union.attributeSeconds(node, stat));
};

export const statx: Operation = (serving) => {
  const { request, union, stat } = serving;
  const open = (request.u32At(StatxIn.flags) & GETATTR_FH) !== 0;
  const node = serving.node();
  union.getattr(node, open ? serving.file(request.u64At(StatxIn.fh)) : null, stat);
  return serving.reply.statx(stat, union.attributeSeconds(node, stat));
};

export const setattr: Operation = (serving) => {
  const { request, union, stat, change } = serving;
  const valid = request.u32At(SetattrIn.valid);
  const handle = (valid & SetAttrValid.FH) !== 0 ? serving.file(request.u64At(SetattrIn.fh)) : null;
  change.valid = valid & ~(SetAttrValid.FH | SetAttrValid.LOCKOWNER);
  change.mode = request.u32At(SetattrIn.mode);
  change.uid = request.u32At(SetattrIn.uid);
  change.gid = request.u32At(SetattrIn.gid);
  change.size = (valid & SetAttrValid.SIZE) !== 0 ? request.placeAt(SetattrIn.size) : 0;
  change.atime = request.i64At(SetattrIn.atime);
  change.atimeNsec = request.u32At(SetattrIn.atimeNsec);
  change.mtime = request.i64At(SetattrIn.mtime);
  change.mtimeNsec = request.u32At(SetattrIn.mtimeNsec);
  const node = serving.node();
  union.setattr(node, handle, change, stat);
  return serving.reply.attr(stat, union.attributeSeconds(node, stat));
};

export const readlink: Operation = (serving) =>
  serving.reply.text(0, serving.union.readlink(serving.node()));

/** The kernel checks permissions itself (default_permissions) and asks only where it does not. */
export const access: Operation = () => -E.ENOSYS;
