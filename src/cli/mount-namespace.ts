import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { calledAs } from './called-as.js';
import { UsageError } from './status.js';

const program = fileURLToPath(new URL('./main.js', import.meta.url));

/**
 * Runs this program in another mount namespace: all of it, as branches and mount point are meant there, and the process
 * that serves the mount must live there. It cannot go there itself: setns(2) takes no process with several threads.
 * @param namespace a process id, or a file such as /proc/PID/ns/mnt
 * @param name what it is called there, such as mount.tsaufs
 * @param args without those that name the namespace
 * @returns its exit status
 * @throws UsageError there is no such namespace
 */
export async function runInNamespace(namespace: string, name: string, args: readonly string[]): Promise<number> {
  const file = /^\d+$/.test(namespace) ? `/proc/${namespace}/ns/mnt` : namespace;
  if (!existsSync(file)) throw new UsageError(`there is no mount namespace ${namespace}; give a process id or a file such as /proc/PID/ns/mnt`);
  const child = spawn('nsenter', [`--mount=${file}`, '--', process.execPath, program, calledAs, name, ...args], { stdio: 'inherit' });
  const [status] = await once(child, 'exit') as [number | null];
  return status ?? 1;
}
