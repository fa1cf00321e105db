import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { compileClient } from './client.js';
import { handOver, lowerBranches, makeBranches } from './branches.js';
import { command, type User } from './command.js';
import type { Contender } from './contenders/contender.js';
import { fillPlain, plain } from './contenders/plain.js';
import { mountsBelow } from './mounts.js';
import type { Place } from './place.js';
import { sizes } from './sizes.js';
import type { Workload } from './workload.js';

/** A directory in which everything happens, and that leaves nothing behind. */
export class Arena {
  private readonly directory: string;
  private measured = 0;

  /** @param base an existing directory on the file system of the branches */
  constructor(
    base: string,
    private readonly user: User | undefined,
    private readonly warmUp: boolean,
  ) {
    this.directory = mkdtempSync(`${base}/tsaufs-bench-`);
  }

  /** The branches, read-only, and the client. */
  async prepare(): Promise<void> {
    const lower = `${this.directory}/lower`;
    await compileClient(`${this.directory}/client`);
    await makeBranches(lower, this.store);
    if (this.user !== undefined && process.geteuid!() === 0) await handOver(this.directory, this.user);
    if (process.geteuid!() !== 0) return;
    await command('mount', ['--bind', lower, lower]);
    await command('mount', ['-o', 'remount,bind,ro', lower]);
  }

  private get store(): string {
    return `${this.directory}/store`;
  }

  /**
   * Mounts, measures and unmounts, on a fresh writable branch.
   * @returns seconds
   * @throws Error of one line
   */
  async measure(contender: Contender, workload: Workload): Promise<number> {
    const place = await this.makePlace(workload);
    try {
      await contender.mount(place);
      if (contender === plain) await fillPlain(place, workload);
      if (this.warmUp) await this.runClient(place, ['warm-up', 'warm-up', String(sizes.warmUp)]);
      await command('sync', ['-f', place.directory]);
      const seconds = await this.runClient(place, workload.command(this.store));
      await contender.unmount(place);
      return seconds;
    } finally {
      await this.clear(place.directory);
    }
  }

  private async makePlace(workload: Workload): Promise<Place> {
    // Short names: 127 of them have to fit into a page for overlayfs.
    const directory = `${this.directory}/${++this.measured}`;
    for (const name of ['upper', 'work', 'mountpoint']) mkdirSync(`${directory}/${name}`, { recursive: true });
    for (const tree of workload.upper ?? []) {
      await command('cp', ['-a', '--reflink=never', `${this.store}/${tree}`, `${directory}/upper/`]);
    }
    if (this.user !== undefined && process.geteuid!() === 0) await handOver(directory, this.user);
    const lowers = lowerBranches('../lower', workload.depth);
    return { directory, lowers, upper: 'upper', work: 'work', mountpoint: 'mountpoint', user: this.user };
  }

  private async runClient({ directory, mountpoint, user }: Place, args: readonly string[]): Promise<number> {
    const output = await command(`${this.directory}/client`, [`${directory}/${mountpoint}`, ...args], { cwd: directory, user });
    const seconds = Number(output);
    if (!(seconds > 0)) throw new Error('the client gave no time');
    return seconds;
  }

  private async clear(directory: string): Promise<void> {
    for (const mountpoint of mountsBelow(directory)) await command('umount', ['-l', mountpoint]).catch(() => undefined);
    rmSync(directory, { recursive: true, force: true });
  }

  /** Takes everything down, whatever has happened. */
  async close(): Promise<void> {
    await this.clear(this.directory);
  }
}
