/** Operations on open files. */
import { E } from '../../posix/errno.js';
import { Malformed } from './request.js';
import type { Operation, Serving } from './serving.js';
import {
  CopyFileRangeIn,
  CreateIn,
  ENTRY_OUT_SIZE,
  FallocateIn,
  FSYNC_FDATASYNC,
  FsyncIn,
  LseekIn,
  OPEN_KILL_SUIDGID,
  OpenIn,
  ReadIn,
  ReleaseIn,
  WRITE_KILL_SUIDGID,
  WriteIn,
} from './wire.js';

export const open: Operation = (serving) => {
  const { request } = serving;
  const kill = (request.u32At(OpenIn.openFlags) & OPEN_KILL_SUIDGID) !== 0;
  return serving.opened(0, serving.union.open(serving.node(), request.u32At(OpenIn.flags), kill));
};

export const create: Operation = (serving) => {
  const { request, union } = serving;
  const name = request.name(CreateIn.SIZE);
  const flags = request.u32At(CreateIn.flags);
  const mode = request.u32At(CreateIn.mode);
  const kill = (request.u32At(CreateIn.openFlags) & OPEN_KILL_SUIDGID) !== 0;
  union.caller.umask = request.u32At(CreateIn.umask);
  const parent = serving.node();
  const handle = union.create(parent, name, flags, mode, serving.stat, kill);
  serving.entry(handle.node, parent);
  return serving.opened(ENTRY_OUT_SIZE, handle);
};

export const tmpfile: Operation = (serving) => {
  const { request, union } = serving;
  // A name comes along as with CREATE, but says nothing: the file has none.
  request.name(CreateIn.SIZE);
  const flags = request.u32At(CreateIn.flags);
  const mode = request.u32At(CreateIn.mode);
  union.caller.umask = request.u32At(CreateIn.umask);
  const parent = serving.node();
  const handle = union.tmpfile(parent, flags, mode, serving.stat);
  serving.entry(handle.node, parent);
  return serving.opened(ENTRY_OUT_SIZE, handle);
};

/** The data go from the file straight into the reply. */
export const read: Operation = (serving) => {
  const { request, reply } = serving;
  const handle = serving.file(request.u64At(ReadIn.fh));
  const size = Math.min(request.u32At(ReadIn.size), reply.capacity);
  return serving.union.read(handle, request.placeAt(ReadIn.offset), size, reply.address);
};

/** The data go from the request straight into the file. */
export const write: Operation = (serving) => {
  const { request } = serving;
  const size = request.u32At(WriteIn.size);
  if (request.remaining(WriteIn.SIZE) < size) throw new Malformed(`${size} bytes of data are not there`);
  const written = serving.union.write(
    serving.file(request.u64At(WriteIn.fh)),
    request.placeAt(WriteIn.offset),
    size,
    request.addressAt(WriteIn.SIZE),
    (request.u32At(WriteIn.writeFlags) & WRITE_KILL_SUIDGID) !== 0,
  );
  return written < 0 ? written : count(serving, written);
};

/** ENOSYS tells the kernel to send no more: a write has reported its errors when it happened. */
export const flush: Operation = () => -E.ENOSYS;

export const release: Operation = (serving) => {
  serving.release(serving.file(serving.request.u64At(ReleaseIn.fh)));
  return 0;
};

export const fsync: Operation = (serving) => {
  const { request } = serving;
  const datasync = (request.u32At(FsyncIn.fsyncFlags) & FSYNC_FDATASYNC) !== 0;
  serving.union.fsync(serving.file(request.u64At(FsyncIn.fh)), datasync);
  return 0;
};

export const fallocate: Operation = (serving) => {
  const { request } = serving;
  serving.union.fallocate(
    serving.file(request.u64At(FallocateIn.fh)),
    request.u32At(FallocateIn.mode),
    request.placeAt(FallocateIn.offset),
    request.placeAt(FallocateIn.length),
  );
  return 0;
};

export const lseek: Operation = (serving) => {
  const { request } = serving;
  const position = serving.union.lseek(
    serving.file(request.u64At(LseekIn.fh)),
    request.i64At(LseekIn.offset),
    request.u32At(LseekIn.whence),
  );
  if (position < 0) return position;
  serving.reply.setU64(0, position);
  return 8;
};

export const copyFileRange: Operation = (serving) => {
  const copied = copyBetween(serving);
  return copied < 0 ? copied : count(serving, copied);
};

/** The same with a 64-bit count in the reply (7.45). */
export const copyFileRange64: Operation = (serving) => {
  const copied = copyBetween(serving);
  if (copied < 0) return copied;
  serving.reply.setU64(0, copied);
  return 8;
};

function copyBetween(serving: Serving): number {
  const { request } = serving;
  return serving.union.copyFileRange(
    serving.file(request.u64At(CopyFileRangeIn.fhIn)),
    request.placeAt(CopyFileRangeIn.offIn),
    serving.file(request.u64At(CopyFileRangeIn.fhOut)),
    request.placeAt(CopyFileRangeIn.offOut),
    request.u64At(CopyFileRangeIn.len),
  );
}

/** struct fuse_write_out. */
function count(serving: Serving, bytes: number): number {
  serving.reply.setU32(0, bytes);
  serving.reply.setU32(4, 0);
  return 8;
}
