import { randomBytes } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MountError } from './error.js';
import { isAlive, type ProcessId } from './process.js';

/**
 * The state directory of a mount, `si_` and 16 hex digits, after AUFS's /sys/fs/aufs/si_ID: br0… and brid0…
 * tell the branches, xi_path the external inode number file. `mount` (JSON), `log` and `control` are ours.
 */
export interface MountState extends ProcessId {
  /** `si_` and 16 hex digits. */
  id: string;
  /** Absolute, without symbolic links. */
  mountpoint: string;
  /** As /proc/mounts shows it. */
  source: string;
  /** Those in force, as they would follow `-o`. */
  options: string;
  /** `kernel` or `fuse-native`. */
  adapter: string;
  /** Null where the mount has no log file: in the foreground, and in a program that uses the library. */
  log: string | null;
  /** A process of its own, which ends with the mount. */
  background: boolean;
  /** ISO 8601. */
  started: string;
  /** Why the file system ended though nobody unmounted it. */
  failure?: string;
}

/** A branch as it is shown. */
export interface BranchText {
  /** Stays the same while the union is mounted, wherever the branch moves. */
  id: number;
  /** `/path=ro+wh` */
  text: string;
}

export interface FoundState {
  directory: string;
  state: MountState;
  alive: boolean;
  branches: BranchText[];
}

const idPattern = /^si_[0-9a-f]{16}$/;

const rootsOwn = '/run/tsaufs';

/**
 * Where this user's state directories are: /run/tsaufs for root. Who is root in a user namespace only, where /run is
 * another's, has those of the user outside.
 */
export function stateRoots(): string[] {
  const uid = process.geteuid!();
  if (uid === 0 && ownerOf('/run') === 0) return [rootsOwn];
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const own = `/tmp/tsaufs-${uidOutside(uid)}`;
  return runtime !== undefined && isOwnDirectory(runtime, uid) ? [path.join(runtime, 'tsaufs'), own] : [own];
}

function ownerOf(name: string): number | undefined {
  return lstatSync(name, { throwIfNoEntry: false })?.uid;
}

/** A uid as the parent of this user namespace has it, user_namespaces(7). */
function uidOutside(uid: number): number {
  for (const line of (readLine('/proc/self/uid_map') ?? '').split('\n')) {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number);
    if (uid >= inside && uid < inside + count) return outside + uid - inside;
  }
  return uid;
}

/**
 * Makes a new, empty state directory, closed to others until {@link publishState}.
 * @throws MountError where there is no safe place for it
 */
export function createStateDirectory(): string {
  const uid = process.geteuid!();
  const root = stateRoots()[0];
  try {
    return makeIn(root, uid);
  } catch (error) {
    if (error instanceof MountError) throw error;
    throw new MountError(`cannot make a state directory in ${root}: ${(error as Error).message}; ${uid === 0 ? 'make /run writable' : 'set XDG_RUNTIME_DIR to a directory of your own'}`);
  }
}

function makeIn(root: string, uid: number): string {
  for (let tries = 1; ; tries++) {
    mkdirSync(root, { recursive: true, mode: uid === 0 ? 0o755 : 0o700 });
    // Others may not choose our control sockets and logs for us.
    if (!isOwnDirectory(root, uid)) {
      throw new MountError(`${root} must be a directory of your own that others cannot write to; remove it, or set XDG_RUNTIME_DIR to one`);
    }
    const directory = path.join(root, `si_${randomBytes(8).toString('hex')}`);
    try {
      mkdirSync(directory, { mode: 0o700 });
      return directory;
    } catch (error) {
      // The last mount that was left has taken the directory away meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries === 5) throw error;
    }
  }
}

function isOwnDirectory(name: string, uid: number): boolean {
  try {
    const stat = lstatSync(name);
    return stat.isDirectory() && stat.uid === uid && (stat.mode & 0o022) === 0;
  } catch {
    return false;
  }
}

/** Those that read meanwhile see each file whole, the old or the new, and no gap. */
export function writeBranches(directory: string, branches: readonly BranchText[]): void {
  const before = readBranches(directory);
  for (const [index, { id, text }] of branches.entries()) {
    if (before[index]?.text !== text) replaceFile(path.join(directory, `br${index}`), `${text}\n`);
    if (before[index]?.id !== id) replaceFile(path.join(directory, `brid${index}`), `${id}\n`);
  }
  for (let index = before.length - 1; index >= branches.length; index--) {
    rmSync(path.join(directory, `br${index}`));
    rmSync(path.join(directory, `brid${index}`));
  }
}

/** Shows where the external inode numbers are kept; an empty path for `noxino`. */
export function writeXinoPath(directory: string, xino: string | null): void {
  replaceFile(path.join(directory, 'xi_path'), xino === null ? '' : `${xino}\n`);
}

/** Last of all: from now on the mount is listed, root's to everybody. */
export function publishState(directory: string, state: MountState): void {
  writeState(directory, state);
  if (process.geteuid!() === 0) chmodSync(directory, 0o755);
}

export function writeState(directory: string, state: MountState): void {
  replaceFile(path.join(directory, 'mount'), `${JSON.stringify(state)}\n`);
}

function replaceFile(file: string, content: string): void {
  writeFileSync(`${file}.new`, content);
  renameSync(`${file}.new`, file);
}

/** The last one takes the directory of them all along; root's stays, as /run's others do. */
export function removeState(directory: string): void {
  rmSync(directory, { recursive: true, force: true });
  const root = path.dirname(directory);
  if (root === rootsOwn) return;
  try {
    rmdirSync(root);
  } catch {
    // Others are in it, or it is gone.
  }
}

/** Every mount with a state directory that this user may read: the own ones and root's. */
export function findStates(roots = trustedRoots()): FoundState[] {
  return roots
    .flatMap((root) => list(root).filter((name) => idPattern.test(name)).map((name) => path.join(root, name)))
    .map(findState)
    .filter((found) => found !== undefined)
    .sort((a, b) => a.state.started.localeCompare(b.state.started));
}

/** In /tmp another user may have made a directory for us, with states, sockets and links of his. */
function trustedRoots(): string[] {
  const uid = process.geteuid!();
  const roots = new Set([...stateRoots().filter((root) => isOwnDirectory(root, uid)), rootsOwn]);
  return [...roots];
}

/** The state in one directory; undefined where there is none yet, or none any more. */
export function findState(directory: string): FoundState | undefined {
  try {
    const state = JSON.parse(readFileSync(path.join(directory, 'mount'), 'utf8')) as MountState;
    return { directory, state, alive: isAlive(state), branches: readBranches(directory) };
  } catch {
    return undefined;
  }
}

function readBranches(directory: string): BranchText[] {
  const branches: BranchText[] = [];
  for (;;) {
    const text = readLine(path.join(directory, `br${branches.length}`));
    const id = readLine(path.join(directory, `brid${branches.length}`));
    if (text === undefined || id === undefined) return branches;
    branches.push({ id: Number(id), text });
  }
}

function readLine(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').replace(/\n$/, '');
  } catch {
    return undefined;
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
