import { E, Errno, errnoName } from '../../posix/errno.js';
import { Suspended } from '../../union/suspended.js';
import * as attributes from './operations-attributes.js';
import * as directories from './operations-directories.js';
import * as files from './operations-files.js';
import * as names from './operations-names.js';
import * as session from './operations-session.js';
import * as xattrs from './operations-xattrs.js';
import { Malformed } from './request.js';
import { NO_REPLY, type Operation, type Serving } from './serving.js';
import * as wire from './wire.js';

const { Opcode } = wire;

/** The operations by opcode, and the shortest body each can have. */
const operations: Operation[] = new Array<Operation>(wire.OPCODES).fill(session.unsupported);
const shortest = new Uint16Array(wire.OPCODES);

function serve(opcode: number, operation: Operation, size = 0): void {
  operations[opcode] = operation;
  shortest[opcode] = size;
}

// A name is at least its end mark.
serve(Opcode.LOOKUP, names.lookup, 1);
serve(Opcode.FORGET, names.forget, wire.ForgetIn.SIZE);
serve(Opcode.BATCH_FORGET, names.batchForget, wire.BatchForgetIn.SIZE);
serve(Opcode.SYMLINK, names.symlink, 2);
serve(Opcode.MKNOD, names.mknod, wire.MknodIn.SIZE + 1);
serve(Opcode.MKDIR, names.mkdir, wire.MkdirIn.SIZE + 1);
serve(Opcode.UNLINK, names.unlink, 1);
serve(Opcode.RMDIR, names.rmdir, 1);
serve(Opcode.RENAME, names.rename, wire.RenameIn.SIZE + 2);
serve(Opcode.RENAME2, names.rename2, wire.Rename2In.SIZE + 2);
serve(Opcode.LINK, names.link, wire.LinkIn.SIZE + 1);

serve(Opcode.GETATTR, attributes.getattr, wire.GetattrIn.SIZE);
serve(Opcode.SETATTR, attributes.setattr, wire.SetattrIn.SIZE);
serve(Opcode.STATX, attributes.statx, wire.StatxIn.SIZE);
serve(Opcode.READLINK, attributes.readlink);
serve(Opcode.ACCESS, attributes.access);

serve(Opcode.OPEN, files.open, wire.OpenIn.SIZE);
serve(Opcode.CREATE, files.create, wire.CreateIn.SIZE + 1);
serve(Opcode.TMPFILE, files.tmpfile, wire.CreateIn.SIZE + 1);
serve(Opcode.READ, files.read, wire.ReadIn.SIZE);
serve(Opcode.WRITE, files.write, wire.WriteIn.SIZE);
serve(Opcode.FLUSH, files.flush);
serve(Opcode.RELEASE, files.release, wire.ReleaseIn.SIZE);
serve(Opcode.FSYNC, files.fsync, wire.FsyncIn.SIZE);
serve(Opcode.FALLOCATE, files.fallocate, wire.FallocateIn.SIZE);
serve(Opcode.LSEEK, files.lseek, wire.LseekIn.SIZE);
serve(Opcode.COPY_FILE_RANGE, files.copyFileRange, wire.CopyFileRangeIn.SIZE);
serve(Opcode.COPY_FILE_RANGE_64, files.copyFileRange64, wire.CopyFileRangeIn.SIZE);

serve(Opcode.OPENDIR, directories.opendir, wire.OpenIn.SIZE);
serve(Opcode.READDIR, directories.readdir, wire.ReadIn.SIZE);
serve(Opcode.READDIRPLUS, directories.readdirplus, wire.ReadIn.SIZE);
serve(Opcode.RELEASEDIR, directories.releasedir, wire.ReleaseIn.SIZE);
serve(Opcode.FSYNCDIR, directories.fsyncdir, wire.FsyncIn.SIZE);

serve(Opcode.GETXATTR, xattrs.getxattr, wire.GetxattrIn.SIZE + 1);
serve(Opcode.LISTXATTR, xattrs.listxattr, wire.GetxattrIn.SIZE);
serve(Opcode.SETXATTR, xattrs.setxattr, wire.SetxattrIn.COMPAT_SIZE + 1);
serve(Opcode.REMOVEXATTR, xattrs.removexattr, 1);

