// Copy-ups so large that a helper copies the data.
import { appendFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { O } from '../../src/posix/file.js';
import { changeBranches } from '../../src/union/branch-changes.js';
import { FakeHelpers, Request } from './fake-helpers.js';
import { makeUnion, useUnions, type TestUnion } from './helpers.js';

useUnions();

const LARGE = 5 << 20;
const content = `start${'x'.repeat(LARGE - 8)}end`;

/** rw over ro with the large d/f, and helpers that wait to be told. */
function large(more: Record<string, string> = {}): { t: TestUnion; helpers: FakeHelpers } {
  const t = makeUnion([['rw'], ['ro', { 'd/f': content, ...more }]]);
  const helpers = new FakeHelpers();
  t.union.helpers = helpers;
  t.walk('d/f');
  return { t, helpers };
}

function isAsBefore(t: TestUnion): void {
  expect(t.leftovers(0)).toEqual([]);
  expect(t.names(0).filter((name) => !name.endsWith('/'))).toEqual([]);
  expect(t.u.copies.size).toBe(0);
}

describe('the operation waits for the data and then is whole', () => {
  const changes: [string, (t: TestUnion) => void, string][] = [
    ['chmod', (t) => t.chmod('d/f', 0o600), 'd/f'],
    ['truncate', (t) => t.truncate('d/f', LARGE - 3), 'd/f'],
    ['link', (t) => void t.link('d/f', 'd/g'), 'd/g'],
    ['rename', (t) => t.rename('d/f', 'd/g'), 'd/g'],
  ];
  test.each(changes)('%s', (name, change, to) => {
    const { t, helpers } = large();
    const ino = t.ino('d/f');
    const request = new Request(t, () => change(t));
    expect(request.answer).toBeNull();
    expect(t.leftovers(0)).toHaveLength(1);
    expect(t.read('d/f').slice(0, 5)).toBe('start');
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['success']);
    expect(helpers.log).toEqual([`copy ${String(name === 'truncate' ? LARGE - 3 : LARGE)}`]);
    expect(t.text(0, to)).toBe(name === 'truncate' ? content.slice(0, -3) : content);
    expect(t.ino(to)).toBe(ino);
    expect(t.leftovers(0)).toEqual([]);
    expect(t.told().filter((event) => event === `copy-up /${name === 'rename' ? 'd/f' : to}`)).toHaveLength(1);
  });

  test('write, through a handle that others read through', () => {
    const { t, helpers } = large();
    const [writer, reader] = [t.open('d/f', O.RDWR), t.open('d/f')];
    const request = new Request(t, () => t.writeTo(writer, 'START'));
    expect(t.readFrom(reader, 0, 5)).toBe('start');
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['success']);
    expect(t.readFrom(reader, 0, 6)).toBe('STARTx');
    expect(t.text(1, 'd/f')).toBe(content);
  });

  test('a file that was removed', () => {
    const { t, helpers } = large();
    const handle = t.open('d/f', O.RDWR);
    t.unlink('d/f');
    const request = new Request(t, () => t.writeTo(handle, 'START'));
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['success']);
    expect(t.readFrom(handle, 0, 6)).toBe('STARTx');
    expect(t.leftovers(0)).toEqual([]);
  });

  test('what is small is copied at once, and so is all where there are no helpers', () => {
    const { t, helpers } = large({ small: 'small' });
    t.chmod('small', 0o600);
    t.union.helpers = null;
    t.chmod('d/f', 0o600);
    expect(helpers.log).toEqual([]);
    expect(t.text(0, 'd/f')).toBe(content);
  });
});

