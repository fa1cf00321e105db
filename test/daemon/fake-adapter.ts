import type { Adapter, Session, SessionEnd, SessionRequest } from '../../src/fuse/adapter.js';

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
  busy = false;
  end!: (end: SessionEnd) => void;

  constructor(request: SessionRequest) {
    this.branches = request.union.branches.map(({ path, perm }, index) => ({ id: 64 + index, path, text: `${path}=${perm}` }));
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }

  setEvents(on: boolean): void {
    this.events.push(on);
  }

  call(): Promise<unknown> {
    return Promise.resolve(undefined);
  }

  unmount(how: { lazy: boolean }): Promise<void> {
    this.unmounts.push(how.lazy);
    if (this.busy && !how.lazy) return Promise.reject(new Error('it is busy'));
    this.end({ reason: 'unmounted' });
    return Promise.resolve();
  }
}
