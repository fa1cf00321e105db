/**
 * The operations of libfuse 2's high-level interface, as the addon gives them, on a union. Paths come as text; numbers of
 * 64 bits as two of 32.
 */
import { E, Errno } from '../../posix/errno.js';
import { O } from '../../posix/file.js';
import { addressOf } from '../../posix/memory.js';
import { S } from '../../posix/stat.js';
import { SET } from '../../union/attributes.js';
import type { FileHandle } from '../../union/file-handle.js';
import { decodeMajor, decodeMinor } from '../kernel/reply.js';
import type { Node } from '../../union/node.js';
import type { OperationName } from './addon.js';
import { putEntry, putStat, putStatFs, STAT_WORDS } from './attributes.js';
import { attributes, descriptor, lent, lentSecond, modificationTime, TWO_32, type Operation } from './operation.js';
import { bytesOf, textOf } from './paths.js';
import type { NativeServing } from './serving.js';

/** The file an open descriptor stands for. */
function file(serving: NativeServing, id: number): FileHandle {
  const handle = serving.union.fileHandle(id);
  if (handle === undefined) throw new Errno(E.EBADF);
  return handle;
}

/**
 * Where a write goes. The kernel's notion of the end may be old: another name of a hard-linked file is another file to it,
 * and nobody tells it what is written to a branch. What is appended must not overwrite that.
 */
function offset(serving: NativeServing, handle: FileHandle, asked: number): number {
  if ((handle.flags & O.APPEND) === 0) return asked;
  serving.union.getattr(handle.node, handle, serving.stat);
  return serving.stat.size;
}

/** The address that data lie at; an empty buffer has none, and needs none. */
function addressIn(buffer: Buffer): number {
  return buffer.length === 0 ? 0 : addressOf(buffer);
}

function getattr(serving: NativeServing, node: Node, handle: FileHandle | null): number {
  const { union, paths, stat } = serving;
  union.getattr(node, handle, stat);
  if (paths.isHidden(node)) stat.nlink += 1;
  putStat(serving.statWords, stat);
  return 0;
}

function setattr(serving: NativeServing, path: string, valid: number, set: Partial<NativeServing['change']>, handle: FileHandle | null = null): number {
  const { union, change, stat } = serving;
  Object.assign(change, set);
  change.valid = valid;
  union.setattr(handle === null ? serving.paths.node(path) : handle.node, handle, change, stat);
  return 0;
}

/** A millisecond count as seconds and nanoseconds. */
function times(milliseconds: number): [seconds: number, nanoseconds: number] {
  const seconds = Math.floor(milliseconds / 1000);
  return [seconds, (milliseconds - seconds * 1000) * 1e6];
}