describe('several requests need one copy', () => {
  test('it is made once', () => {
    const { t, helpers } = large();
    const handle = t.open('d/f', O.RDWR);
    const requests = [
      new Request(t, () => t.writeTo(handle, 'START')),
      new Request(t, () => t.chmod('d/f', 0o600)),
      new Request(t, () => t.writeTo(handle, 'END', LARGE - 3)),
    ];
    helpers.work();
    expect(Request.resume(t, ...requests)).toEqual(['success', 'success', 'success']);
    expect(helpers.log).toEqual([`copy ${String(LARGE)}`]);
    expect(t.text(0, 'd/f')).toBe(`START${content.slice(5, -3)}END`);
    expect(t.lstat(0, 'd/f').mode & 0o777).toBe(0o600);
  });

  test('all hear its error, and nothing stays', () => {
    const { t, helpers } = large();
    const requests = [new Request(t, () => t.chmod('d/f', 0o600)), new Request(t, () => t.truncate('d/f', LARGE - 1))];
    helpers.failWith = E.ENOSPC;
    helpers.work();
    expect(Request.resume(t, ...requests)).toEqual(['ENOSPC', 'ENOSPC']);
    helpers.work();
    isAsBefore(t);
    expect(helpers.log).toEqual([`copy ${String(LARGE)}`]);
    expect(t.read('d/f').slice(0, 5)).toBe('start');
  });

  test('one is interrupted: the others go on', () => {
    const { t, helpers } = large();
    const requests = [new Request(t, () => t.chmod('d/f', 0o600)), new Request(t, () => t.chmod('d/f', 0o640))];
    expect(requests[0].interrupt(true)).toBe(true);
    helpers.work();
    expect(Request.resume(t, ...requests)).toEqual(['EINTR', 'success']);
    expect(t.lstat(0, 'd/f').mode & 0o777).toBe(0o640);
  });
});

describe('nobody waits any more', () => {
  test('a dying caller: all is as before, at once', () => {
    const { t, helpers } = large();
    expect(new Request(t, () => t.chmod('d/f', 0o600)).interrupt(true)).toBe(true);
    isAsBefore(t);
    helpers.work();
    expect(helpers.log.slice(1)).toEqual(['stop']);
  });

  test('a signal: the copy is given up later, unless somebody comes back', () => {
    const { t, helpers } = large();
    expect(new Request(t, () => t.chmod('d/f', 0o600)).interrupt()).toBe(true);
    expect(helpers.log.slice(1)).toEqual(['abandon']);
    const again = new Request(t, () => t.chmod('d/f', 0o600));
    helpers.work();
    expect(Request.resume(t, again)).toEqual(['success']);
    expect(helpers.log.slice(2)).toEqual([]);

    const other = large();
    new Request(other.t, () => other.t.chmod('d/f', 0o600)).interrupt();
    other.helpers.work();
    isAsBefore(other.t);
  });

  test('the request finds something else to be wrong', () => {
    const { t, helpers } = large();
    const request = new Request(t, () => t.rename('d/f', 'g'));
    t.unlink('d/f');
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['ENOENT']);
    helpers.work();
    expect(t.leftovers(0)).toEqual([]);
    expect(t.u.copies.size).toBe(0);
  });
});

