// What `tsaufs trace` tells of what shell commands do in a mount.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import path from 'node:path';
import { mkdirSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { act } from '../helpers/actor.js';
import { mounted, type Mounted, type Setup } from '../helpers/mounted.js';
import { because, noRootMount, noUserMount, nobody, program, run, shell, until } from '../helpers/process.js';

const reason = noRootMount();

interface Trace {
  child: ChildProcess;
  /** Lines that have come so far. */
  lines(): string[];
  /** Waits for a line. */
  line(pattern: RegExp): Promise<string>;
  ended(): Promise<{ status: number | null; stderr: string }>;
}

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

/** Starts `tsaufs trace`, and waits until it listens. */
async function trace(union: Mounted, ...args: string[]): Promise<Trace> {
  const child = spawn(process.execPath, [program, 'trace', '-v', ...args, union.mnt], { stdio: ['ignore', 'pipe', 'pipe'] });
  children.add(child);
  const closed = once(child, 'close') as Promise<[number | null]>;
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const lines = (): string[] => stdout.split('\n').slice(0, -1);
  await until(() => stderr.includes('; ^C ends it\n') || child.exitCode !== null);
  return {
    child,
    lines,
    line: async (pattern) => {
      await until(() => lines().some((line) => pattern.test(line)));
      return lines().find((line) => pattern.test(line))!;
    },
    ended: async () => ({ status: (await closed)[0], stderr: stderr.replace(/^tsaufs: tracing .*\n/, '') }),
  };
}

const fill = (root: string): void => {
  for (const name of ['001', '002', '003']) writeFileSync(path.join(root, 'lower', name), `${name}\n`);
  mkdirSync(path.join(root, 'lower/dir'));
  writeFileSync(path.join(root, 'lower/dir/f'), '');
};

function inUnion(use: (union: Mounted) => Promise<void>, more: Setup = {}): Promise<void> {
  return mounted({ fill, ...more }, use);
}

/** Without time and process, and with the branches' names instead of their paths. */
function plain(union: Mounted, lines: string[]): string[] {
  return lines.map((line) => line.replaceAll(`${union.root}/`, '').replace(/^\S+ +(\S+) +\S+ +/, '$1 ').replace(/\d+\.\d{3} ms/, 'T'));
}

describe.skipIf(reason !== undefined)(`tsaufs trace${because(reason)}`, () => {
  test('a line an event, with the process that caused it', () => inUnion(async (union) => {
    const all = await trace(union);
    await shell('echo more >> 002; rm 003; echo new > 003; mkdir d; mv 001 d/one; rm -r dir; mkdir dir; ln 002 link; mknod end p', { cwd: union.mnt });
    const last = await all.line(/create +mknod\[\d+\] +\/end {2}on/);
    expect(last).toMatch(/^\d\d:\d\d:\d\d\.\d{6} {2}create/);
    const changes = all.lines().filter((line) => !line.includes('  lookup  '));
    expect(plain(union, changes)).toEqual([
      'copy-up /002  4 bytes from lower to upper, T',
      'whiteout /003  on upper', 'unlink /003  on upper',
      'unwhiteout /003  on upper', 'create /003  on upper',
      'mkdir /d  on upper',
      'copy-up /001  4 bytes from lower to upper, T', 'whiteout /001  on upper', 'rename /001 -> /d/one  on upper',
      'copy-up /dir  0 bytes from lower to upper, T', 'whiteout /dir/f  on upper', 'unlink /dir/f  on upper',
      'whiteout /dir  on upper', 'rmdir /dir  on upper',
      'opaque /dir  on upper', 'unwhiteout /dir  on upper', 'mkdir /dir  on upper',
      'link /002 -> /link  on upper',
      'create /end  on upper',
    ]);
    const lookups = plain(union, all.lines().filter((line) => line.includes('  lookup  ')));
    expect(lookups).toContain('lookup /002  on lower; asked upper, lower; T');
    expect(lookups).toContain('lookup /003  hidden by the whiteout on upper; asked upper; T');
    expect(lookups).toContain('lookup /link  nowhere; asked upper, lower; T');
    expect(changes.map((line) => / ([a-z]+)\[\d+\] /.exec(line)?.[1])).toEqual(expect.arrayContaining(['bash', 'rm', 'mkdir', 'mv', 'ln']));
  }));

  test('several listen at once, each to what it asked for; ^C ends one, the end of the mount all others', () => inUnion(async (union) => {
    const json = await trace(union, '--json', '-k', 'create,whiteout', '-p', '/d', '-p', '*3');
    const rest = await trace(union, '-x', 'lookup,create');
    const all = await trace(union);
    await shell('mkdir d e; touch d/a e/b; rm 003 002; touch d/end', { cwd: union.mnt });
    await json.line(/"\/d\/end"/);
    await all.line(/ \/d\/end/);
    all.child.kill('SIGINT');
    expect(await all.ended()).toEqual({ status: 0, stderr: '' });
    await shell('touch after; rm after', { cwd: union.mnt });
    await rest.line(/unlink .* \/after/);
    await union.unmount();
    for (const one of [json, rest]) expect(await one.ended()).toEqual({ status: 0, stderr: '' });
    const events = json.lines().map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(events.map(({ kind, path: name }) => `${String(kind)} ${String(name)}`)).toEqual(['create /d/a', 'whiteout /003', 'create /d/end']);
    expect(events[0]).toMatchObject({ branch: union.on('upper'), command: 'touch', pid: expect.any(Number) as number });
    expect(events[0]['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    expect(plain(union, rest.lines()).map((line) => line.split(' ')[0])).toEqual(
      ['mkdir', 'mkdir', 'whiteout', 'unlink', 'whiteout', 'unlink', 'unlink']);
  }));

  test('the reader of its output goes: it ends, without a word, whether or not there is something to tell', () => inUnion(async (union) => {
    const told = `${process.execPath} ${program} trace ${union.mnt}`;
    const quiet = await run('bash', ['-c', `${told} | true; echo "\${PIPESTATUS[*]}"`]);
    expect(quiet).toEqual({ status: 0, stdout: '0 0\n', stderr: '' });
    const some = run('bash', ['-c', `${told} -k create | head -n 1; echo "\${PIPESTATUS[*]}"`]);
    let done = false;
    void some.then(() => (done = true));
    for (let i = 0; !done; i++) await shell(`touch file${i}; sleep 0.05`, { cwd: union.mnt });
    const { status, stdout, stderr } = await some;
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^\S+ {2}create +touch\[\d+\] +\/file\d+ {2}on .*\n0 0\n$/);
  }));

  test('a reader that does not read loses events, and is told how many; the mount goes on', () => inUnion(async (union) => {
    const socket = net.connect(path.join(union.daemon.directory, 'control'));
    socket.pause();
    socket.write('{"command":"events","except":["lookup"]}\n');
    const all = await trace(union, '-k', 'unlink', '-p', '/end');
    // With a path of 3,600 bytes an event takes about as much, and 1 MiB of them may wait.
    const rounds = 1000;
    await act(union, `
      for i in range(15):
          os.mkdir('x' * 240)
          os.chdir('x' * 240)
      for i in range(${rounds}):
          os.close(os.open('a', os.O_CREAT | os.O_WRONLY))
          os.unlink('a')
      os.close(os.open(mnt + '/end', os.O_CREAT))
      os.unlink(mnt + '/end')
      result(None)
    `);
    await all.line(/ \/end/);
    let text = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).resume();
    await until(() => text.includes('"kind":"lost"'));
    socket.destroy();
    const events = text.split('\n').slice(0, -1).map((line) => JSON.parse(line) as { event?: { kind: string; count?: number } })
      .flatMap(({ event }) => event ?? []);
    const lost = events.filter(({ kind }) => kind === 'lost').reduce((sum, { count = 0 }) => sum + count, 0);
    expect(events.filter(({ kind }) => kind !== 'lost').length + lost).toBe(15 + 2 * rounds + 2);
    expect(lost).toBeGreaterThan(rounds);
  }));

  test('refused in one line', () => inUnion(async (union) => {
    const refused = async (status: number, text: string, ...args: string[]): Promise<void> => {
      const outcome = await run(process.execPath, [program, 'trace', ...args]);
      expect(outcome).toMatchObject({ status, stdout: '' });
      expect(outcome.stderr).toMatch(/^tsaufs: [^\n]+\n$/);
      expect(outcome.stderr).toContain(text);
    };
    await refused(2, 'there is no kind of event "read"', '-k', 'read', union.mnt);
    await refused(2, 'an empty path', '-p', '', union.mnt);
    await refused(2, 'missing required argument');
    await refused(1, 'is not mounted', union.root);
    await refused(1, 'is mounted, but not by tsaufs', '/proc');
    const foreign = await run(process.execPath, [program, 'trace', union.mnt], { as: nobody });
    expect(foreign).toMatchObject({ status: 1, stdout: '' });
    expect(foreign.stderr).toBe('tsaufs: permission denied: only root and the user who mounted it can do this\n');
  }));

  test('the process of the mount is killed: said, status 1', () => inUnion(async (union) => {
    const all = await trace(union);
    process.kill(union.daemon.pid, 'SIGKILL');
    expect(await all.ended()).toEqual({ status: 1, stderr: 'tsaufs: the process of the mount has ended without a word; see tsaufs list, and remove the mount with tsaufs umount\n' });
    await run(process.execPath, [program, 'umount', union.mnt]);
    await union.ended();
  }));
});

const userReason = noUserMount();

test.skipIf(userReason !== undefined)(`an ordinary user traces his own mount${because(userReason)}`, () => inUnion(async (union) => {
  const script = `${process.execPath} ${program} trace -k create ${union.mnt} > out & P=$!; while [ ! -s out ]; do touch mnt/a; rm mnt/a; done; kill -INT $P; wait $P; cat out`;
  const env = { XDG_RUNTIME_DIR: path.dirname(path.dirname(union.daemon.directory)) };
  const { status, stdout, stderr } = await run('bash', ['-c', script], { as: nobody, cwd: union.root, env });
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/ {2}create +touch\[\d+\] +\/a {2}on /);
}, { as: nobody, base: '/var/tmp' }));
