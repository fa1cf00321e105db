// Branches and options that change while the union is mounted and in use.
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ListedMount } from '../../src/daemon/list.js';
import { act, prepare, variants } from '../helpers/actor.js';
import { mounted, type Mounted } from '../helpers/mounted.js';
import { because, noRootMount, program, run, succeed, until, type Outcome, type User } from '../helpers/process.js';

/** Paths in the options are written `@name`, for a branch of the test. */
function tryRemount(u: Mounted, options: string, as?: User): Promise<Outcome> {
  return run(process.execPath, [program, 'remount', '-o', options.replaceAll('@', `${u.root}/`), u.mnt], {
    as, env: { XDG_RUNTIME_DIR: u.root },
  });
}

async function remount(u: Mounted, options: string, as?: User): Promise<void> {
  expect(await tryRemount(u, options, as)).toEqual({ status: 0, stdout: '', stderr: '' });
}

/** Lets the others go on before the next attempt. */
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 10));

const tree = `
for b in ['lower', 'extra']: os.mkdir(b + '/d'); put(b + '/f', b + ' f'); put(b + '/d/x', b + ' x'); put(b + '/' + b, b); put(b + '/d/' + b, b)
put('lower/gone', 'lower gone'); os.mkdir('lower/e'); put('lower/e/y', 'lower y')
put('extra/.wh.gone', ''); put('extra/e', 'a file here')
`;

/** What a process sees, asked for before so that the kernel has every name in its caches, those that are not there too. */
const look = `
def see(call, *args):
    try: return call(*args)
    except OSError as e: return errno.errorcode[e.errno]
result([names(), names('d'), see(names, 'e'), [see(get, n) for n in ['f', 'd/x', 'gone', 'lower', 'extra', 'd/lower', 'd/extra']]])
`;
const lowerOnly = [['d', 'e', 'f', 'gone', 'lower'], ['lower', 'x'], ['y'], ['lower f', 'lower x', 'lower gone', 'lower', 'ENOENT', 'lower', 'ENOENT']];
const extraBelow = [['d', 'e', 'extra', 'f', 'gone', 'lower'], ['extra', 'lower', 'x'], ['y'], ['lower f', 'lower x', 'lower gone', 'lower', 'extra', 'lower', 'extra']];
const extraAbove = [['d', 'e', 'extra', 'f', 'lower'], ['extra', 'lower', 'x'], 'ENOTDIR', ['extra f', 'extra x', 'ENOENT', 'lower', 'extra', 'lower', 'extra']];

for (const { who, as, base, reason } of variants) {
  describe.skipIf(reason !== undefined)(`remount, as ${who}${because(reason)}`, () => {
    const setup = { as, base, fill: (root: string) => prepare(root, `os.mkdir('extra')\n${tree}`, as) };

    test.each(['', 'udba=none'])('branches that come and go are seen at once, whatever the kernel had cached; %s', (options) => mounted({ ...setup, options }, async (u) => {
      expect(await act(u, look, as)).toEqual(lowerOnly);
      for (const [change, expected] of [
        ['append=@extra=ro', extraBelow], ['del=@extra', lowerOnly], ['add:1:@extra=ro+wh', extraAbove], ['del:@extra', lowerOnly],
        ['ins:2:@extra', extraBelow], ['del=@lower,append=@lower,mod=@extra=ro+wh', extraAbove], ['del=@extra,append=@extra=ro+wh', extraBelow],
      ] as const) {
        await remount(u, change, as);
        expect(await act(u, look, as), change).toEqual(expected);
      }
    }));

    test('what is written goes where the branches of the moment say', () => mounted(setup, async (u) => {
      await act(u, "put('d/x', 'first'); result(0)", as);
      await remount(u, 'prepend=@extra=rw,mod=@upper=ro', as);
      expect(await act(u, "result([get('d/x'), error(os.unlink, 'd/lower'), error(put, 'new', 'n'), names('d')])", as)).toEqual(
        ['extra x', null, null, ['extra', 'x']]);
      expect(readdirSync(u.on('extra', 'd')).sort()).toEqual(['.wh.lower', 'extra', 'x']);
      expect([existsSync(u.on('extra', 'new')), existsSync(u.on('upper', 'new'))]).toEqual([true, false]);
      await remount(u, 'del=@extra,mod=@upper=rw', as);
      expect(await act(u, "result([get('d/x'), names('d'), error(get, 'new'), error(put, 'new', 'n')])", as)).toEqual(
        ['first', ['lower', 'x'], 'ENOENT', null]);
      expect(readFileSync(u.on('upper', 'new'), 'utf8')).toBe('n');
    }));
  });
}