serve(Opcode.INIT, session.init, wire.InitIn.SIZE);
serve(Opcode.DESTROY, session.destroy);
serve(Opcode.INTERRUPT, session.interrupt, wire.InterruptIn.SIZE);
serve(Opcode.NOTIFY_REPLY, session.notifyReply);
serve(Opcode.STATFS, session.statfs);
serve(Opcode.SYNCFS, session.syncfs);
serve(Opcode.IOCTL, session.ioctl);

/** How often one defect is logged, and how many are: a caller must not fill the disk with them. */
const DEFECT_LOGGED = 10;
const DEFECTS_KNOWN = 100;

/** Turns the request of a Serving into its reply. */
export class Dispatcher {
  /** Requests answered, by opcode; the last place counts those unknown here. */
  readonly counts = new Float64Array(wire.OPCODES + 1);
  /** What was logged once already. */
  private readonly reported = new Set<string>();
  /** How often a defect was met, by its stack. */
  private readonly defects = new Map<string, number>();

  constructor(private readonly serving: Serving) {}

  /**
   * Serves the request of `length` bytes that lies in the request block. Returns the length of the reply,
   * which lies in the reply block, or 0 when none is to be sent. Throws Suspended, and nothing else.
   */
  dispatch(length: number): number {
    const { serving } = this;
    const { request, reply } = serving;
    serving.begin();
    request.length = length;
    if (length < wire.IN_HEADER_SIZE) {
      this.malformed('header', `${length} bytes are less than a header`);
      return 0;
    }

    const { opcode } = request;
    const result = this.answer(opcode);
    if (result === NO_REPLY || neverAnswered(opcode)) return 0;
    if (result < 0) return reply.header(0, result, request.uniqueLow, request.uniqueHigh);
    return reply.header(result, 0, request.uniqueLow, request.uniqueHigh);
  }

  private answer(opcode: number): number {
    const { serving } = this;
    const { request } = serving;
    const known = opcode < wire.OPCODES;
    this.counts[known ? opcode : wire.OPCODES] += 1;
    try {
      if (!known) return -E.ENOSYS;
      if (request.claimedLength !== request.length) {
        throw new Malformed(`its header says ${request.claimedLength} bytes, it has ${request.length}`);
      }
      if (request.remaining(0) < shortest[opcode]) {
        throw new Malformed(`a body of ${request.remaining(0)} bytes, ${shortest[opcode]} at least expected`);
      }
      const { caller } = serving.union;
      caller.uid = request.uid;
      caller.gid = request.gid;
      caller.pid = request.pid;
      return operations[opcode](serving);
    } catch (error) {
      if (error instanceof Suspended) {
        this.counts[opcode] -= 1;
        throw error;
      }
      this.takeBack();
      if (error instanceof Errno) return -error.errno;
      if (error instanceof Malformed) this.malformed(wire.opcodeName(opcode), error.message);
      else this.unexpected(wire.opcodeName(opcode), error);
      return -E.EIO;
    }
  }

  private takeBack(): void {
    try {
      this.serving.takeBack();
    } catch (error) {
      this.unexpected('taking back what a failed request made', error);
    }
  }

  private malformed(kind: string, what: string): void {
    if (this.reported.has(kind)) return;
    this.reported.add(kind);
    this.serving.log('error', `malformed FUSE request (${kind}): ${what}`);
  }

  /** A defect of ours: the caller, if there is one, gets EIO, the log the stack; the same one is logged so often only. */
  unexpected(operation: string, error: unknown): void {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const times = (this.defects.get(stack) ?? 0) + 1;
    if (times > DEFECT_LOGGED || this.defects.size > DEFECTS_KNOWN) return;
    this.defects.set(stack, times);
    this.serving.log('error', `${operation} failed unexpectedly and was answered ${errnoName(E.EIO)}`, { stack });
  }
}

/** Requests to which any reply, be it an error, is a protocol violation. */
function neverAnswered(opcode: number): boolean {
  return (
    opcode === Opcode.FORGET ||
    opcode === Opcode.BATCH_FORGET ||
    opcode === Opcode.INTERRUPT ||
    opcode === Opcode.NOTIFY_REPLY
  );
}
