import { statSync, type BigIntStats } from 'node:fs';
import path from 'node:path';
import type { Session } from '../fuse/adapter.js';
import { changeBranches } from '../options/mount.js';
import type { RemountStep } from '../options/remount.js';
import type { ResolvedChange } from '../options/resolve.js';
import { nativeFlags, type MountFlags } from '../options/settings.js';
import type { UnionOptions } from '../union/options.js';
import { xinoPath } from '../union/xino-file.js';
import { errorLine, MountError } from './error.js';
import { askBranches, type InForce } from './in-force.js';
import type { Log } from './log.js';
import { changeFlags, dropUnusedNames, type KernelFlags } from './mount-flags.js';
import { mountAt } from './mount-table.js';
import { checkOutside } from './mountpoint.js';
import { workingDirectoriesOn } from './working-directories.js';

/** What a remount has to say though it succeeded. */
export interface RemountReport {
  /** What had no effect, and why. */
  notes: string[];
  /** What an action was asked to print. */
  output: string[];
}

export interface RemountTarget {
  readonly mountpoint: string;
  readonly session: Session;
  /** Kept up to date. */
  readonly inForce: InForce;
  readonly log: Log;
  setVerbose: (on: boolean) => void;
  /** Called after a remount, also one that failed halfway. */
  changed(): void;
}

/**
 * Carries out the steps of a remount, left to right. As in AUFS the paths are all looked up before anything is done;
 * then the first step that fails is the last, and what was done before it stays.
 * @throws MountError or the union's error: one line
 */
export async function remount(target: RemountTarget, steps: readonly RemountStep[]): Promise<RemountReport> {
  checkPaths(target, steps);
  const report: RemountReport = { notes: [], output: [] };
  let done = 0;
  try {
    for (const step of steps) {
      await carryOut(target, step, report);
      done++;
    }
  } catch (error) {
    const before = done > 0 ? '; the options before this one are in force' : '';
    throw new MountError(errorLine(error) + before);
  } finally {
    target.inForce.branches = await askBranches(target.session).catch(() => target.inForce.branches);
    target.changed();
  }
  return report;
}

function checkPaths(target: RemountTarget, steps: readonly RemountStep[]): void {
  const known = new Set(target.inForce.union.branches.map((branch) => branch.path));
  for (const step of steps) {
    if (step.kind !== 'change') continue;
    const { change } = step;
    if (change.kind === 'add') {
      checkNewBranch(target.mountpoint, change.branch.path);
      known.add(change.branch.path);
    } else if (!known.has(change.path)) {
      throw new MountError(`${change.path} is no branch of this union; see tsaufs list`);
    }
  }
}

function checkNewBranch(mountpoint: string, branch: string): void {
  checkOutsideUnion(mountpoint, branch);
  checkDirectory(branch);
  checkOutside(mountpoint, [{ path: branch }]);
}

/** The thread that opens a branch, or looks for an xino file, is the one that serves the union: it would wait for itself. */
function checkOutsideUnion(mountpoint: string, branch: string, what = 'branch'): void {
  const device = mountAt(mountpoint)?.device;
  for (let place = branch; ; place = path.dirname(place)) {
    if (place === mountpoint || (device !== undefined && deviceOf(place) === device)) {
      throw new MountError(`${what} ${branch} lies in the union itself; choose one outside ${mountpoint}`);
    }
    if (place === '/') return;
  }
}

/** `major:minor`, as in proc_pid_mountinfo(5). */
function deviceOf(name: string): string | undefined {
  const stat = statOf(name);
  if (typeof stat === 'string') return undefined;
  const { dev } = stat;
  // makedev(3) of glibc: bits of both numbers on either side of bit 32.
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn);
  const minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn & 0xffffffffn);
  return `${major}:${minor}`;
}

function checkDirectory(branch: string): void {
  const stat = statOf(branch);
  if (typeof stat === 'string') throw new MountError(`branch ${branch} ${stat}`);
  if (!stat.isDirectory()) throw new MountError(`branch ${branch} is not a directory; name one`);
}

/** What stat(2) tells of a name, or why it does not. */
function statOf(name: string): BigIntStats | string {
  try {
    return statSync(name, { bigint: true });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR' ? 'does not exist; make the directory first' : `cannot be reached: ${code}`;
  }
}