/** `flush` is left out: libfuse then answers ENOSYS, and the kernel asks no more; a write has reported its errors itself. */
export const operations: { readonly [Name in OperationName]?: Operation } = {
  getattr: {
    ...attributes,
    run(serving, args) {
      return getattr(serving, serving.paths.node(args.text(0)), null);
    },
  },

  fgetattr: {
    ...attributes,
    run(serving, args) {
      const handle = file(serving, args.number(1));
      return getattr(serving, handle.node, handle);
    },
  },

  /** The kernel checks permissions itself (default_permissions) and does not ask. */
  access: { run: (serving, args) => (serving.paths.node(args.text(0)), 0) },

  statfs: {
    more: ({ statfsWords }) => [statfsWords],
    run(serving) {
      serving.union.statfs(serving.statfs);
      putStatFs(serving.statfsWords, serving.statfs);
      return 0;
    },
  },

  // --- names ------------------------------------------------------------------------------------

  readlink: {
    more: ({ link }) => [link],
    run(serving, args) {
      serving.link = '';
      const target = textOf(serving.union.readlink(serving.paths.node(args.text(0))));
      if (target === undefined) return -E.EILSEQ;
      serving.link = target;
      return 0;
    },
  },

  symlink: {
    run(serving, args) {
      const target = bytesOf(args.text(0));
      const { parent, name } = serving.paths.place(args.text(1));
      serving.paths.meet(serving.union.symlink(parent, name, target, serving.stat));
      return 0;
    },
  },

  mknod: {
    run(serving, args) {
      const { parent, name } = serving.paths.place(args.text(0));
      const device = args.number(2);
      const { union, stat } = serving;
      serving.paths.meet(union.mknod(parent, name, args.number(1), decodeMajor(device), decodeMinor(device), stat));
      return 0;
    },
  },

  mkdir: {
    run(serving, args) {
      const { parent, name } = serving.paths.place(args.text(0));
      serving.paths.meet(serving.union.mkdir(parent, name, args.number(1), serving.stat));
      return 0;
    },
  },

  unlink: {
    run(serving, args) {
      if (serving.paths.wasHidden(args.text(0))) return 0;
      const { parent, name } = serving.paths.place(args.text(0));
      // The union counts on it that whoever removes or renames a name has looked it up.
      serving.paths.child(parent, name);
      serving.union.unlink(parent, name);
      return 0;
    },
  },

  rmdir: {
    run(serving, args) {
      const { parent, name } = serving.paths.place(args.text(0));
      serving.paths.child(parent, name);
      serving.union.rmdir(parent, name);
      return 0;
    },
  },

  rename: {
    run(serving, args) {
      const { union, paths } = serving;
      const { parent, name } = paths.place(args.text(0));
      paths.child(parent, name);
      if (paths.hides(args.text(0), args.text(1))) {
        try {
          union.unlink(parent, name);
        } catch (error) {
          paths.unhide(args.text(1));
          throw error;
        }
        return 0;
      }
      const to = paths.place(args.text(1));
      const replaced = union.lookup(to.parent, to.name, serving.stat);
      if (replaced !== null) paths.meet(replaced);
      union.rename(parent, name, to.parent, to.name, 0);
      return 0;
    },
  },

  link: {
    run(serving, args) {
      const node = serving.paths.node(args.text(0));
      const { parent, name } = serving.paths.place(args.text(1));
      serving.paths.meet(serving.union.link(node, parent, name, serving.stat));
      return 0;
    },
  },

  // --- attributes -------------------------------------------------------------------------------

  chmod: { run: (serving, args) => setattr(serving, args.text(0), SET.MODE, { mode: args.number(1) & ~S.IFMT }) },

  chown: {
    run(serving, args) {
      const [uid, gid] = [args.number(1), args.number(2)];
      // (uid_t) -1 leaves it.
      return setattr(serving, args.text(0), (uid === TWO_32 - 1 ? 0 : SET.UID) | (gid === TWO_32 - 1 ? 0 : SET.GID), { uid, gid });
    },
  },

  utimens: {
    run(serving, args) {
      const atime = args.wide(1);
      const mtime = modificationTime(args.thread, atime) ?? args.wide(3);
      const [atimeSeconds, atimeNsec] = times(atime);
      const [mtimeSeconds, mtimeNsec] = times(mtime);
      const set = { atime: atimeSeconds, atimeNsec, mtime: mtimeSeconds, mtimeNsec };
      return setattr(serving, args.text(0), SET.ATIME | SET.MTIME, set);
    },
  },

  truncate: { run: (serving, args) => setattr(serving, args.text(0), SET.SIZE, { size: args.wide(1) }) },

  ftruncate: {
    run(serving, args) {
      return setattr(serving, '', SET.SIZE, { size: args.wide(2) }, file(serving, args.number(1)));
    },
  },

  // --- extended attributes ----------------------------------------------------------------------

  getxattr: {
    ...lent(2),
    run(serving, args) {
      const value = args.buffer(2);
      return serving.union.getxattr(serving.paths.node(args.text(0)), bytesOf(args.text(1)), addressIn(value), value.length);
    },
  },

  setxattr: {
    ...lent(2),
    run(serving, args) {
      const value = args.buffer(2);
      const node = serving.paths.node(args.text(0));
      serving.union.setxattr(node, bytesOf(args.text(1)), addressIn(value), value.length, args.number(4), false);
      return 0;
    },
  },

  listxattr: {
    ...lent(1),
    run(serving, args) {
      const list = args.buffer(1);
      return serving.union.listxattr(serving.paths.node(args.text(0)), addressIn(list), list.length);
    },
  },

  removexattr: {
    run(serving, args) {
      serving.union.removexattr(serving.paths.node(args.text(0)), bytesOf(args.text(1)));
      return 0;
    },
  },

  // --- open files -------------------------------------------------------------------------------

  open: {
    ...descriptor,
    run(serving, args) {
      serving.opened = 0;
      const handle = serving.union.open(serving.paths.node(args.text(0)), args.number(1));
      serving.opened = handle.id;
      return 0;
    },
  },

  create: {
    ...descriptor,
    run(serving, args) {
      serving.opened = 0;
      const { parent, name } = serving.paths.place(args.text(0));
      // The addon does not tell how it is opened: for both serves every descriptor.
      const handle = serving.union.create(parent, name, O.RDWR | O.CREAT, args.number(1), serving.stat);
      serving.opened = handle.id;
      return 0;
    },
  },

  read: {
    ...lentSecond(2),
    run(serving, args) {
      const into = args.buffer(2);
      return serving.union.read(file(serving, args.number(1)), args.wide(4), into.length, addressIn(into));
    },
  },

  write: {
    ...lentSecond(2),
    run(serving, args) {
      const data = args.buffer(2);
      const handle = file(serving, args.number(1));
      // Set-id bits are taken away by the kernel, with a chmod of its own.
      return serving.union.write(handle, offset(serving, handle, args.wide(4)), data.length, addressIn(data), false);
    },
  },

  fsync: {
    run(serving, args) {
      serving.union.fsync(file(serving, args.number(2)), args.number(1) !== 0);
      return 0;
    },
  },

  release: {
    run(serving, args) {
      const handle = file(serving, args.number(1));
      serving.union.release(handle);
      serving.paths.closed(handle.node);
      return 0;
    },
  },

  // --- directories ------------------------------------------------------------------------------

  opendir: {
    ...descriptor,
    run(serving, args) {
      serving.opened = 0;
      serving.opened = serving.union.opendir(serving.paths.node(args.text(0))).id;
      return 0;
    },
  },

  /** The whole listing at once, of which libfuse hands out the parts. It is by the path: the addon gives no descriptor. */
  readdir: {
    more: ({ names, entries }) => [names, entries],
    run(serving, args) {
      serving.names = [];
      serving.entries = [];
      const { union, names, entries } = serving;
      const handle = union.opendir(serving.paths.node(args.text(0)));
      try {
        union.readdir(handle, 0, (name, type, ino) => {
          const text = textOf(name);
          if (text === undefined) {
            serving.hiddenName(args.text(0));
            return true;
          }
          const words = new Uint32Array(STAT_WORDS);
          putEntry(words, type, ino);
          names.push(text);
          entries.push(words);
          return true;
        });
      } finally {
        union.releasedir(handle);
      }
      return 0;
    },
  },

  fsyncdir: {
    run(serving, args) {
      const handle = serving.union.dirHandle(args.number(2));
      if (handle === undefined) return -E.EBADF;
      serving.union.fsyncdir(handle, args.number(1) !== 0);
      return 0;
    },
  },

  releasedir: {
    run(serving, args) {
      const handle = serving.union.dirHandle(args.number(1));
      if (handle === undefined) return -E.EBADF;
      serving.union.releasedir(handle);
      return 0;
    },
  },
};
