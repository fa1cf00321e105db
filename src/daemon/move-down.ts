import { setTimeout as pause } from 'node:timers/promises';
import type { Session } from '../fuse/adapter.js';
import type { MoveDownAnswer, MoveDownRequest } from '../union/mvdown.js';
import type { MoveDownWish } from '../union/mvdown-site.js';
import { callControl, type ControlRequest, type Outlet } from './control.js';
import { MountError } from './error.js';
import { findRunning } from './find-running.js';

/** How often a move that goes on is asked how far it is, in milliseconds. */
const ASK_EVERY = 20;

let asked = 0;

/** What came of it. */
export type MoveDownResult = Exclude<MoveDownAnswer, { kind: 'going' }>;

/**
 * The control command `mvdown`: the file is moved by the thread that serves the union. Lines `{"progress":{…}}` tell how far a
 * large one is. Where nobody waits any more it is stopped, and stays where it was.
 */
export async function serveMoveDown(session: Session, request: ControlRequest, outlet: Outlet): Promise<MoveDownResult> {
  const argument: MoveDownRequest = { ...wishOf(request), id: String(++asked) };
  const asker = { isGone: false };
  outlet.onClose(() => void (asker.isGone = true));
  for (;;) {
    const answer = await session.call({ name: 'mvdown', argument }) as MoveDownAnswer;
    if (answer.kind !== 'going') return answer;
    if (asker.isGone) {
      await session.call({ name: 'mvdown', argument: { ...argument, stop: true } });
      throw new MountError('given up');
    }
    outlet.send({ progress: { bytes: answer.bytes, size: answer.size } });
    await pause(ASK_EVERY);
  }
}

/** @throws MountError for what is no such request */
function wishOf(request: ControlRequest): Omit<MoveDownRequest, 'id'> {
  const { path, pid } = request;
  if (typeof path !== 'string' || !/^[\0-\xff]*$/.test(path)) throw new MountError('"path" must be a text, one character a byte');
  const wish: Omit<MoveDownRequest, 'id'> = { path };
  if (typeof pid === 'number') wish.pid = pid;
  for (const name of ['upper', 'lower'] as const) {
    const branch = request[name];
    if (branch === undefined) continue;
    if (typeof branch !== 'string' && typeof branch !== 'number') throw new MountError(`"${name}" must be a branch`);
    wish[name] = branch;
  }
  for (const name of ['keepUpper', 'overwrite', 'readonlyUpper', 'readonlyLower', 'dryRun'] as const) wish[name] = request[name] === true;
  return wish;
}

/**
 * Moves a file of a mounted union to a lower branch, whichever process serves it.
 * @param mountpoint as resolveMountpoint() gives it
 * @throws MountError not mounted, not permitted, or the mount ended
 */
export async function moveDownAt(
  mountpoint: string, wish: MoveDownWish & { dryRun?: boolean }, onProgress?: (bytes: number, size: number) => void,
): Promise<MoveDownResult> {
  const { directory } = findRunning(mountpoint);
  return await callControl(directory, { command: 'mvdown', ...wish, pid: process.pid }, ({ progress }) => {
    const { bytes, size } = progress as { bytes: number; size: number };
    onProgress?.(bytes, size);
  }) as MoveDownResult;
}
