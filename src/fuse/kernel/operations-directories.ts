/** Operations on open directories. */
import type { Operation } from './serving.js';
import { FSYNC_FDATASYNC, FsyncIn, ReadIn, ReleaseIn } from './wire.js';

export const opendir: Operation = (serving) => serving.openedDir(serving.union.opendir(serving.node()));

export const readdir: Operation = (serving) => {
  const { request, reply, union, entries } = serving;
  const handle = serving.dir(request.u64At(ReadIn.fh));
  const cookie = request.u64At(ReadIn.offset);
  const size = Math.min(request.u32At(ReadIn.size), reply.capacity);
  if (union.readdirInto !== undefined) return union.readdirInto(handle, cookie, reply.body, size);
  entries.begin(size, handle.node);
  union.readdir(handle, cookie, entries.plain);
  return entries.length;
};

export const readdirplus: Operation = (serving) => {
  const { request, entries } = serving;
  const handle = serving.dir(request.u64At(ReadIn.fh));
  entries.begin(request.u32At(ReadIn.size), handle.node);
  serving.union.readdirplus(handle, request.u64At(ReadIn.offset), serving.stat, entries.plus);
  return entries.length;
};

export const releasedir: Operation = (serving) => {
  serving.union.releasedir(serving.dir(serving.request.u64At(ReleaseIn.fh)));
  return 0;
};

export const fsyncdir: Operation = (serving) => {
  const { request } = serving;
  const datasync = (request.u32At(FsyncIn.fsyncFlags) & FSYNC_FDATASYNC) !== 0;
  serving.union.fsyncdir(serving.dir(request.u64At(FsyncIn.fh)), datasync);
  return 0;
};
