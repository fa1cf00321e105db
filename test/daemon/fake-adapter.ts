import type { Adapter, Command, Session, SessionEnd, SessionRequest } from '../../src/fuse/adapter.js';
import { changeBranches } from '../../src/options/mount.js';
import type { ResolvedChange } from '../../src/options/resolve.js';
import type { BranchSpec } from '../../src/union/options.js';

/** An adapter that mounts nothing: the life cycle around it is what is tried. */
export class FakeAdapter implements Adapter {
  readonly name = 'kernel';
  request: SessionRequest | undefined;
  session: FakeSession | undefined;

  constructor(private readonly failure?: string) {}

  start(request: SessionRequest): Promise<Session> {
    this.request = request;
    if (this.failure !== undefined) return Promise.reject(new Error(this.failure));
    this.session = new FakeSession(request);
    return Promise.resolve(this.session);
  }
}

export class FakeSession implements Session {
  readonly branches: Session['branches'];
  readonly ended: Promise<SessionEnd>;
  readonly unmounts: boolean[] = [];
  readonly events: boolean[] = [];
  readonly calls: Command[] = [];
  /** Answers an argument of the command with this error. */
  readonly refusals = new Map<string, string>();
  busy = false;
  end!: (end: SessionEnd) => void;

  private specs: readonly BranchSpec[];
  private readonly ids: string[] = [];

  constructor(request: SessionRequest) {
    this.specs = request.union.branches;
    this.branches = this.list();
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  /** The same of lookups. */
  readonly lookups: boolean[] = [];

  setEvents(on: boolean, lookups = false): void {
    this.events.push(on);
    this.lookups.push(lookups);
  }

  call(command: Command): Promise<unknown> {
    if (command.name === 'branches') return Promise.resolve(this.list());
    this.calls.push(command);
    const refusal = this.refusals.get(command.name);
    if (refusal !== undefined) return Promise.reject(new Error(refusal));
    if (command.name === 'stats') return Promise.resolve({ requests: 7 });
    if (command.name === 'counts') return Promise.resolve({ inodes: 3 });
    if (command.name === 'list-plinks') return Promise.resolve(['a link']);
    if (command.name === 'change') this.specs = changeBranches(this.specs, command.argument as ResolvedChange);
    this.list();
    return Promise.resolve(null);
  }

  /** Ids go to paths as they come. */
  private list(): Session['branches'] {
    return this.specs.map(({ path, perm }) => {
      if (!this.ids.includes(path)) this.ids.push(path);
      return { id: 64 + this.ids.indexOf(path), path, text: `${path}=${perm}` };
    });
  }

  unmount(how: { lazy: boolean }): Promise<void> {
    this.unmounts.push(how.lazy);
    if (this.busy && !how.lazy) return Promise.reject(new Error('it is busy'));
    this.end({ reason: 'unmounted' });
    return Promise.resolve();
  }
}
