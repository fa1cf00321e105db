/**
 * What the rest of tsaufs asks of whatever brings a union and the kernel together: a way to mount one, and
 * hold of the mount afterwards. kernel/ speaks to /dev/fuse itself, native/ through libfuse 2.
 */
import type { UnionEvent } from '../union/events.js';
import type { UnionOptions } from '../union/options.js';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The generic mount options, mount(8). */
export interface MountFlags {
  readonly readonly: boolean;
  readonly nosuid: boolean;
  readonly nodev: boolean;
  readonly noexec: boolean;
  /** 'default' leaves it to the kernel. */
  readonly atime: 'relatime' | 'noatime' | 'strictatime' | 'default';
  /** Asked for: users other than the one who mounts may use it. */
  readonly allowOther: boolean;
  /** The SELinux label of all files, where SELinux is on. */
  readonly context?: string | undefined;
  // What follows is for fuse-native alone; the kernel adapter has no need of it.
  /** New files belong to the one who mounted, whoever makes them. */
  readonly ownNewFiles?: boolean;
  /** The kernel keeps the pages of a file from one open to the next. */
  readonly kernelCache?: boolean;
  /** How long the kernel may keep names, attributes, and that there is no such name: seconds; negative: as the adapter sees fit. */
  readonly entryTimeout?: number;
  readonly attrTimeout?: number;
  readonly negativeTimeout?: number;
}

export interface SessionRequest {
  /** An absolute path of a directory. */
  readonly mountpoint: string;
  /** The first field in /proc/mounts, such as `none`. */
  readonly source: string;
  readonly union: UnionOptions;
  readonly mount: MountFlags;
  onEvent(event: UnionEvent): void;
  onLog(level: LogLevel, message: string, fields?: object): void;
}

export interface BranchInfo {
  /** From 64 up. */
  readonly id: number;
  readonly path: string;
  /** As `/path=ro+wh`. */
  readonly text: string;
}

/** Something asked of a running mount; the names are the union's and the adapter's own (`branches`, `stats`). */
export interface Command {
  readonly name: string;
  readonly argument?: unknown;
}

export interface SessionEnd {
  readonly reason: 'unmounted' | 'failed';
  readonly error?: string;
}

export interface Session {
  readonly branches: readonly BranchInfo[];
  /** Resolves when the mount is gone and the union closed; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** Whether `onEvent` is told events, and of lookups, too; off at first, and then events cost nothing. */
  setEvents(on: boolean, lookups?: boolean): void;
  /** Rejects with an Error of one clear line. */
  call(command: Command): Promise<unknown>;
  /**
   * Unmounts. Resolves when the mount point is free; `ended` follows, with `lazy` perhaps much later. Rejects
   * with an Error of one clear line when a process still uses the mount.
   */
  unmount(how: { lazy: boolean }): Promise<void>;
}

/** This kernel speaks no protocol that the adapter knows; another adapter may. */
export class ProtocolError extends Error {}

export interface Adapter {
  readonly name: 'kernel' | 'fuse-native';
  /** Resolves once the mount answers. Rejects with an Error of one clear line, and nothing stays mounted. */
  start(request: SessionRequest): Promise<Session>;
}