async function carryOut(target: RemountTarget, step: RemountStep, report: RemountReport): Promise<void> {
  switch (step.kind) {
    case 'change':
      await change(target, step.change);
      break;
    case 'union':
      await setUnion(target, step.set);
      break;
    case 'mount':
      await setFlags(target, step.set);
      break;
    case 'action':
      await act(target, step, report);
      break;
  }
}

async function change({ mountpoint, session, inForce }: RemountTarget, wanted: ResolvedChange): Promise<void> {
  const branches = changeBranches(inForce.union.branches, wanted);
  if (wanted.kind === 'del' && branches.length > 0) {
    const users = workingDirectoriesOn(mountpoint, wanted.path, branches.map((branch) => branch.path));
    if (users.length > 0) throw new MountError(`branch ${wanted.path} is busy: ${users.slice(0, 5).join(', ')} in use`);
  }
  await session.call({ name: 'change', argument: wanted });
  await dropUnusedNames(mountpoint);
  inForce.union = { ...inForce.union, branches };
}

async function setUnion(target: RemountTarget, set: Partial<UnionOptions>): Promise<void> {
  const { session, inForce } = target;
  if (typeof set.xino === 'string') checkOutsideUnion(target.mountpoint, path.dirname(set.xino), 'xino file');
  await session.call({ name: 'set', argument: set });
  await dropUnusedNames(target.mountpoint);
  inForce.union = { ...inForce.union, ...set };
  if ('xino' in set) inForce.xino = xinoPath(inForce.union);
  if (set.verbose !== undefined) target.setVerbose(set.verbose);
}

async function setFlags(target: RemountTarget, set: Partial<MountFlags>): Promise<void> {
  const { mountpoint, inForce } = target;
  const { allowOther, context: _context, source: _source, ...rest } = set;
  const flags = withoutNative(rest, inForce.flags);
  if (allowOther !== undefined && allowOther !== inForce.flags.allowOther && process.geteuid!() !== 0) {
    throw new MountError('allow_other cannot be set while mounted: unmount and mount anew');
  }
  // While the kernel still lets writers through nothing may be refused for the union's part, and the other way round.
  if (flags.readonly === false) await setUnion(target, { readonly: false });
  await changeFlags(mountpoint, flags);
  if (flags.readonly === true) await setUnion(target, { readonly: true });
  inForce.flags = { ...inForce.flags, ...flags };
}

/** @throws MountError for what libfuse takes at the mount only */
function withoutNative(set: Partial<MountFlags>, now: MountFlags): Partial<KernelFlags> {
  for (const [name, option] of Object.entries(nativeFlags) as [keyof typeof nativeFlags, string][]) {
    if (set[name] !== undefined && set[name] !== now[name]) {
      throw new MountError(`${option} cannot be set while mounted: unmount and mount anew`);
    }
  }
  const { ownNewFiles: _own, kernelCache: _cache, entryTimeout: _entry, attrTimeout: _attr, negativeTimeout: _negative, ...flags } = set;
  return flags;
}

async function act(
  { session, inForce }: RemountTarget, step: Extract<RemountStep, { kind: 'action' }>, report: RemountReport,
): Promise<void> {
  switch (step.action) {
    case 'clean_plink':
      await session.call({ name: 'flush-plinks' });
      break;
    case 'list_plink':
      report.output.push(...await session.call({ name: 'list-plinks' }) as string[]);
      break;
    case 'trunc_xino': {
      const branch = branchIndex(inForce.union, step.branch);
      await session.call({ name: 'trunc-xino', argument: branch }).catch((error: unknown) => {
        if (!errorLine(error).startsWith('unknown command')) throw error;
        report.notes.push('trunc_xino has no effect: the inode number tables of tsaufs are not truncated');
      });
    }
  }
}

function branchIndex({ branches }: UnionOptions, branch: string | number): number {
  const index = typeof branch === 'number' ? branch : branches.findIndex((each) => each.path === branch);
  if (index >= 0 && index < branches.length) return index;
  throw new MountError(typeof branch === 'number'
    ? `there is no branch ${branch}: the union has ${branches.length}, counted from 0; see tsaufs list`
    : `${branch} is no branch of this union; see tsaufs list`);
}
