import type { Adapter, Session } from '../fuse/adapter.js';
import { formatBranches, formatOptions } from '../options/format.js';
import type { MountFlags } from '../options/settings.js';
import type { UnionEvent } from '../union/events.js';
import type { UnionOptions } from '../union/options.js';
import { listenControl, type ControlRequest, type ControlServer } from './control.js';
import { errorLine, MountError } from './error.js';
import type { Log } from './log.js';
import { checkMountpoint, resolveMountpoint } from './mountpoint.js';
import { thisProcess } from './process.js';
import {
  createStateDirectory, findStates, publishState, removeState, writeBranches, writeState, writeXinoPath,
  type MountState,
} from './state.js';
import { mountAt, mountType } from './mount-table.js';
import { defaultXinoPath } from './xino-path.js';

/** A mount to be made by this process. */
export interface MountRequest {
  mountpoint: string;
  source: string;
  union: UnionOptions;
  flags: MountFlags;
  adapter: Adapter;
  log: Log;
  /** Already made, with the log in it, where a background process does the mount. */
  state: { directory: string; log: string } | undefined;
  onEvent(event: UnionEvent): void;
}

export interface RunningMount {
  readonly mountpoint: string;
  readonly directory: string;
  readonly session: Session;
  /** Resolves once nothing of the mount is left, with the reason if it ended by a failure. */
  readonly ended: Promise<string | undefined>;
}

/**
 * Checks, mounts, and keeps the state directory and control socket for as long as the mount lives.
 * @throws MountError or the adapter's error, with nothing left behind
 */
export async function runMount(request: MountRequest): Promise<RunningMount> {
  const mountpoint = resolveMountpoint(request.mountpoint);
  checkMountpoint(mountpoint, request.union.branches);
  forgetOldMounts(mountpoint);
  const directory = request.state?.directory ?? createStateDirectory();
  let session: Session | undefined;
  try {
    session = await start(request, mountpoint);
    const control = await publish(request, mountpoint, directory, session);
    const ended = follow(session, control, directory, request.log);
    request.log('info', 'mounted', { mountpoint, options: optionText(request), branches: session.branches.map((b) => b.text) });
    return { mountpoint, directory, session, ended };
  } catch (error) {
    await session?.unmount({ lazy: true }).catch(() => undefined);
    removeState(directory);
    throw error;
  }
}

function start(request: MountRequest, mountpoint: string): Promise<Session> {
  const { flags } = request;
  return request.adapter.start({
    mountpoint,
    source: request.source,
    union: request.union,
    mount: {
      ...flags,
      // As with AUFS, what root mounts is for everybody; a user must ask (and /etc/fuse.conf allow it).
      allowOther: flags.allowOther || process.geteuid!() === 0,
    },
    onEvent: (event) => request.onEvent(event),
    onLog: (level, message, fields) => request.log(level, message, fields),
  });
}

async function publish(
  request: MountRequest, mountpoint: string, directory: string, session: Session,
): Promise<ControlServer> {
  const control = await listenControl(directory, (command) => answer(command, session));
  writeBranches(directory, session.branches);
  const { xino, branches } = request.union;
  writeXinoPath(directory, xino === undefined ? defaultXinoPath(branches) : xino);
  publishState(directory, describe(request, mountpoint, directory));
  return control;
}

function describe(request: MountRequest, mountpoint: string, directory: string): MountState {
  return {
    id: directory.slice(-'si_0123456789abcdef'.length),
    ...thisProcess(),
    mountpoint,
    source: request.source,
    options: optionText(request),
    adapter: request.adapter.name,
    log: request.state?.log ?? null,
    background: request.state !== undefined,
    started: new Date().toISOString(),
  };
}

function optionText(request: MountRequest): string {
  return `${formatOptions(request.union, request.flags)},${formatBranches(request.union)}`;
}

async function answer(request: ControlRequest, session: Session): Promise<unknown> {
  switch (request.command) {
    case 'status': return { pid: process.pid, branches: session.branches };
    case 'branches': return session.branches;
    case 'unmount': return session.unmount({ lazy: request['lazy'] === true });
    default: throw new MountError(`unknown command "${request.command}"`);
  }
}

/** After a failure the state stays, with the reason and the log, until `tsaufs umount` or the next mount there. */
async function follow(
  session: Session, control: ControlServer, directory: string, log: Log,
): Promise<string | undefined> {
  const end = await session.ended;
  const failure = end.reason === 'failed' ? end.error ?? 'the file system ended by itself' : undefined;
  if (failure === undefined) log('info', 'unmounted');
  else log('error', 'the file system failed', { error: failure });
  await control.close();
  try {
    if (failure === undefined) removeState(directory);
    else recordFailure(directory, failure);
  } catch (error) {
    log('warn', 'the state directory could not be removed', { directory, error: errorLine(error) });
  }
  return failure;
}

function recordFailure(directory: string, failure: string): void {
  const found = findStates([directory.slice(0, directory.lastIndexOf('/'))]).find((each) => each.directory === directory);
  if (found) writeState(directory, { ...found.state, failure });
}

/** Removes what dead mounts left: of this mount point, and of any that is no longer mounted. */
export function forgetOldMounts(mountpoint?: string): void {
  for (const { directory, state, alive } of findStates()) {
    if (alive || mountAt(state.mountpoint)?.type === mountType) continue;
    if (state.failure !== undefined && state.mountpoint !== mountpoint) continue;
    try {
      removeState(directory);
    } catch {
      // Another user's.
    }
  }
}
