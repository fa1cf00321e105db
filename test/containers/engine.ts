// Docker Engine for one test file: dockerd and `tsaufs graphdriver` with directories, sockets and a cgroup of their own, so
// that another engine on the machine is not touched, and everything ended in the end.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync, closeSync, copyFileSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, rmdirSync, rmSync, symlinkSync, writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { ListedMount } from '../../src/daemon/list.js';
import { isRunning, mountsIn } from '../helpers/mounted.js';
import { missing, noRootMount, program, run, succeed, type Outcome } from '../helpers/process.js';

/** Why Docker Engine cannot be tested here; undefined where it can. */
export function noEngine(): string | undefined {
  return noRootMount() ?? missing('dockerd', 'docker', 'containerd', 'runc', 'busybox') ?? noPlugins() ?? noCgroups() ?? notStatic();
}

/** Docker Engine 27 took them out. */
function noPlugins(): string | undefined {
  const version = spawnSync('dockerd', ['--version'], { encoding: 'utf8' }).stdout.trim();
  const major = Number(/version (\d+)/.exec(version)?.[1]);
  return major < 27 ? undefined : `${version} has no graph driver plugins`;
}

function noCgroups(): string | undefined {
  const mounted = /^\S+ \S+ cgroup2? /m.test(readFileSync('/proc/mounts', 'utf8'));
  return mounted ? undefined : 'no cgroups mounted';
}

function notStatic(): string | undefined {
  return spawnSync('ldd', [busybox()]).status === 0 ? 'busybox is not the static one (package busybox-static)' : undefined;
}

function busybox(): string {
  return spawnSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).stdout.trim();
}

/** Debian's, rather than a newer one beside it, which would want a plugin to build with BuildKit. */
export const client = existsSync('/usr/bin/docker') ? '/usr/bin/docker' : 'docker';

/** What containers of this kind of machine need: there is no network for them. */
const containerOptions = ['--network', 'none', '--ulimit', 'nofile=1024:1024'];

export class Engine {
  /** The storage driver's name, which its socket has. */
  readonly driver: string;
  readonly home: string;
  private readonly socket: string;
  private readonly cgroup: string;
  private plugin: ChildProcess | undefined;
  private daemon: ChildProcess | undefined;
  private containerd: ChildProcess | undefined;

  /** @param root an empty directory of its own */
  constructor(readonly root: string) {
    const unique = path.basename(root).toLowerCase();
    this.driver = unique;
    this.cgroup = unique;
    this.home = path.join(root, 'data', unique);
    this.socket = path.join(root, 'docker.sock');
  }

  private get containerdSocket(): string {
    return path.join(this.root, 'containerd.sock');
  }

  get pluginSocket(): string {
    return `/run/docker/plugins/${this.driver}.sock`;
  }

  get pluginState(): string {
    return `/run/tsaufs/graphdriver-run-docker-plugins-${this.driver}.sock.json`;
  }

  async startPlugin(): Promise<void> {
    const log = this.openLog('plugin');
    const plugin = spawn(process.execPath, [program, 'graphdriver', '--socket', this.pluginSocket, '--verbose'], {
      stdio: ['ignore', 'pipe', log], cwd: '/',
    });
    closeSync(log);
    this.plugin = plugin;
    const [line] = await Promise.race([once(plugin.stdout!, 'data'), once(plugin, 'exit')]) as [Buffer | number | null];
    if (!(line instanceof Buffer)) throw new Error(`the plugin ended: ${this.tail('plugin')}`);
  }

  async stopPlugin(signal: NodeJS.Signals): Promise<number | null> {
    return stop(this.plugin, signal);
  }

  /** One that dockerd had started itself would end with it. */
  async startContainerd(): Promise<void> {
    const log = this.openLog('containerd');
    const config = path.join(this.root, 'containerd.toml');
    writeFileSync(config, 'version = 2\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n');
    this.containerd = spawn('containerd', [
      '--config', config, '--root', path.join(this.root, 'containerd'), '--state', path.join(this.root, 'containerd-state'),
      '--address', this.containerdSocket,
    ], { stdio: ['ignore', log, log], cwd: '/' });
    closeSync(log);
    await until(() => existsSync(this.containerdSocket));
  }

  async startDaemon(...more: string[]): Promise<void> {
    const log = this.openLog('dockerd');
    const config = path.join(this.root, 'daemon.json');
    writeFileSync(config, '{}');
    const daemon = spawn('dockerd', [
      '--experimental', '--storage-driver', this.driver, '--iptables=false', '--ip6tables=false', '--bridge=none', '--ip-forward=false',
      '--data-root', path.join(this.root, 'data'), '--exec-root', path.join(this.root, 'exec'),
      '--pidfile', path.join(this.root, 'pid'), '--config-file', config,
      '--containerd', this.containerdSocket, '--host', `unix://${this.socket}`,
      '--exec-opt', 'native.cgroupdriver=cgroupfs', '--cgroup-parent', `/${this.cgroup}`, '--shutdown-timeout', '1', ...more,
    ], { stdio: ['ignore', log, log], cwd: '/' });
    closeSync(log);
    this.daemon = daemon;
    await until(async () => {
      if (daemon.exitCode !== null || daemon.signalCode !== null) throw new Error(`dockerd ended: ${this.tail('dockerd')}`);
      return (await this.tryDocker('version')).status === 0;
    });
  }

