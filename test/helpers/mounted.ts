// A union for one test: temporary branches, mounted through the compiled program, and nothing left in the end.
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { ListedMount } from '../../src/daemon/list.js';
import { adapterArguments, adapterOptions } from './adapter.js';
import { program, run, succeed, until, type User } from './process.js';

/** Where the temporary directories of a test lie: a tmpfs, and a disk. */
export const memory = '/dev/shm';
export const disk = '/var/tmp';

export interface Setup {
  /** {@link memory} if not given. */
  base?: string;
  /** From the top down: name, and permission with attributes. upper=rw over lower=ro if not given. */
  branches?: readonly (readonly [name: string, perm?: string])[];
  /** More mount options. */
  options?: string;
  /** A command in front of the program, such as `prlimit --nofile=400`. */
  prefix?: readonly string[];
  /** Who mounts, and owns the branches and the mount point. */
  as?: User | undefined;
  /** Fills the branches before the mount. */
  fill?: (root: string) => void | Promise<void>;
}

export interface Mounted {
  /** Has the branches under their names, and `mnt`. */
  root: string;
  mnt: string;
  /** A path in the union. */
  at(...names: string[]): string;
  /** A path on a branch. */
  on(branch: string, ...names: string[]): string;
  /** The daemon as `tsaufs list --json` tells it. */
  daemon: ListedMount;
  /** Unmounts now, e.g. to look at the branches; checks that the daemon leaves nothing behind. */
  unmount(): Promise<void>;
  /** The test has ended the mount by other means: waits for the daemon, and checks the same. */
  ended(): Promise<void>;
}

/**
 * Mounts a union, gives it to `use`, and unmounts and removes everything, also when `use` fails.
 * @throws Error also where the mount cannot be unmounted, or a process, mount or state directory is left
 */
export async function mounted(setup: Setup, use: (union: Mounted) => void | Promise<void>): Promise<void> {
  await temporary(setup.base ?? memory, setup.as, (root) => mountedIn(root, setup, use));
}

/** {@link mounted} in a directory that the caller removes; branches that are there already are used as they are. */
export async function mountedIn(
  root: string, setup: Omit<Setup, 'base'>, use: (union: Mounted) => void | Promise<void>,
): Promise<void> {
  const branches = setup.branches ?? [['upper', 'rw'], ['lower', 'ro']];
  const mnt = path.join(root, 'mnt');
  for (const name of [...branches.map(([branch]) => branch), 'mnt']) makeDirectory(path.join(root, name), setup.as);
  await setup.fill?.(root);
  const list = branches.map(([name, perm]) => path.join(root, name) + (perm === undefined ? '' : `=${perm}`)).join(':');
  const options = [`br=${list}`, setup.options ?? '', ...setup.as === undefined ? adapterOptions : []].filter((text) => text !== '').join(',');
  const [first, ...rest] = [...setup.prefix ?? [], process.execPath, program, 'mount', ...adapterArguments, '-o', options, mnt];
  await succeed(first, rest, { as: setup.as, env: stateIn(root) });
  await useAndUnmount(root, mnt, setup.as, use);
}

/** What root has mounted on `mnt` in the directory `root` himself. */
export function useMounted(root: string, use: (union: Mounted) => void | Promise<void>): Promise<void> {
  return useAndUnmount(root, path.join(root, 'mnt'), undefined, use);
}

/** Gives a temporary directory to `use`, and removes it with whatever is mounted in it. */
export async function temporary(
  base: string, owner: User | undefined, use: (directory: string) => void | Promise<void>,
): Promise<void> {
  const directory = mkdtempSync(path.join(base, 'tsaufs-test-'));
  try {
    chmodSync(directory, 0o755);
    if (owner) chownSync(directory, owner.uid, owner.gid);
    await use(directory);
  } finally {
    for (const point of mountsIn(directory)) await run('umount', ['-f', '-l', point]);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A user's state directories lie in the test's own, and are removed with it. Root has none but /run/tsaufs. */
function stateIn(root: string): NodeJS.ProcessEnv {
  return { XDG_RUNTIME_DIR: root };
}

async function listed(mountpoint: string, as: User | undefined): Promise<ListedMount | undefined> {
  const stdout = await succeed(process.execPath, [program, 'list', '--json'], { as, env: stateIn(path.dirname(mountpoint)) });
  return (JSON.parse(stdout) as ListedMount[]).find((mount) => mount.mountpoint === mountpoint);
}

export function isMounted(mountpoint: string): boolean {
  return mountsIn(mountpoint).length > 0;
}

/** Zombies do not count: whoever started them has yet to wait for them. */
export function isRunning(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'));
  } catch {
    return false;
  }
}

function makeDirectory(directory: string, owner: User | undefined): void {
  // One that is there may be a file system that cannot be changed.
  if (mkdirSync(directory, { recursive: true }) === undefined) return;
  chmodSync(directory, 0o755);
  if (owner) chownSync(directory, owner.uid, owner.gid);
}

async function useAndUnmount(
  root: string, mnt: string, as: User | undefined, use: (union: Mounted) => void | Promise<void>,
): Promise<void> {
  const daemon = await listed(mnt, as);
  if (!daemon) throw new Error(`${mnt} is mounted but not listed`);
  const state = { unmounted: false };
  const unmount = async (): Promise<void> => {
    if (state.unmounted) return;
    await succeed(process.execPath, [program, 'umount', mnt], { as, env: stateIn(root) });
    state.unmounted = true;
    nothingLeft(mnt, daemon);
  };
  const ended = async (): Promise<void> => {
    await until(() => !isRunning(daemon.pid));
    state.unmounted = true;
    nothingLeft(mnt, daemon);
  };
  try {
    await use({ root, mnt, daemon, unmount, ended, at: (...names) => path.join(mnt, ...names), on: (...names) => path.join(root, ...names) });
    await unmount();
  } finally {
    if (!state.unmounted) await force(mnt, daemon);
  }
}

/** `tsaufs umount` returns when all is over, so there is nothing to wait for. */
function nothingLeft(mnt: string, daemon: ListedMount): void {
  if (isMounted(mnt)) throw new Error(`${mnt} is still mounted`);
  if (isRunning(daemon.pid)) throw new Error(`the daemon of ${mnt}, process ${daemon.pid}, still runs; it has open: ${openFiles(daemon.pid)}`);
  if (existsSync(daemon.directory)) throw new Error(`${daemon.directory} was left`);
}

/** After a failure: by all means, and without hiding the failure. */
async function force(mnt: string, daemon: ListedMount): Promise<void> {
  if (isMounted(mnt)) await run('umount', ['-f', '-l', mnt]);
  if (isRunning(daemon.pid)) process.kill(daemon.pid, 'SIGKILL');
  await until(() => !isRunning(daemon.pid));
  rmSync(daemon.directory, { recursive: true, force: true });
}

function openFiles(pid: number): string {
  try {
    return readdirSync(`/proc/${pid}/fd`).join(' ');
  } catch {
    return 'nothing';
  }
}

/** Mount points at and below a directory, the deepest first. */
export function mountsIn(directory: string): string[] {
  return readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => (line.split(' ')[1] ?? '').replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))))
    .filter((point) => point === directory || point.startsWith(`${directory}/`))
    .reverse();
}
