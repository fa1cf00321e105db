import { describe, expect, test } from 'vitest';
import { TraceFilter, traceKinds } from '../../src/inspect/trace-filter.js';
import { traceJson, traceLine } from '../../src/inspect/trace-line.js';
import type { UnionEvent } from '../../src/union/events.js';

const time = new Date(2026, 10, 21, 9, 5, 7, 12).getTime() + 0.345;
const about = { time, pid: 42, command: 'vi', branch: '/rw' };
const copyUp: UnionEvent = { ...about, kind: 'copy-up', path: '/d/a', from: '/ro', bytes: 1, duration: 1.23456 };

describe('filters', () => {
  const takes = (wish: ConstructorParameters<typeof TraceFilter>[0], event: Partial<UnionEvent>): boolean =>
    new TraceFilter(wish).takes({ ...about, kind: 'create', path: '/', ...event });

  test('by kind', () => {
    expect([takes({ kinds: ['create'] }, {}), takes({ kinds: ['rename'] }, {})]).toEqual([true, false]);
    expect([takes({ except: ['create'] }, {}), takes({ except: ['rename'] }, {})]).toEqual([false, true]);
    expect(takes({ kinds: ['create', 'rename'], except: ['create'] }, {})).toBe(false);
    expect(new TraceFilter({ except: ['lookup'] }).wants('lookup')).toBe(false);
    expect(traceKinds.filter((kind) => !new TraceFilter({}).wants(kind))).toEqual([]);
  });

  test.each<[pattern: string, matches: string[], others: string[]]>([
    ['/d', ['/d', '/d/a', '/d/e/f'], ['/dd', '/', '/e/d']],
    ['d/', ['/d', '/d/a'], ['/dd']],
    ['./d', ['/d/a'], ['/e/d']],
    ['/', ['/', '/d', '/d/a'], []],
    ['*.conf', ['/a.conf', '/d/.b.conf'], ['/a.conf.d/x', '/conf']],
    ['/d/*', ['/d/a', '/d/.a'], ['/d', '/d/e/f']],
    ['d/*', ['/d/a'], ['/e/d/a']],
    ['/d/**', ['/d/a', '/d/e/f', '/d/.g/h'], ['/e']],
    ['**/a?[0-9]', ['/ab1', '/d/e/ab1'], ['/ab', '/d/abc']],
    ['/{d,e}/a', ['/d/a', '/e/a'], ['/f/a']],
    ['/a (1)', ['/a (1)'], ['/a']],
    ['/d/ä*', ['/d/äb'], ['/d/a']],
  ])('by path: %s', (pattern, matches, others) => {
    const filter = { paths: [pattern] };
    expect(matches.filter((path) => !takes(filter, { path }))).toEqual([]);
    expect(others.filter((path) => takes(filter, { path }))).toEqual([]);
  });

  test('one of several paths is enough; a rename or link is found by either name, a copy-up not by its branch', () => {
    expect([takes({ paths: ['/x', '/d'] }, { path: '/d/a' }), takes({ paths: ['/x', '/y'] }, { path: '/d/a' })]).toEqual([true, false]);
    for (const kind of ['rename', 'link'] as const) expect(takes({ paths: ['/old'] }, { kind, path: '/new', from: '/old' })).toBe(true);
    expect(takes({ paths: ['/ro'] }, copyUp)).toBe(false);
  });

  test('a pattern that would take regular expressions for ever does not', () => {
    const path = `/${'a'.repeat(200)}`;
    expect(takes({ paths: ['/+(+(+(a|aa)|a)|aa)*b'] }, { path })).toBe(false);
  });

  test('what makes no sense is refused in one line', () => {
    expect(() => new TraceFilter({ kinds: ['read'] })).toThrow(/^there is no kind of event "read"; there are: lookup, copy-up, /);
    expect(() => new TraceFilter({ except: ['lost'] })).toThrow('"lost"');
    expect(() => new TraceFilter({ kinds: ['create'], except: ['create'] })).toThrow('no kind of event is left');
    expect(() => new TraceFilter({ paths: [''] })).toThrow('an empty path');
  });
});

describe('lines', () => {
  const line = (event: Partial<UnionEvent>): string => traceLine({ ...about, kind: 'create', path: '/a', ...event }).slice('09:05:07.012345  '.length);

  test('time of day with microseconds, kind, process, path and branch', () => {
    expect(traceLine({ ...about, kind: 'create', path: '/a' })).toBe('09:05:07.012345  create      vi[42]            /a  on /rw\n');
  });

  test('copy-up, rename, link', () => {
    expect(line(copyUp)).toBe('copy-up     vi[42]            /d/a  1 byte from /ro to /rw, 1.235 ms\n');
    expect(line({ kind: 'rename', path: '/b', from: '/a' })).toBe('rename      vi[42]            /a -> /b  on /rw\n');
    expect(line({ kind: 'link', path: '/b', from: '/a' })).toBe('link        vi[42]            /a -> /b  on /rw\n');
  });

  test('lookups: found, merged, hidden, missing', () => {
    const lookup = { kind: 'lookup', asked: ['/rw', '/ro'], duration: 0.0104 } as const;
    const told = (more: Partial<UnionEvent>): string => line({ ...lookup, ...more }).slice('lookup      vi[42]            /a  '.length);
    expect(told({ result: 'found', branch: '/ro' })).toBe('on /ro; asked /rw, /ro; 0.010 ms\n');
    expect(told({ result: 'found', merged: ['/rw', '/ro'] })).toBe('merged of /rw, /ro; asked /rw, /ro; 0.010 ms\n');
    expect(told({ result: 'hidden', asked: ['/rw'] })).toBe('hidden by the whiteout on /rw; asked /rw; 0.010 ms\n');
    expect(told({ result: 'missing', branch: '' })).toBe('nowhere; asked /rw, /ro; 0.010 ms\n');
  });

  test('a process without a name, one of elsewhere, and lost events', () => {
    const { command: _command, ...nameless } = about;
    expect(traceLine({ ...nameless, kind: 'create', path: '/a' })).toContain('  [42]              /a');
    expect(traceLine({ ...nameless, kind: 'create', path: '/a', pid: 0 })).toContain('  ?                 /a');
    expect(line({ kind: 'lost', path: '', branch: '', pid: 0, count: 3 })).toMatch(/^lost +3 events came too fast to be told\n$/);
  });

  test('names and commands make no lines of their own and say nothing to a terminal', () => {
    const hostile = line({ kind: 'rename', path: '/\x1b[2J\n', from: '/\x9b\u2028', command: 'x\r\x07' });
    expect(hostile).toContain('x\\x0d\\x07[42]');
    expect(hostile).toContain('/\\x9b\\x2028 -> /\\x1b[2J\\x0a  on');
  });

  test('JSON', () => {
    const parsed = (event: UnionEvent): unknown => {
      const text = traceJson(event);
      expect(text).toMatch(/^[^\n]*\n$/);
      return JSON.parse(text);
    };
    const utc = `${new Date(time).toISOString().slice(0, 19)}.012345Z`;
    expect(parsed(copyUp)).toEqual({
      time: utc, kind: 'copy-up', path: '/d/a', branch: '/rw', from: '/ro', bytes: 1, duration: 1.235, command: 'vi', pid: 42,
    });
    expect(parsed({ kind: 'lost', path: '', branch: '', pid: 0, count: 3, time })).toEqual({ time: utc, kind: 'lost', count: 3 });
    expect(parsed({ ...about, kind: 'create', path: '/\n' })).toMatchObject({ path: '/\n' });
  });
});
