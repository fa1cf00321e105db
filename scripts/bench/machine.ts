import { statfsSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import type { User } from './command.js';

/** What the figures hold for. */
export interface Machine {
  readonly date: string;
  readonly kernel: string;
  readonly processor: string;
  readonly processors: number;
  readonly memoryGiB: number;
  readonly node: string;
  readonly fileSystem: string;
  readonly user: string;
  readonly versions: Readonly<Record<string, string>>;
}

const fileSystems: Record<number, string> = {
  0x01021994: 'tmpfs', 0xef53: 'ext4', 0x58465342: 'xfs', 0x9123683e: 'btrfs', 0x794c7630: 'overlayfs',
};

export function describeMachine(base: string, user: User | undefined, versions: Record<string, string>): Machine {
  const { type } = statfsSync(base);
  return {
    date: new Date().toISOString().slice(0, 10),
    kernel: release(),
    processor: cpus()[0].model,
    processors: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.versions.node,
    fileSystem: fileSystems[type] ?? `a file system of type 0x${type.toString(16)}`,
    user: user?.name ?? 'root',
    versions,
  };
}