  async stopDaemon(signal: NodeJS.Signals): Promise<void> {
    await stop(this.daemon, signal);
  }

  /** Runs `docker ARGS`, which must succeed; its output without the newline at the end. */
  async docker(...args: string[]): Promise<string> {
    return (await succeed(client, args, { env: this.environment })).trimEnd();
  }

  tryDocker(...args: string[]): Promise<Outcome> {
    return run(client, args, { env: this.environment, timeout: 60_000 });
  }

  /** `docker run` of a shell script, to its end. */
  run(name: string, image: string, script: string, ...options: string[]): Promise<string> {
    return this.docker('run', '--name', name, ...containerOptions, ...options, image, 'sh', '-c', script);
  }

  /** `docker run -d` of a shell script, which goes on until it is stopped. Returns when the script has come to its end. */
  async start(name: string, image: string, script: string, ...options: string[]): Promise<void> {
    await this.docker('run', '-d', '--name', name, '--stop-timeout', '1', ...containerOptions, ...options, image, 'sh', '-c', `${script}; echo ready; exec sleep 10000`);
    await until(async () => (await this.docker('logs', name)).endsWith('ready'));
  }

  build(tag: string, directory: string, ...options: string[]): Promise<string> {
    return this.docker('build', ...containerOptions, '--tag', tag, ...options, directory);
  }

  buildWithBuildKit(tag: string, directory: string): Promise<string> {
    return succeed(client, ['build', '--network', 'none', '--tag', tag, directory], { env: { ...this.environment, DOCKER_BUILDKIT: '1' } });
  }

  /** The tsaufs mounts of this engine. */
  async mounts(): Promise<ListedMount[]> {
    const all = JSON.parse(await succeed(process.execPath, [program, 'list', '--json'])) as ListedMount[];
    return all.filter(({ mountpoint }) => mountpoint.startsWith(`${this.root}/`));
  }

  /** What is on disk below diff, layers or mnt. */
  store(kind: 'diff' | 'layers' | 'mnt', ...names: string[]): string[] {
    return readdirSync(path.join(this.home, kind, ...names)).sort();
  }

  /** Ends everything. Mounts below the root are the caller's to remove, whose process then ends too. */
  async end(): Promise<void> {
    const unions = await this.mounts().catch(() => []);
    await stop(this.daemon, 'SIGKILL');
    await stop(this.containerd, 'SIGKILL');
    for (const pid of this.leftProcesses()) kill(pid);
    for (const point of mountsIn(this.root)) await run('umount', ['-l', point]);
    await stop(this.plugin, 'SIGTERM');
    rmSync(this.pluginSocket, { force: true });
    rmSync(this.pluginState, { force: true });
    await until(() => this.leftProcesses().length === 0 && unions.every(({ pid }) => !isRunning(pid)));
    this.removeCgroups();
  }

  /** Shims name the root in their command lines; a container's processes are in its cgroup. */
  private leftProcesses(): number[] {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number).filter((pid) => {
      if (pid === process.pid || pid === this.plugin?.pid || !isRunning(pid)) return false;
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
        return /containerd/.test(command[0]) && command.some((word) => word.includes(this.root)) ||
          readFileSync(`/proc/${pid}/cgroup`, 'latin1').includes(`/${this.cgroup}/`);
      } catch {
        return false;
      }
    });
  }

  private removeCgroups(): void {
    const top = '/sys/fs/cgroup';
    for (const place of [top, ...readdirSync(top).map((name) => path.join(top, name))]) {
      const directory = path.join(place, this.cgroup);
      if (!existsSync(directory)) continue;
      for (const name of readdirSync(directory, { withFileTypes: true })) {
        if (name.isDirectory()) rmdirSync(path.join(directory, name.name));
      }
      rmdirSync(directory);
    }
  }

  private get environment(): NodeJS.ProcessEnv {
    // No settings of who runs the test; the builder whose steps are containers.
    return { DOCKER_HOST: `unix://${this.socket}`, DOCKER_CONFIG: path.join(this.root, 'config'), DOCKER_BUILDKIT: '0' };
  }

  private openLog(name: string): number {
    return openSync(path.join(this.root, `${name}.log`), 'a');
  }

  private tail(name: string): string {
    return readFileSync(path.join(this.root, `${name}.log`), 'utf8').slice(-2000);
  }
}

/** Waits for something that another process will do; the test's own time limit ends the waiting. */
async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  while (!await done()) await new Promise((resolve) => setTimeout(resolve, 50));
}

async function stop(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<number | null> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
  const exit = once(child, 'exit');
  child.kill(signal);
  const [status] = await exit as [number | null];
  return status;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** A root file system with busybox's programs, and something in it to change. */
export function makeRootFileSystem(directory: string): void {
  mkdirSync(path.join(directory, 'bin'), { recursive: true });
  for (const name of ['etc', 'dir', 'tmp']) mkdirSync(path.join(directory, name));
  copyFileSync(busybox(), path.join(directory, 'bin/busybox'));
  chmodSync(path.join(directory, 'bin/busybox'), 0o755);
  chmodSync(path.join(directory, 'tmp'), 0o1777);
  for (const name of ['cat', 'chmod', 'chown', 'echo', 'id', 'ln', 'ls', 'mkdir', 'mknod', 'mount', 'mv', 'rm', 'sh', 'sleep', 'stat', 'su', 'touch']) {
    symlinkSync('busybox', path.join(directory, 'bin', name));
  }
}