const obstacle = noRootMount();

describe.skipIf(obstacle !== undefined)(`remount of a union in use${because(obstacle)}`, () => {
  const setup = { fill: (root: string) => prepare(root, `os.mkdir('extra')\n${tree}`) };
  /** Runs a script in the union that waits, in `change(name)`, for the test to remount and go on. */
  async function acting<Result>(u: Mounted, script: string, changes: readonly string[]): Promise<Result> {
    const waiting = `
import time
def change(n):
    put(root + '/asked%d' % n, '')
    while not os.path.exists(root + '/done%d' % n): time.sleep(0.005)
`;
    const outcome = act<Result>(u, waiting + script);
    // A script that fails is told by `outcome`; nobody waits for its next step then.
    const state = { over: false };
    const finished = (): void => {
      state.over = true;
    };
    outcome.then(finished, finished);
    for (const [n, options] of changes.entries()) {
      await until(() => state.over || existsSync(u.on(`asked${n}`)));
      if (state.over) break;
      await remount(u, options);
      writeFileSync(u.on(`done${n}`), '');
    }
    return outcome;
  }

  test('what is mounted on a directory of the union stays mounted', () => mounted(setup, async (u) => {
    const point = path.join(u.mnt, 'e');
    await succeed('mount', ['-t', 'tmpfs', 'here', point]);
    try {
      writeFileSync(path.join(point, 'inside'), '');
      for (const change of ['append=@extra=ro', 'udba=none', 'del=@extra', 'mod=@lower=ro+wh']) {
        await remount(u, change);
        expect([readdirSync(point), existsSync(path.join(u.mnt, 'extra'))], change).toEqual([['inside'], !/del|mod/.test(change)]);
      }
    } finally {
      await run('umount', [point]);
    }
  }));

  test('a branch does not become read-only while the kernel writes to files of it itself', () => mounted(setup, async (u) => {
    const fd = openSync(u.at('n'), 'w+');
    try {
      const refused = await tryRemount(u, 'mod=@upper=ro');
      expect(refused).toMatchObject({ status: 1, stdout: '' });
      expect(refused.stderr).toMatch(/^tsaufs: .*upper is busy: \/n open for writing; close it, or mount with passthrough=none\n$/);
      writeSync(fd, 'still written');
    } finally {
      closeSync(fd);
    }
    await remount(u, 'mod=@upper=ro');
    expect(readFileSync(u.at('n'), 'utf8')).toBe('still written');
    expect(() => writeFileSync(u.at('n'), '')).toThrow('EROFS');
  }));

  test('open files go on: they stay the files they are, and a writer follows the copy-up', () => mounted({ ...setup, options: 'passthrough=none' }, async (u) => {
    const seen = await acting(u, `
f = os.open('f', os.O_RDWR); x = os.open('d/x', os.O_RDONLY); n = os.open('n', os.O_CREAT | os.O_RDWR)
os.write(n, b'1')
change(0)
seen = [os.pread(f, 99, 0).decode(), os.pread(x, 99, 0).decode(), get('f'), get('d/x')]
os.write(n, b'2')
change(1)
os.write(n, b'3'); os.pwrite(f, b'LOWER', 0)
seen += [os.pread(n, 99, 0).decode(), os.pread(f, 99, 0).decode(), get('n'), os.pread(x, 99, 0).decode()]
change(2)
seen += [os.pread(n, 99, 0).decode(), get('n')]
os.close(n); os.close(f); os.close(x)
change(3)
seen += [error(get, 'n'), names()]
result(seen)
`, ['add:0:@extra=ro+wh', 'mod=@extra=rw,mod=@upper=ro', 'noplink', 'del=@extra']);
    expect(seen).toEqual([
      'lower f', 'lower x', 'extra f', 'extra x',
      '123', 'LOWER f', '123', 'lower x',
      '123', '123',
      '12', ['d', 'e', 'f', 'gone', 'lower', 'n'],
    ]);
  }));

  test('a branch in use stays, and its users are named', () => mounted(setup, async (u) => {
    await remount(u, 'append=@extra');
    const held = act(u, `
import time
a = os.open('extra', os.O_RDONLY); b = os.open('d/extra', os.O_RDONLY)
put(root + '/open', '')
while not os.path.exists(root + '/close'): time.sleep(0.005)
os.close(a)
os.close(b)
result(0)
`);
    try {
      await until(() => existsSync(u.on('open')));
      expect(await tryRemount(u, 'del=@extra')).toEqual({
        status: 1, stdout: '', stderr: `tsaufs: branch ${u.on('extra')} is busy: /extra, /d/extra in use\n`,
      });
      expect(await act(u, "result([get('extra'), names('d')])")).toEqual(['extra', ['extra', 'lower', 'x']]);
    } finally {
      writeFileSync(u.on('close'), '');
      await held;
    }
    await remount(u, 'del=@extra');
    expect(await act(u, "result([error(get, 'extra'), names('d')])")).toEqual(['ENOENT', ['lower', 'x']]);
  }));

  test('who writes and reads all the time while branches come and go loses nothing', () => mounted(setup, async (u) => {
    const worker = act<{ rounds: number; wrong: string[]; kept: number }>(u, `
import time
wrong = []
def must(what, value, expected):
    if value not in expected: wrong.append('%s: %r' % (what, value))
log = os.open('log', os.O_CREAT | os.O_RDWR | os.O_APPEND)
reader = os.open('f', os.O_RDONLY)
os.mkdir('work')
rounds, expected = 0, b''
while not os.path.exists(root + '/stop'):
    line = b'%d\\n' % rounds
    expected += line
    os.write(log, line)
    must('log', os.pread(log, len(line), len(expected) - len(line)), [line])
    name = 'work/n%d' % rounds
    put(name, name)
    os.rename(name, name + '.kept')
    must('written', get(name + '.kept'), [name])
    must('f', get('f'), ['lower f', 'extra f'])
    must('reader', os.pread(reader, 99, 0), [b'lower f'])
    must('d/lower', get('d/lower'), ['lower'])
    must('d/extra', error(get, 'd/extra'), ['extra', 'ENOENT'])
    must('never', error(os.stat, 'never'), ['ENOENT'])
    if rounds % 10 == 0: must('work', len(names('work')), [rounds + 1])
    if rounds % 3 == 0: put('d/both', str(rounds)); must('both', get('d/both'), [str(rounds)]); os.unlink('d/both')
    rounds += 1
    if rounds == 1: put(root + '/working', '')
must('log at the end', get('log'), [expected.decode()])
must('work at the end', sorted(names('work')), [sorted('n%d.kept' % i for i in range(rounds))])
result({'rounds': rounds, 'wrong': wrong[:20], 'kept': len(names('work'))})
`);
    try {
      await until(() => existsSync(u.on('working')));
      for (let round = 0; round < 50; round++) {
        await remount(u, ['append=@extra', 'add:1:@extra=ro', 'append=@extra=ro+wh,mod=@extra=rr'][round % 3]);
        // While a file of it is open it is busy: then again.
        const change = round % 5 === 0 ? 'mod=@lower=rw,mod=@lower=ro,del=@extra' : 'del=@extra';
        while ((await tryRemount(u, change)).stderr.includes('is busy')) await pause();
      }
    } finally {
      writeFileSync(u.on('stop'), '');
    }
    const { rounds, wrong, kept } = await worker;
    expect(wrong).toEqual([]);
    expect(kept).toBe(rounds);
    expect(rounds).toBeGreaterThan(50);
    await u.unmount();
    expect(readdirSync(u.on('upper', 'work'))).toHaveLength(rounds);
    expect(readFileSync(u.on('upper', 'log'), 'utf8').trim().split('\n')).toHaveLength(rounds);
  }));

  test('read-only and back: refused at once, written at once', () => mounted(setup, async (u) => {
    const write = "result([error(put, 'f', 'new'), error(os.mkdir, 'm')])";
    await remount(u, 'ro');
    expect(await act(u, write)).toEqual(['EROFS', 'EROFS']);
    await remount(u, 'rw');
    expect(await act(u, write)).toEqual([null, null]);
    expect(readFileSync(u.on('upper', 'f'), 'utf8')).toBe('new');
  }));

  test('clean_plink makes pseudo-links real', () => mounted({
    fill: (root) => prepare(root, "put('lower/a', 'A'); os.link('lower/a', 'lower/b')"),
  }, async (u) => {
    await act(u, "put('a', 'new'); result(get('b'))");
    const list = await tryRemount(u, 'list_plink');
    expect(list.stdout.trim().split('\n')).toEqual([expect.stringContaining(u.on('upper'))]);
    await remount(u, 'clean_plink');
    expect(readdirSync(u.on('upper', '.wh..wh.plnk'))).toEqual([]);
    expect(await act(u, "result([get('a'), get('b'), os.stat('a').st_ino == os.stat('b').st_ino])")).toEqual(['new', 'new', true]);
    expect((await tryRemount(u, 'list_plink')).stdout).toBe('');
  }));
});

