import type { Session } from '../fuse/adapter.js';
import { formatBranches, formatOptions } from '../options/format.js';
import type { MountFlags } from '../options/settings.js';
import type { UnionOptions } from '../union/options.js';
import { xinoPath } from '../union/xino-file.js';
import { writeBranches, writeXinoPath, type BranchText } from './state.js';

/** What holds for a mount now: what it was mounted with, and all that was changed since. */
export interface InForce {
  union: UnionOptions;
  flags: MountFlags;
  branches: readonly BranchText[];
  /** Where the external inode numbers are, null for nowhere; the default place is chosen once, at the mount. */
  xino: string | null;
}

export function firstInForce(union: UnionOptions, flags: MountFlags, branches: readonly BranchText[]): InForce {
  return { union, flags, branches, xino: xinoPath(union) };
}

/** As options that can be parsed again. */
export function optionText({ union, flags }: Pick<InForce, 'union' | 'flags'>): string {
  return `${formatOptions(union, flags)},${formatBranches(union)}`;
}

/** Shows the branches and the place of the external inode numbers in the state directory. */
export function writeInForce(directory: string, { branches, xino }: InForce): void {
  writeBranches(directory, branches);
  writeXinoPath(directory, xino);
}

/** The branches as the union has them, which knows their ids. */
export async function askBranches(session: Session): Promise<readonly BranchText[]> {
  const branches = await session.call({ name: 'branches' }) as readonly BranchText[];
  return branches.map(({ id, text }) => ({ id, text }));
}
