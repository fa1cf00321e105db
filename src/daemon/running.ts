import type { Adapter, Session } from '../fuse/adapter.js';
import type { RemountStep } from '../options/remount.js';
import type { MountFlags } from '../options/settings.js';
import type { UnionOptions } from '../union/options.js';
import { listenControl, type ControlRequest, type ControlServer, type Outlet } from './control.js';
import { errorLine, MountError } from './error.js';
import { outlastFormerMounts } from './former-mounts.js';
import { mappedOnce } from './idmapped.js';
import { EventHub } from './event-hub.js';
import { firstInForce, optionText, writeInForce, type InForce } from './in-force.js';
import type { Log } from './log.js';
import { checkMountpoint, resolveMountpoint } from './mountpoint.js';
import { serveMoveDown } from './move-down.js';
import { forgetOldMounts } from './old-mounts.js';
import { thisProcess } from './process.js';
import { remount, type RemountReport, type RemountTarget } from './remount.js';
import { createStateDirectory, findState, publishState, removeState, writeState, type MountState } from './state.js';
import { decodeSteps } from './steps.js';
import { subscribe } from './subscription.js';
import { Holding, serveDrop } from './sync.js';
import { Watchers } from './watchers.js';

/** A mount to be made by this process. */
export interface MountRequest {
  mountpoint: string;
  source: string;
  union: UnionOptions;
  flags: MountFlags;
  adapter: Adapter;
  log: Log;
  /** Makes the log tell more, or less. */
  setVerbose?: (on: boolean) => void;
  /** Already made, with the log in it, where a background process does the mount. */
  state: { directory: string; log: string } | undefined;
}

export interface RunningMount {
  readonly mountpoint: string;
  readonly directory: string;
  readonly session: Session;
  /** Where one listens to its events. */
  readonly events: EventHub;
  /** What holds now, also after remounts. */
  readonly inForce: Readonly<InForce>;
  /**
   * Carries out the steps of a remount, after those that were asked for before.
   * @throws MountError: one line
   */
  remount(steps: readonly RemountStep[]): Promise<RemountReport>;
  /** Resolves once nothing of the mount is left, with the reason if it ended by a failure. */
  readonly ended: Promise<string | undefined>;
}

/**
 * Checks, mounts, and keeps the state directory and control socket for as long as the mount lives.
 * @throws MountError or the adapter's error, with nothing left behind
 */
export async function runMount(asked: MountRequest): Promise<RunningMount> {
  const request = { ...asked, union: mappedOnce(asked.union) };
  const mountpoint = resolveMountpoint(request.mountpoint);
  checkMountpoint(mountpoint, request.union.branches);
  forgetOldMounts(mountpoint);
  await outlastFormerMounts(request.union.branches, request.log);
  const directory = request.state?.directory ?? createStateDirectory();
  const events = new EventHub();
  const watchers = new Watchers();
  let session: Session | undefined;
  try {
    session = await start(request, mountpoint, events);
    events.start(session);
    const mount = makeTarget(request, mountpoint, directory, session, watchers);
    const inTurn = oneByOne((steps: readonly RemountStep[]) => remount(mount, steps));
    const holding = new Holding(session);
    const control = await listenControl(directory, (command, outlet) => answer(command, mount, inTurn, { events, watchers, holding, outlet }));
    writeInForce(directory, mount.inForce);
    publishState(directory, describe(request, mount, directory));
    const ended = follow(session, control, directory, request.log);
    request.log('info', 'mounted', {
      mountpoint, options: optionText(mount.inForce), branches: session.branches.map((branch) => branch.text),
    });
    return { mountpoint, directory, session, events, inForce: mount.inForce, remount: inTurn, ended };
  } catch (error) {
    await session?.unmount({ lazy: true }).catch(() => undefined);
    removeState(directory);
    throw error;
  }
}

function start(request: MountRequest, mountpoint: string, events: EventHub): Promise<Session> {
  return request.adapter.start({
    mountpoint,
    source: request.source,
    union: request.union,
    mount: request.flags,
    onEvent: events.deliver,
    onLog: (level, message, fields) => request.log(level, message, fields),
  });
}

