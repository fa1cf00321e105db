import { spawn } from 'node:child_process';
import { appendFileSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, readSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { isRunning, mounted, mountedIn, temporary } from '../helpers/mounted.js';
import { because, noRootMount, noUserMount, nobody, program, run, shell, until, type Outcome, type User } from '../helpers/process.js';
import { describeTree } from '../helpers/tree.js';

const reason = noRootMount();

const sync = (u: { root: string }, args: readonly string[], as?: User): Promise<Outcome> =>
  run(process.execPath, [program, 'sync', ...args], { cwd: u.root, as, env: { XDG_RUNTIME_DIR: u.root } });

/** Two branches, and what somebody does in their union: every kind of change. */
const lower = `
  umask 022; mkdir -p d opaque/sub gone/deep linked todir; for f in d/f d/g opaque/a opaque/sub/b gone/deep/x todir/z tofile; do echo "lower $f" > $f; done
  echo linked > linked/a; ln linked/a linked/b; echo $'not utf8' > $'d/\\xff'; touch -h -d 2001-02-03 d/* linked
`;
const changes = `
  umask 022; echo upper > d/f; rm d/g; rm -r opaque; mkdir opaque; echo new > opaque/n; rm -r gone; echo changed > linked/a
  rm tofile; mkdir tofile; echo q > tofile/q; rm -r todir; echo f > todir; mkdir -p new/deep; echo l > new/l1; ln new/l1 new/deep/l2
  ln -s nowhere new/symlink; mkfifo new/fifo; truncate -s 5M new/holes; echo end >> new/holes; setfattr -n user.a -v 1 new new/l1; setfacl -m u:7:rx new; setfacl -d -m g:8:r new
  echo x > $'d/\\xfe'; chmod 711 d; chmod 4755 d/f; touch -h -d '2003-04-05 06:07:08.9' new/* new d opaque
`;

const variants = [['root', undefined, reason], ['a user', nobody, noUserMount()]] as const;

describe.skipIf(reason !== undefined)(`tsaufs sync${because(reason)}`, () => {
  test.each(variants.filter(([, , why]) => why === undefined))('as %s: moved down, the union shows what it showed, and so does the lower branch', (_who, as) => mounted({
    branches: [['upper', 'rw'], ['lower', 'ro']], as, fill: async (root) => {
      await shell(lower, { cwd: path.join(root, 'lower'), as });
    },
  }, async (u) => {
    await shell(changes, { cwd: u.mnt, as });
    const before = await describeTree(u.mnt, 'content', [], as);
    const numbers = async (): Promise<string> => shell('find . -printf "%i %p %n %T@\\n" | grep -v "^[0-9]* \\. " | sort -k2', { cwd: u.mnt, as });
    const inodes = (await numbers()).replace(/ \d+( [\d.]+)$/gm, '$1');
    // Somebody works in a directory that goes, and has a directory open.
    const inside = spawn('setpriv', [...as === undefined ? [] : ['--reuid', '65534', '--regid', '65534', '--clear-groups'], 'sleep', '60'], {
      stdio: 'ignore', ...as === undefined ? { cwd: u.at('new/deep') } : {},
    });
    try {
      const untouched = await describeTree(u.on('lower'), 'exact', [], as);
      const planned = await sync(u, ['-n', '--json', 'mnt', 'lower'], as);
      expect(await describeTree(u.on('lower'), 'exact', [], as)).toEqual(untouched);
      const moved = await sync(u, ['--move', '--json', 'mnt', 'lower'], as);
      expect(moved).toMatchObject({ status: 0, stderr: '' });
      const told = JSON.parse(moved.stdout) as { dests: { changes: { action: string; path: string }[] }[]; stays: unknown[]; moved: boolean };
      expect(told).toMatchObject({ moved: true, stays: [] });
      expect((JSON.parse(planned.stdout) as typeof told).dests[0].changes).toEqual(told.dests[0].changes);
      expect(told.dests[0].changes).toContainEqual({ action: 'delete', path: '/gone' });
      expect(await describeTree(u.mnt, 'content', [], as)).toEqual(before);
      expect((await numbers()).replace(/ \d+( [\d.]+)$/gm, '$1')).toBe(inodes);
      if (as === undefined) expect(readdirSync(`/proc/${String(inside.pid)}/cwd`)).toEqual(['l2']);
      expect(await shell('find upper -mindepth 1 -not -name ".wh..wh.*"', { cwd: u.root, as })).toBe('');
      // It takes changes again.
      expect(await shell('echo more > new/more && rm new/l1 && cat new/deep/l2', { cwd: u.mnt, as })).toBe('l\n');
      await shell('rm new/more && ln new/deep/l2 new/l1 && touch -d "2003-04-05 06:07:08.9" new', { cwd: u.mnt, as });
    } finally {
      inside.kill('SIGKILL');
    }
    expect(await sync(u, ['-m', '-q', 'mnt', 'lower'], as)).toEqual({ status: 0, stdout: '', stderr: '' });
    await u.unmount();
    expect(await describeTree(u.on('lower'), 'content', [], as)).toEqual(before);
    expect(await run(process.execPath, [program, 'check', '-q', '-e', 'upper', 'lower'], { cwd: u.root, as })).toEqual({ status: 0, stdout: '', stderr: '' });
  }), 60_000);

  test('copied to a lower branch and to a directory beside; by the old name, too', () => mounted({
    branches: [['upper', 'rw'], ['middle', 'ro'], ['lower', 'ro+wh'], ['bottom', 'ro']], fill: async (root) => {
      mkdirSync(path.join(root, 'backup'));
      await shell(`cd bottom; ${lower.trim()}; cd ../middle; mkdir d; echo middle > d/m; echo middle > both`, { cwd: root });
    },
  }, async (u) => {
    await shell(`${changes.trim()}; echo upper > both`, { cwd: u.mnt });
    const before = await describeTree(u.mnt, 'content');
    const reader = openSync(u.at('d/f'), 'r');
    const copied = await sync(u, ['mnt', 'backup', 'lower']);
    expect(copied).toEqual({
      status: 0, stderr: '', stdout: `${u.on('lower')}: 19 added, 1 changed in their attributes, 2 hidden by whiteouts, 1 made opaque; 5.24 MB copied
${u.on('backup')}: 19 added, 1 changed in their attributes; 5.24 MB copied\n`,
    });
    expect(await sync(u, ['mnt', 'backup', 'lower'])).toMatchObject({ stdout: `${u.on('lower')}: nothing to do\n${u.on('backup')}: nothing to do\n` });
    expect(await describeTree(u.mnt, 'content')).toEqual(before);
    expect(readSync(reader, Buffer.alloc(9))).toBe(6);
    closeSync(reader);
    // What stays where a branch between would hide it.
    const moved = await sync(u, ['--move', 'mnt', 'lower']);
    expect(moved).toEqual({
      status: 1, stdout: `${u.on('lower')}: nothing to do\n`,
      stderr: `tsaufs: /both stays on ${u.on('upper')}: ${u.on('middle')} has the name, too, and would hide it
tsaufs: /d stays on ${u.on('upper')}: the directory: ${u.on('middle')} would show other attributes\n`,
    });
    expect(await describeTree(u.mnt, 'content')).toEqual(before);
    expect(readdirSync(u.on('upper')).filter((name) => !name.startsWith('.wh.'))).toEqual(['both', 'd']);
    symlinkSync(program, u.on('aubrsync'));
    const old = (...args: string[]): Promise<Outcome> => run(process.execPath, [u.on('aubrsync'), ...args], { cwd: u.root });
    expect(await old('-i', '-n', 'copy', 'mnt', 'upper', 'backup')).toMatchObject({ status: 0, stdout: `${u.on('backup')}: nothing to do\n` });
    expect(await old('copy', 'mnt')).toMatchObject({ status: 2 });
    await u.unmount();
    // Without the upper branch and the one between, the others show what it changed.
    await mountedIn(u.root, { branches: [['lower', 'ro+wh'], ['bottom', 'ro']] }, async (again) => {
      const rest = await describeTree(again.mnt, 'content');
      expect(rest.filter((line) => !before.includes(line)).map((line) => line.split(' ')[0])).toEqual([]);
    });
  }), 60_000);

  test('what is refused', () => mounted({
    branches: [['upper', 'rw'], ['lower', 'rw']], fill: (root) => {
      for (const name of ['other', 'upper/d']) mkdirSync(path.join(root, name));
      writeFileSync(path.join(root, 'upper/f'), 'text');
    },
  }, async (u) => {
    const refused: [string[], number, string][] = [
      [['mnt'], 2, 'where to? name a lower branch, or another directory, after the mount point'],
      [['other', 'lower'], 2, 'other is not a tsaufs mount; without one, name the branch to be copied with --upper'],
      [['--move', 'mnt', 'other'], 2, `${u.on('other')} is no branch of the union, which would not show any more what is moved there; use --copy, or add it first: tsaufs remount -o append=${u.on('other')}`],
      [['mnt', 'upper'], 2, `${u.on('upper')} and the branch ${u.on('upper')} lie in one another; name a directory outside`],
      [['mnt', 'mnt/d'], 2, `${u.at('d')} lies in the union itself; name a directory outside`],
      [['-u', 'lower', 'mnt', 'upper'], 2, `${u.on('upper')} lies above ${u.on('lower')} in the union, and hides it; name a branch below`],
      [['-u', 'other', 'mnt', 'lower'], 2, `${u.on('other')} is no branch of the union on ${u.mnt}; it has ${u.on('upper')}, ${u.on('lower')}`],
      [['mnt', 'none'], 2, 'none is not a directory; name one'],
      [['-c', '-m', 'mnt', 'lower'], 2, 'only one of --copy and --move can be given; leave the other out'],
      [['-u', 'other', 'lower'], 2, `lower belongs to the union on ${u.mnt}; name that first: tsaufs sync ${u.mnt} DEST`],
      [['--live', '-m', 'mnt', 'lower'], 2, '--live is for --copy: what is changed while it is moved might be lost'],
    ];
    for (const [args, status, line] of refused) expect(await sync(u, args)).toEqual({ status, stdout: '', stderr: `tsaufs: ${line}\n` });
    const writer = openSync(u.at('d/open'), 'w');
    expect(await sync(u, ['--move', 'mnt', 'lower'])).toEqual({
      status: 1, stdout: '', stderr: 'tsaufs: files are open for writing: /d/open; close them (tsaufs busy tells who has them), or copy with --live\n',
    });
    appendFileSync(u.at('f'), ' and more');
    expect(await sync(u, ['--live', 'mnt', 'other'])).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(u.on('other', 'f'), 'utf8')).toBe('text and more');
    closeSync(writer);
    expect(await sync(u, ['mnt', 'lower'], nobody)).toMatchObject({ status: 1, stdout: '' });
    await shell('mkdir small; mount -t tmpfs -o size=64k tmpfs small; head -c 100k /dev/zero > mnt/large', { cwd: u.root });
    const full = await sync(u, ['mnt', 'small']);
    expect(full.stderr).toMatch(/small has no room: it has .* left, and .* are needed; nothing was changed$/m);
    expect(readdirSync(u.on('small'))).toEqual([]);
    await shell('umount small', { cwd: u.root });
  }));

  test('killed at any moment, it is begun anew and nothing is lost', () => temporary('/dev/shm', undefined, async (root) => {
    const made = `for i in $(seq 60); do mkdir -p upper/d$((i % 7))/e$i lower/d$((i % 7)); head -c $((i * 30000)) /dev/urandom > upper/d$((i % 7))/e$i/f; ln upper/d$((i % 7))/e$i/f upper/l$i; echo old > lower/l$i; echo gone > lower/g$i; : > upper/.wh.g$i; done
      mkdir -p upper/op lower/op; : > upper/op/.wh..wh..opq; echo new > upper/op/n; echo old > lower/op/o; truncate -s 40M upper/large`;
    await shell(`mkdir upper lower; ${made}`, { cwd: root });
    let before: string[] = [];
    for (const [round, which] of ['program', 'daemon'].entries()) {
      await mountedIn(root, { branches: [['upper', 'rw'], ['lower', 'rw']] }, async (u) => {
        if (round === 0) before = await describeTree(u.mnt, 'content');
        else expect(await describeTree(u.mnt, 'content'), `round ${String(round)}`).toEqual(before);
        const child = spawn(process.execPath, [program, 'sync', '--move', 'mnt', 'lower'], { cwd: root, stdio: 'ignore' });
        const ended = new Promise((resolve) => child.once('close', resolve));
        await until(() => existsSync(u.on('lower', `.wh..wh.sync-${String(child.pid)}`)) || child.exitCode !== null);
        await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
        if (which === 'program') child.kill('SIGKILL');
        else {
          process.kill(u.daemon.pid, 'SIGKILL');
          await until(() => !isRunning(u.daemon.pid));
        }
        await ended;
        if (which === 'daemon') return u.unmount();
        expect(await describeTree(u.mnt, 'content')).toEqual(before);
        // Whoever holds it still is gone.
        await until(() => {
          try {
            writeFileSync(u.at('x'), '');
            return true;
          } catch {
            return false;
          }
        });
        await shell('rm x', { cwd: u.mnt });
      });
    }
    await mountedIn(root, { branches: [['upper', 'rw'], ['lower', 'rw']] }, async (u) => {
      expect(await sync(u, ['--move', '-q', 'mnt', 'lower'])).toEqual({ status: 0, stdout: '', stderr: '' });
      expect(await describeTree(u.mnt, 'content')).toEqual(before);
    });
    expect(readdirSync(path.join(root, 'upper')).filter((name) => !name.startsWith('.wh..wh.'))).toEqual([]);
    const left = await describeTree(path.join(root, 'lower'), 'content', ['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk']);
    expect(left).toEqual(before);
    expect(statSync(path.join(root, 'lower/large')).blocks).toBe(0);
  }), 120_000);

  test('of branches that are not mounted', () => temporary('/dev/shm', undefined, async (root) => {
    await shell(`mkdir one two; echo x > one/f; : > one/.wh.g; echo g > two/g; touch -d 2001-02-03 one`, { cwd: root });
    expect(await sync({ root }, ['-n', '-u', 'one', 'two'])).toEqual({
      status: 0, stderr: '', stdout: `delete      /g\nadd         /f\nattributes  /\n${root}/two: 1 added, 1 deleted, 1 changed in their attributes; 2 B would be copied\n`,
    });
    expect(await sync({ root }, ['-v', '--move', '-u', 'one', 'two'])).toMatchObject({ status: 0, stderr: '' });
    expect([readdirSync(`${root}/one`), readdirSync(`${root}/two`)]).toEqual([[], ['f']]);
  }));
});
