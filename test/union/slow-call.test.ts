// fsync and reads that may wait are made by helpers.
import { describe, expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { O } from '../../src/posix/file.js';
import { PACE, type Pace } from '../../src/union/pace.js';
import { FakeHelpers, Request } from './fake-helpers.js';
import { DISK, makeUnion, useUnions, type TestUnion } from './helpers.js';

useUnions();

/** An rw branch over a ro one that are said to be so slow. */
function paced(pace: Pace, on?: string): { t: TestUnion; helpers: FakeHelpers } {
  const t = makeUnion([['rw', { 'd/f': 'content' }], ['ro', { 'd/g': 'x'.repeat(8192) }]], on === undefined ? {} : { on });
  const helpers = new FakeHelpers();
  t.union.helpers = helpers;
  for (const branch of t.u.branches) branch.pace = pace;
  return { t, helpers };
}

test('the pace of a branch is told by its file system', () => {
  const [memory, disk] = [undefined, DISK].map((on) => makeUnion([['rw']], on === undefined ? {} : { on }).u.branches[0].pace);
  expect(memory).toBe(PACE.MEMORY);
  expect(disk).not.toBe(PACE.MEMORY);
});

describe('fsync', () => {
  const syncs: [string, (t: TestUnion) => void][] = [
    ['of a file', (t) => t.union.fsync(t.open('d/f', O.RDWR), false)],
    ['of its data', (t) => t.union.fsync(t.open('d/f', O.RDWR), true)],
    ['of a directory', (t) => t.union.fsyncdir(t.opendir('d'), false)],
    ['of all', (t) => t.union.syncfs()],
  ];
  test.each(syncs)('%s waits for a helper, and not where it costs nothing', (_name, sync) => {
    const { t, helpers } = paced(PACE.DISK);
    const requests = [new Request(t, () => sync(t)), new Request(t, () => sync(t))];
    expect(requests.map(({ answer }) => answer)).toEqual([null, null]);
    helpers.work();
    expect(Request.resume(t, ...requests)).toEqual(['success', 'success']);
    const memory = paced(PACE.MEMORY);
    expect(new Request(memory.t, () => sync(memory.t)).answer).toBe('success');
  });

  test('tells its error', () => {
    const { t, helpers } = paced(PACE.DISK);
    const request = new Request(t, () => t.union.fsync(t.open('d/f', O.RDWR), false));
    helpers.failWith = E.EIO;
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['EIO']);
  });

  test('interrupted: its error is told to the next', () => {
    const { t, helpers } = paced(PACE.DISK);
    const handle = t.open('d/f', O.RDWR);
    const sync = () => new Request(t, () => t.union.fsync(handle, false));
    expect(sync().interrupt()).toBe(true);
    helpers.failWith = E.EIO;
    helpers.work();
    expect(sync().answer).toBe('EIO');
    const third = sync();
    helpers.work();
    expect(Request.resume(t, third)).toEqual(['success']);
  });
});

describe('read', () => {
  const reading = (t: TestUnion, path: string, offset = 0) => {
    const got: { text?: string } = {};
    const handle = t.open(path);
    return { got, request: new Request(t, () => (got.text = t.readFrom(handle, offset))) };
  };

  test.each([['d/f', 0, 'content'], ['d/f', 3, 'tent'], ['d/f', 7, ''], ['d/g', 0, 'x'.repeat(8192)], ['d/g', 4096, 'x'.repeat(4096)]])(
    'of %s from %d on, all that there is: in memory on a disk, or from afar',
    (path, offset, text) => {
      const disk = paced(PACE.DISK, DISK);
      const cached = reading(disk.t, path, offset);
      disk.helpers.work();
      Request.resume(disk.t, cached.request);
      expect(cached.got.text).toBe(text);

      const remote = paced(PACE.REMOTE);
      const far = reading(remote.t, path, offset);
      expect(far.request.answer).toBeNull();
      remote.helpers.work();
      expect(Request.resume(remote.t, far.request)).toEqual(['success']);
      expect(far.got.text).toBe(text);
    },
  );

  test('of what has just been written waits for nobody', () => {
    const { t, helpers } = paced(PACE.DISK, DISK);
    expect(reading(t, 'd/f').request.answer).toBe('success');
    expect(helpers.tasks).toEqual([]);
  });

  test('is interrupted only for a caller that dies', () => {
    const { t, helpers } = paced(PACE.REMOTE);
    const { request } = reading(t, 'd/f');
    expect(request.interrupt(false)).toBe(false);
    expect(request.interrupt(true)).toBe(true);
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['EINTR']);
  });

  test('goes on with what was open when the file is copied up meanwhile', () => {
    const { t, helpers } = paced(PACE.REMOTE);
    const handle = t.open('d/g', O.RDWR);
    const got: string[] = [];
    const read = new Request(t, () => got.push(t.readFrom(handle, 0, 4)));
    t.u.branches[1].pace = t.u.branches[0].pace = PACE.MEMORY;
    t.writeTo(handle, 'new');
    helpers.work();
    expect(Request.resume(t, read)).toEqual(['success']);
    expect(['xxxx', 'newx']).toContain(got[0]);
  });
});

describe('write', () => {
  const writing = (t: TestUnion, text: string, offset = 0) => {
    const handle = t.open('d/f', O.RDWR);
    return new Request(t, () => expect(t.writeTo(handle, text, offset)).toBe(text.length));
  };

  test('to afar is made by a helper, whatever becomes of the request and its memory', () => {
    const { t, helpers } = paced(PACE.REMOTE);
    const requests = [writing(t, 'CON'), writing(t, 'S', 7)];
    expect(requests.map(({ answer }) => answer)).toEqual([null, null]);
    expect(requests[0].interrupt(true)).toBe(false);
    helpers.work();
    expect(Request.resume(t, ...requests)).toEqual(['success', 'success']);
    expect(t.text(0, 'd/f')).toBe('CONtentS');
  });

  test('tells its error', () => {
    const { t, helpers } = paced(PACE.REMOTE);
    const request = writing(t, 'CON');
    helpers.failWith = E.ENOSPC;
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['ENOSPC']);
  });

  test('to a disk is made at once, but for large ones while it makes who writes wait', () => {
    const { t, helpers } = paced(PACE.DISK);
    const large = 'x'.repeat(64 * 1024);
    expect(writing(t, large).answer).toBe('success');
    t.u.branches[0].slowUntil = performance.now() + 60_000;
    expect(writing(t, 'y').answer).toBe('success');
    const request = writing(t, 'Z'.repeat(large.length), 1);
    expect(request.answer).toBeNull();
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['success']);
    expect(t.text(0, 'd/f')).toBe(`y${'Z'.repeat(large.length)}`);
  });

  test('after a copy-up by a helper', () => {
    const { t, helpers } = paced(PACE.REMOTE);
    const handle = t.open('d/g', O.RDWR);
    const request = new Request(t, () => t.writeTo(handle, 'new'));
    for (let i = 0; i < 2; i++) {
      expect(request.answer).toBeNull();
      helpers.work();
      Request.resume(t, request);
    }
    expect(request.answer).toBe('success');
    expect(t.text(0, 'd/g')).toBe(`new${'x'.repeat(8189)}`);
  });
});