function makeTarget(request: MountRequest, mountpoint: string, directory: string, session: Session, watchers: Watchers): RemountTarget {
  const { union, flags, log } = request;
  const inForce = firstInForce(union, flags, session.branches);
  return {
    mountpoint, session, inForce, log,
    setVerbose: (on) => request.setVerbose?.(on),
    changed: () => {
      const found = findState(directory);
      // Unmounted meanwhile: there is nothing left to write to.
      if (found === undefined) return;
      writeInForce(directory, inForce);
      writeState(directory, { ...found.state, options: optionText(inForce) });
      watchers.tellChange();
      log('info', 'remounted', { mountpoint, options: optionText(inForce) });
    },
  };
}

/** Makes calls wait for those before. */
function oneByOne<Argument, Result>(call: (argument: Argument) => Promise<Result>): (argument: Argument) => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  return (argument) => {
    const result = last.then(() => call(argument));
    last = result.catch(() => undefined);
    return result;
  };
}

function describe(request: MountRequest, mount: RemountTarget, directory: string): MountState {
  return {
    id: directory.slice(-'si_0123456789abcdef'.length),
    ...thisProcess(),
    mountpoint: mount.mountpoint,
    source: request.source,
    options: optionText(mount.inForce),
    adapter: request.adapter.name,
    log: request.state?.log ?? null,
    background: request.state !== undefined,
    started: new Date().toISOString(),
  };
}

async function answer(
  request: ControlRequest, mount: RemountTarget, inTurn: RunningMount['remount'],
  { events, watchers, holding, outlet }: { events: EventHub; watchers: Watchers; holding: Holding; outlet: Outlet },
): Promise<unknown> {
  const { session, inForce } = mount;
  switch (request.command) {
    case 'status': return { pid: process.pid, branches: inForce.branches };
    case 'branches': return inForce.branches;
    case 'stats': return stats(session, request['collect'] === true);
    case 'remount': return inTurn(decodeSteps(request['steps']));
    case 'events':
      subscribe(request, events, outlet);
      // Answered after the union has begun to tell.
      return session.call({ name: 'branches' });
    case 'watch': return watchers.add(outlet);
    case 'keep-plinks': return session.call({ name: 'keep-plinks' });
    case 'describe-plinks': case 'cpup-plinks': case 'flush-plinks': return session.call({ name: request.command });
    case 'branch-users': return session.call({ name: 'branch-users', argument: { path: request['path'], inos: request['inos'] } });
    case 'mvdown': return serveMoveDown(session, request, outlet);
    case 'hold-still': return holding.begin(outlet);
    case 'go-on': return holding.end();
    case 'drop-upper': return serveDrop(session, request);
    case 'unmount': return session.unmount({ lazy: request['lazy'] === true });
    default: throw new MountError(`unknown command "${request.command}"`);
  }
}

/** Numbers for people: of the loop that serves, of what the union holds, and of the memory that takes. */
async function stats(session: Session, collect: boolean): Promise<object> {
  const numbers = await Promise.all([
    session.call({ name: 'stats' }),
    session.call({ name: 'counts' }),
    session.call({ name: 'memory', argument: collect ? 'collect' : undefined }),
  ]);
  return Object.assign({}, ...numbers as object[]) as object;
}

/** After a failure the state stays, with the reason and the log, until `tsaufs umount` or the next mount there. */
async function follow(
  session: Session, control: ControlServer, directory: string, log: Log,
): Promise<string | undefined> {
  const end = await session.ended;
  const failure = end.reason === 'failed' ? end.error ?? 'the file system ended by itself' : undefined;
  if (failure === undefined) log('info', 'unmounted');
  else log('error', 'the file system failed', { error: failure });
  await control.close(failure);
  try {
    if (failure === undefined) removeState(directory);
    else recordFailure(directory, failure);
  } catch (error) {
    log('warn', 'the state directory could not be removed', { directory, error: errorLine(error) });
  }
  return failure;
}

function recordFailure(directory: string, failure: string): void {
  const found = findState(directory);
  if (found) writeState(directory, { ...found.state, failure });
}
