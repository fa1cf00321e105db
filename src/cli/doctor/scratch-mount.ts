// A real mount in a directory of its own: what all other checks only make likely.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { askNumbers, listMounts } from '../../daemon/list.js';
import { fail, ok, type Finding } from './finding.js';

const program = fileURLToPath(new URL('../main.js', import.meta.url));

/** Mounts, reads, copies up and unmounts, as `tsaufs mount` and `umount` would. Leaves nothing behind. */
export async function checkScratchMount(): Promise<Finding[]> {
  let directory: string;
  try {
    directory = mkdtempSync(path.join(tmpdir(), 'tsaufs-doctor-'));
  } catch (error) {
    return [fail('scratch mount', (error as Error).message, 'set TMPDIR to a directory that can be written')];
  }
  const [upper, lower, mountpoint] = ['upper', 'lower', 'mnt'].map((name) => path.join(directory, name));
  try {
    for (const each of [upper, lower, mountpoint]) mkdirSync(each);
    writeFileSync(path.join(lower, 'file'), 'before');
    const failure = await tsaufs('mount', '-o', `br=${upper}:${lower}`, mountpoint);
    if (failure !== undefined) return [fail('scratch mount', failure)];
    return await use({ upper, lower, mountpoint });
  } catch (error) {
    return [fail('scratch mount', (error as Error).message, 'please report it')];
  } finally {
    await tsaufs('umount', '-l', mountpoint);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function use({ upper, lower, mountpoint }: { upper: string; lower: string; mountpoint: string }): Promise<Finding[]> {
  writeFileSync(path.join(mountpoint, 'file'), 'after');
  const after = [path.join(mountpoint, 'file'), path.join(upper, 'file'), path.join(lower, 'file')].map((name) => readFileSync(name, 'utf8'));
  if (after.join() !== 'after,after,before') throw new Error(`a copy-up gave ${after.join()}`);
  rmSync(path.join(mountpoint, 'file'));
  if (!existsSync(path.join(upper, '.wh.file'))) throw new Error('no whiteout was made');
  const numbers = listMounts().find((mount) => mount.mountpoint === mountpoint);
  const told = numbers === undefined ? undefined : await askNumbers(numbers);
  const failure = await tsaufs('umount', mountpoint);
  if (failure !== undefined) return [fail('scratch mount', failure)];
  return [ok('scratch mount', `mounted, copied up, unmounted${told === undefined ? '' : `; FUSE protocol ${told.protocol}`}`)];
}

/** What it says where it fails. */
async function tsaufs(...args: string[]): Promise<string | undefined> {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'pipe'], cwd: '/' });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const [status] = await once(child, 'close') as [number | null];
  return status === 0 ? undefined : said.trim().replace(/^tsaufs: /gm, '').replaceAll('\n', '; ');
}
