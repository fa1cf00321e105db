// Owners that are shown as others than they are on the branches: `uidmapping=`, `gidmapping=` and `squash_to_…` of
// fuse-overlayfs, with which containers of several user namespaces share layers. The union works with the owners on the
// branches: they are translated where attributes and ACLs go out, and where a caller, a chown(2) or an ACL comes in.

import type { Stat } from '../posix/stat.js';
import type { IdMapping, UnionOptions } from './options.js';
import type { Caller } from './state.js';

/** What an owner outside of the mapping becomes, /proc/sys/kernel/overflowuid. */
const OVERFLOW = 65534;

/** FATTR_UID and FATTR_GID: what a SETATTR changes. */
const UID = 2;
const GID = 4;

/** posix_acl_xattr_header and _entry of linux/posix_acl_xattr.h, and the tags of the entries that name somebody. */
const ACL_HEADER = 4;
const ACL_ENTRY = 8;
const ACL_ID = 4;
const ACL_USER = 2;
const ACL_GROUP = 8;

type Translate = (id: number, mapping: readonly IdMapping[]) => number;

export class Owners {
  private constructor(private readonly options: UnionOptions) {}

  /** Null where owners are shown as they are. */
  static of(options: UnionOptions): Owners | null {
    const { uidMapping, gidMapping, squashUid, squashGid } = options;
    const none = uidMapping.length === 0 && gidMapping.length === 0 && squashUid === null && squashGid === null;
    return none ? null : new Owners(options);
  }

  /** Turns a branch's attributes into those that are shown. */
  show(stat: Stat): void {
    const { uidMapping, gidMapping, squashUid, squashGid } = this.options;
    stat.uid = squashUid ?? shown(stat.uid, uidMapping);
    stat.gid = squashGid ?? shown(stat.gid, gidMapping);
  }

  /** Turns the owners that somebody wants to give into those for the branch. */
  take(change: { valid: number; uid: number; gid: number }): void {
    if (change.valid & UID) change.uid = kept(change.uid, this.options.uidMapping);
    if (change.valid & GID) change.gid = kept(change.gid, this.options.gidMapping);
  }

  /** Who asks, as the branches know him. */
  caller(): Caller {
    return new MappedCaller(this.options.uidMapping, this.options.gidMapping);
  }

  /** Translates the value of `system.posix_acl_*` in place. */
  showAcl(acl: Buffer): void {
    this.translateAcl(acl, shown);
  }

  takeAcl(acl: Buffer): void {
    this.translateAcl(acl, kept);
  }

  private translateAcl(acl: Buffer, translate: Translate): void {
    for (let at = ACL_HEADER; at + ACL_ENTRY <= acl.length; at += ACL_ENTRY) {
      const tag = acl.readUInt16LE(at);
      const mapping = tag === ACL_USER ? this.options.uidMapping : tag === ACL_GROUP ? this.options.gidMapping : null;
      if (mapping !== null) acl.writeUInt32LE(translate(acl.readUInt32LE(at + ACL_ID), mapping), at + ACL_ID);
    }
  }
}

/** Set to the numbers that the kernel tells, it has those of the branches. */
class MappedCaller implements Caller {
  pid = 0;
  umask = 0o022;
  private user = 0;
  private group = 0;

  constructor(private readonly users: readonly IdMapping[], private readonly groups: readonly IdMapping[]) {}

  get uid(): number {
    return this.user;
  }

  set uid(id: number) {
    this.user = kept(id, this.users);
  }

  get gid(): number {
    return this.group;
  }

  set gid(id: number) {
    this.group = kept(id, this.groups);
  }
}

function shown(id: number, mapping: readonly IdMapping[]): number {
  if (mapping.length === 0) return id;
  for (const { onBranch, shown: to, count } of mapping) if (id >= onBranch && id - onBranch < count) return to + id - onBranch;
  return OVERFLOW;
}

function kept(id: number, mapping: readonly IdMapping[]): number {
  if (mapping.length === 0) return id;
  for (const { onBranch, shown: from, count } of mapping) if (id >= from && id - from < count) return onBranch + id - from;
  return OVERFLOW;
}

export function isAcl(attribute: string): boolean {
  return attribute.startsWith('system.posix_acl_');
}