describe('something happens in the midst', () => {
  test.each([0, 1000])('the file is cut to %d bytes: the large copy is of no use', (size) => {
    const { t, helpers } = large();
    const handle = t.open('d/f', O.RDWR);
    const request = new Request(t, () => t.writeTo(handle, 'END', 2000));
    t.truncate('d/f', size);
    expect(t.text(0, 'd/f')).toBe(content.slice(0, size));
    helpers.work();
    expect(helpers.log.slice(1)).toEqual(['stop']);
    expect(Request.resume(t, request)).toEqual(['success']);
    expect(t.text(0, 'd/f')).toBe(`${content.slice(0, size)}${'\0'.repeat(2000 - size)}END`);
    expect(t.leftovers(0)).toEqual([]);
  });

  test('open with O_TRUNC', () => {
    const { t, helpers } = large();
    const request = new Request(t, () => t.chmod('d/f', 0o600));
    t.release(t.open('d/f', O.WRONLY | O.TRUNC));
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['success']);
    expect([t.text(0, 'd/f'), t.lstat(0, 'd/f').mode & 0o777]).toEqual(['', 0o600]);
  });

  test('a long rest is wanted after all', () => {
    const { t, helpers } = large();
    const requests = [new Request(t, () => t.truncate('d/f', LARGE - 1)), new Request(t, () => t.chmod('d/f', 0o600))];
    requests[0].interrupt();
    helpers.work();
    expect(Request.resume(t, ...requests)).toEqual(['EINTR', null]);
    helpers.work();
    expect(Request.resume(t, requests[1])).toEqual(['success']);
    expect(t.text(0, 'd/f')).toBe(content);
  });

  test('its last name goes', () => {
    const { t, helpers } = large();
    const handle = t.open('d/f', O.RDWR);
    const request = new Request(t, () => t.writeTo(handle, 'START'));
    t.unlink('d/f');
    expect(t.has('d/f')).toBe(false);
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['success']);
    expect(helpers.log).toHaveLength(1);
    expect(t.readFrom(handle, 0, 6)).toBe('STARTx');
    expect(t.has('d/f')).toBe(false);
    expect(t.names(0)).toEqual(['d/', 'd/.wh.f']);
  });

  test('it is renamed', () => {
    const { t, helpers } = large();
    const requests = [new Request(t, () => t.chmod('d/f', 0o600)), new Request(t, () => t.rename('d/f', 'g'))];
    helpers.work();
    expect(Request.resume(t, requests[1], requests[0])).toEqual(['success', 'ENOENT']);
    expect(t.text(0, 'g')).toBe(content);
    expect(helpers.log).toHaveLength(1);
  });

  test('somebody changes the file directly: it is copied anew, but not for ever', () => {
    const { t, helpers } = large();
    const request = new Request(t, () => t.chmod('d/f', 0o600));
    for (let i = 0; i < 3; i++) {
      appendFileSync(t.on(1, 'd/f'), String(i));
      helpers.work();
      Request.resume(t, request);
    }
    expect(request.answer).toBe('success');
    expect(helpers.log).toHaveLength(3);
    expect(t.text(0, 'd/f')).toBe(`${content}01`);
  });

  test('somebody replaces it directly', () => {
    const { t, helpers } = large();
    const request = new Request(t, () => t.chmod('d/f', 0o600));
    writeFileSync(t.on(1, 'd/new'), 'another');
    rmSync(t.on(1, 'd/f'));
    writeFileSync(t.on(1, 'd/f'), 'another');
    helpers.work();
    Request.resume(t, request);
    helpers.work();
    expect(t.leftovers(0)).toEqual([]);
    expect(t.text(0, 'd/f')).toBe('another');
  });

  test.each(['del', 'mod'] as const)('the branch that it goes to does not take it any more (%s)', (kind) => {
    const t = makeUnion([['rw'], ['rw'], ['ro', { 'd/f': content }]]);
    const helpers = new FakeHelpers();
    t.union.helpers = helpers;
    t.walk('d/f');
    const request = new Request(t, () => t.chmod('d/f', 0o600));
    const { path } = t.u.branches[1];
    expect(t.leftovers(1)).toHaveLength(1);
    changeBranches(t.u, (t.union as unknown as { opener: never }).opener, kind === 'del'
      ? { kind, path }
      : { kind, path, mode: { ...t.u.branches[1].spec, perm: 'ro' } });
    helpers.work();
    Request.resume(t, request);
    helpers.work();
    expect(Request.resume(t, request)).toEqual(['success']);
    expect(t.text(0, 'd/f')).toBe(content);
  });

  test('the union ends', () => {
    const { t, helpers } = large();
    new Request(t, () => t.chmod('d/f', 0o600));
    const orphans = t.on(0, '.wh..wh.orph');
    t.abandon();
    t.union.close();
    expect(readdirSync(orphans)).toEqual([]);
    // The descriptors go when the helper has let go of them: checked after the test.
    helpers.work();
  });
});
