/** Operations on names: lookup and forget, and the making, moving and removing of them. */
import { E } from '../../posix/errno.js';
import { decodeMajor, decodeMinor } from './reply.js';
import { Malformed } from './request.js';
import { NO_REPLY, type Operation, type Serving } from './serving.js';
import { BatchForgetIn, ForgetIn, LinkIn, MkdirIn, MknodIn, Rename2In, RenameIn } from './wire.js';

export const lookup: Operation = (serving) => {
  const { union } = serving;
  const parent = serving.node();
  const name = serving.request.name(0);
  if (name === '.') {
    // EXPORT_SUPPORT: a file handle of open_by_handle_at(2) is brought back to a node.
    union.getattr(parent, null, serving.stat);
    return serving.entry(parent, parent);
  }
  // Nor is a file handle's parent known without its name: NFS then asks its client to look it up again.
  if (name === '..') return -E.ESTALE;

  const node = union.lookup(parent, name, serving.stat);
  if (node !== null) return serving.entry(node, parent);
  const seconds = union.cacheSeconds(parent);
  return seconds > 0 ? serving.reply.noEntry(0, seconds) : -E.ENOENT;
};

export const forget: Operation = (serving) => {
  const { request, union } = serving;
  const node = union.nodes.get(request.nodeid);
  if (node !== undefined) union.nodes.forget(node, request.u64At(ForgetIn.nlookup));
  return NO_REPLY;
};

export const batchForget: Operation = (serving) => {
  const { request, union } = serving;
  const count = request.u32At(BatchForgetIn.count);
  if (request.remaining(BatchForgetIn.SIZE) < count * BatchForgetIn.ONE) {
    throw new Malformed(`${count} nodes do not fit`);
  }
  for (let i = 0; i < count; i += 1) {
    const one = BatchForgetIn.SIZE + i * BatchForgetIn.ONE;
    const node = union.nodes.get(request.u64At(one + BatchForgetIn.nodeid));
    if (node !== undefined) union.nodes.forget(node, request.u64At(one + BatchForgetIn.nlookup));
  }
  return NO_REPLY;
};

export const symlink: Operation = (serving) => {
  const { request } = serving;
  const name = request.name(0);
  const target = request.nextName();
  const parent = serving.node();
  return serving.entry(serving.union.symlink(parent, name, target, serving.stat), parent);
};

export const mknod: Operation = (serving) => {
  const { request, union } = serving;
  const name = request.name(MknodIn.SIZE);
  const rdev = request.u32At(MknodIn.rdev);
  union.caller.umask = request.u32At(MknodIn.umask);
  const parent = serving.node();
  const mode = request.u32At(MknodIn.mode);
  const node = union.mknod(parent, name, mode, decodeMajor(rdev), decodeMinor(rdev), serving.stat);
  return serving.entry(node, parent);
};

export const mkdir: Operation = (serving) => {
  const { request, union } = serving;
  const name = request.name(MkdirIn.SIZE);
  union.caller.umask = request.u32At(MkdirIn.umask);
  const parent = serving.node();
  return serving.entry(union.mkdir(parent, name, request.u32At(MkdirIn.mode), serving.stat), parent);
};

export const unlink: Operation = (serving) => {
  serving.union.unlink(serving.node(), serving.request.name(0));
  return 0;
};

export const rmdir: Operation = (serving) => {
  serving.union.rmdir(serving.node(), serving.request.name(0));
  return 0;
};

export const rename: Operation = (serving) => renameWith(serving, RenameIn.SIZE, 0);

export const rename2: Operation = (serving) =>
  renameWith(serving, Rename2In.SIZE, serving.request.u32At(Rename2In.flags));

/** Both forms begin with the new directory's node id; `names` is where the two names begin. */
function renameWith(serving: Serving, names: number, flags: number): number {
  const { request } = serving;
  const name = request.name(names);
  const newName = request.nextName();
  const newParent = serving.nodeOf(request.u64At(RenameIn.newdir));
  serving.union.rename(serving.node(), name, newParent, newName, flags);
  return 0;
}

export const link: Operation = (serving) => {
  const { request } = serving;
  const newName = request.name(LinkIn.SIZE);
  const node = serving.nodeOf(request.u64At(LinkIn.oldnodeid));
  const parent = serving.node();
  return serving.entry(serving.union.link(node, parent, newName, serving.stat), parent);
};
