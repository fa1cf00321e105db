import { readdirSync, readFileSync } from 'node:fs';
import { callControl } from './control.js';
import { forgetOldMounts } from './old-mounts.js';
import { mountAt, mountType, readMountTable } from './mount-table.js';
import { findStates, type BranchText, type FoundState, type MountState } from './state.js';

/**
 * running: answers; dead: the process is gone and the mount still there; failed: the file system ended by
 * itself; detached: no longer mounted, but somebody still has a file open.
 */
export type MountStatus = 'running' | 'dead' | 'failed' | 'detached';

/** What `tsaufs list --json` tells of a mount. */
export interface ListedMount extends MountState {
  /** Whether it answers. */
  status: MountStatus;
  /** The state directory. */
  directory: string;
  /** From the top down. */
  branches: BranchText[];
}

/** The mounts of this user and of root, oldest first. State that stands for nothing any more is removed. */
export function listMounts(): ListedMount[] {
  forgetOldMounts();
  const table = readMountTable();
  return findStates().map((found) => ({
    ...found.state,
    status: statusOf(found, mountAt(found.state.mountpoint, table)?.type === mountType),
    directory: found.directory,
    branches: found.branches,
  }));
}

/** How much a mount holds now. */
export interface MountNumbers {
  /** Inodes that the kernel or an open file keeps known. */
  inodes: number;
  openFiles: number;
  openDirectories: number;
  /** Descriptors of the process, which may have other mounts too, and how many it may have. */
  descriptors: number;
  descriptorLimit: number;
  /** Served since the mount. */
  requests: number;
  /** The FUSE protocol that is spoken, `7.45`. */
  protocol: string;
  /** Bytes of memory that the process takes. */
  resident: number;
  /** Bytes of the JavaScript heap of the thread that serves: what it knows of the inodes, and uncollected garbage. */
  heap: number;
  /** Bytes beside that heap: blocks that requests and replies lie in. */
  buffers: number;
}

/** Undefined where the mount does not answer, or not to this user. `collect`: garbage is collected before. */
export async function askNumbers(mount: ListedMount, collect = false): Promise<MountNumbers | undefined> {
  if (mount.status !== 'running' && mount.status !== 'detached') return undefined;
  try {
    const held = await callControl(mount.directory, { command: 'stats', collect }) as Omit<MountNumbers, keyof ProcessNumbers>;
    return { ...held, ...processNumbers(mount.pid) };
  } catch {
    return undefined;
  }
}

type ProcessNumbers = Pick<MountNumbers, 'descriptors' | 'descriptorLimit' | 'resident'>;

function processNumbers(pid: number): ProcessNumbers {
  const read = (name: string): string => readFileSync(`/proc/${pid}/${name}`, 'latin1');
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    descriptorLimit: Number(/^Max open files +(\d+)/m.exec(read('limits'))?.[1] ?? Infinity),
    resident: Number(/^VmRSS:\s+(\d+) kB/m.exec(read('status'))?.[1] ?? 0) * 1024,
  };
}

function statusOf(found: FoundState, mounted: boolean): MountStatus {
  if (found.state.failure !== undefined) return 'failed';
  if (!found.alive) return 'dead';
  return mounted ? 'running' : 'detached';
}
