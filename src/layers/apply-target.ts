import path from 'node:path';
import { fchmod, fchown } from '../posix/attributes.js';
import { getegid, geteuid } from '../posix/credentials.js';
import { AT, mkdirat, renameat2, RENAME } from '../posix/directory.js';
import { E, Errno } from '../posix/errno.js';
import { close, O, openat } from '../posix/file.js';
import { nameFromText } from '../posix/name.js';
import { fremovexattr } from '../posix/xattr.js';
import { removeTree } from '../union/remove-tree.js';
import { LayerError } from './error.js';

/** The directory that a layer goes to: one beside its place, closed to others, until the layer is complete. */
export class ApplyTarget {
  readonly fd: number;
  private readonly parent: number;
  private readonly name: string;
  private temporary: string | null = null;

  constructor(directory: string, into: boolean) {
    const whole = path.resolve(directory);
    this.name = nameFromText(path.basename(whole));
    this.parent = openat(AT.FDCWD, nameFromText(path.dirname(whole)), O.PATH | O.DIRECTORY, 0);
    if (this.parent < 0) throw new LayerError(`${path.dirname(whole)}: ${new Errno(-this.parent).message}`);
    try {
      this.fd = into ? this.openExisting(whole) : this.makeTemporary(whole);
    } catch (error) {
      this.end();
      throw error;
    }
  }

  private openExisting(whole: string): number {
    const fd = openat(AT.FDCWD, nameFromText(whole), O.PATH | O.DIRECTORY, 0);
    if (fd < 0) throw new LayerError(`${whole}: ${new Errno(-fd).message}`);
    return fd;
  }

  private makeTemporary(whole: string): number {
    const there = openat(this.parent, this.name, O.PATH | O.NOFOLLOW, 0);
    if (there >= 0) {
      close(there);
      throw new LayerError(`${whole} exists; name a directory that does not, or add to it with --into`);
    }
    const name = `.${this.name.slice(0, 200)}.${process.pid}-${Math.random().toString(36).slice(2, 10)}`;
    const made = mkdirat(this.parent, name, 0o700);
    if (made < 0) throw new LayerError(`${path.dirname(whole)}: ${new Errno(-made).message}`);
    this.temporary = name;
    const fd = openat(this.parent, name, O.PATH | O.DIRECTORY | O.NOFOLLOW, 0);
    if (fd < 0) throw new LayerError(`${whole}: ${new Errno(-fd).message}`);
    // Of a parent that hands on its group or a default ACL nothing may reach the layer.
    for (const acl of ['system.posix_acl_default', 'system.posix_acl_access']) fremovexattr(fd, acl);
    fchmod(fd, 0o700);
    fchown(fd, geteuid(), getegid());
    return fd;
  }

  /** Nobody else can reach what is in it yet. */
  get isHidden(): boolean {
    return this.temporary !== null;
  }

  /** The layer is complete: it takes its place. */
  keep(): void {
    if (this.temporary === null) return;
    const renamed = renameat2(this.parent, this.temporary, this.parent, this.name, RENAME.NOREPLACE);
    if (renamed === -E.EEXIST) throw new LayerError(`${Buffer.from(this.name, 'latin1').toString()} was made by somebody else meanwhile`);
    if (renamed < 0) throw new LayerError(new Errno(-renamed).message);
    this.temporary = null;
  }

  end(): void {
    if (this.temporary !== null) removeTree(this.parent, this.temporary);
    this.temporary = null;
    if ((this.fd as number | undefined) !== undefined) close(this.fd);
    close(this.parent);
  }
}