describe.skipIf(obstacle !== undefined)(`many branches${because(obstacle)}`, () => {
  test.each([127, 1000])('%i are mounted, listed, searched, added to and unmounted', (count) => {
    const names = ['upper', ...Array.from({ length: count - 1 }, (_, index) => `b${String(index).padStart(4, '0')}`)];
    return mounted({
      branches: names.map((name, index) => [name, index === 0 ? 'rw' : 'ro']),
      fill: (root) => {
        mkdirSync(path.join(root, 'extra'));
        for (const [index, name] of ['upper', ...names.slice(1), 'extra'].entries()) {
          mkdirSync(path.join(root, name, 'd'));
          writeFileSync(path.join(root, name, 'd', `only-${name}`), name);
          writeFileSync(path.join(root, name, 'd', 'all'), name);
          if (index > 0) writeFileSync(path.join(root, name, name), name);
        }
      },
    }, async (u) => {
      expect(u.daemon.branches.map(({ id, text }) => [id, text])).toEqual(
        names.map((name, index) => [64 + index, `${u.on(name)}=${index === 0 ? 'rw' : 'ro'}`]));
      const last = names.at(-1)!;
      expect(await act(u, `result([len(names()), len(names('d')), get('d/all'), get('${last}'), get('d/only-${last}'), error(get, 'd/none')])`))
        .toEqual([count, count + 1, 'upper', last, last, 'ENOENT']);
      expect(await act(u, `put('d/only-${last}', 'new'); os.unlink('${last}'); result([get('d/only-${last}'), len(names())])`)).toEqual(['new', count - 1]);
      await remount(u, `append=@extra,del=@${names[50]},prepend=@${names[50]}=ro`);
      expect(await act(u, "result([get('d/all'), get('extra'), get('d/only-extra')])")).toEqual([names[50], 'extra', 'extra']);
      const listed = JSON.parse(await succeed(process.execPath, [program, 'list', '--json'])) as ListedMount[];
      const { branches } = listed.find((mount) => mount.mountpoint === u.mnt)!;
      expect(branches).toHaveLength(count + 1);
      expect([branches[0].text, branches.at(-1)!.text]).toEqual([`${u.on(names[50])}=ro`, `${u.on('extra')}=ro`]);
    });
  }, 300_000);
});
