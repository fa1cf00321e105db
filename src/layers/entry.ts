import type { SparseFile } from './sparse.js';

/** What a layer can hold. */
export type EntryType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'character-device' | 'block-device' | 'fifo';

/**
 * One entry of a layer. Names, link targets and values are bytes, held as latin1 strings. Only plain data, so that it
 * can be sent to another thread.
 */
export interface LayerEntry {
  type: EntryType;
  /** As in the archive: relative, perhaps with `./` before and `/` behind. */
  name: string;
  /** Target of a symlink, or the archive's name of a hard link's file; else ''. */
  linkname: string;
  /** Permissions with setuid, setgid and sticky; not the type. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of content of a file, holes included; else 0. */
  size: number;
  /** Seconds since 1970, may be negative, and nanoseconds to add. */
  mtime: number;
  mtimeNsec: number;
  devMajor: number;
  devMinor: number;
  /** Names and values of extended attributes, POSIX ACLs among them. */
  xattrs: [name: string, value: string][];
  /** The content comes without its holes. */
  sparse?: SparseFile;
}
