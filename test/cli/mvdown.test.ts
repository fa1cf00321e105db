import { spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Mounted, disk, isRunning, mounted, mountedIn, temporary } from '../helpers/mounted.js';
import { because, noRootMount, noUserMount, nobody, program, python, run, shell, succeed, until, type Outcome, type User } from '../helpers/process.js';
import { describeTree } from '../helpers/tree.js';

const reason = noRootMount();
const three = [['upper', 'rw'], ['middle', 'ro'], ['lower', 'rw']] as const;

const mvdown = (u: Mounted, args: readonly string[], as?: User, more: { input?: string } = {}): Promise<Outcome> =>
  run(process.execPath, [program, 'mvdown', ...args], { cwd: u.root, as, env: { XDG_RUNTIME_DIR: u.root }, ...more });
const done = (stdout = ''): Outcome => ({ status: 0, stdout, stderr: '' });
const refused = (...lines: string[]): Outcome => ({ status: 1, stdout: '', stderr: lines.map((line) => `tsaufs: ${line}\n`).join('') });

/** Attributes of all kinds, holes, and a name that is not UTF-8. */
const filling = `
  umask 022; cd upper; mkdir -p d/e; echo text > d/e/f; chmod 6751 d/e/f; setfattr -n user.a -v 1 d/e/f; setfacl -m u:7:r d/e/f; chmod 711 d
  truncate -s 9M d/holes; echo end >> d/holes; ln -s nowhere d/link; mkfifo d/fifo; : > d/e/$'not\\xffutf8'; touch -h -d '2001-02-03 04:05:06.789' d/*
`;

describe.skipIf(reason !== undefined)(`tsaufs mvdown${because(reason)}`, () => {
  const variants = [['root', undefined, reason], ['a user', nobody, noUserMount()]] as const;
  test.each(variants.filter(([, , why]) => why === undefined))('as %s: the union shows what it showed', (_who, as) => mounted({
    branches: three, as, fill: async (root) => {
      await shell(filling, { cwd: root, as });
    },
  }, async (u) => {
    const look = (): Promise<string[]> => python<string[]>(`
import json, os, sys
def tell(path):
    st = os.lstat(path)
    return [path, st.st_ino, st.st_mode, st.st_uid, st.st_gid, 0 if os.path.isdir(path) else st.st_size, st.st_mtime_ns, [[n, os.getxattr(path, n, follow_symlinks=False).hex()] for n in sorted(os.listxattr(path, follow_symlinks=False))]]
print(json.dumps([tell(p) for d, _, fs in os.walk(sys.argv[1]) for p in [d] + [os.path.join(d, f) for f in fs]]))
`, [u.mnt], { as });
    const content = await describeTree(u.mnt, 'content', [], as);
    const before = await look();
    const script = `${process.execPath} ${program} mvdown -v mnt/d/e/f mnt/d/holes mnt/d/link mnt/d/fifo mnt/d/e/$'not\\xffutf8'`;
    const out = await shell(script, { cwd: u.root, as, env: { XDG_RUNTIME_DIR: u.root } });
    expect(out.trimEnd().split('\n')).toHaveLength(5);
    expect(await look()).toEqual(before);
    expect(await describeTree(u.mnt, 'content', [], as)).toEqual(content);
    await u.unmount();
    expect(await shell('find upper -not -name ".wh.*" -not -type d', { cwd: u.root, as })).toBe('');
    expect(statSync(u.on('lower', 'd/holes')).blocks * 512).toBeLessThan(1 << 20);
    expect(await describeTree(u.on('lower', 'd/e/f'), 'content', [], as)).toHaveLength(1);
  }));

  test('what it says', () => mounted({
    branches: three, fill: (root) => {
      mkdirSync(path.join(root, 'upper/d'));
      for (const name of ['f', 'g', 'h', 'd/x']) writeFileSync(path.join(root, 'upper', name), name);
      writeFileSync(path.join(root, 'middle/g'), 'between');
      writeFileSync(path.join(root, 'lower/h'), 'below');
    },
  }, async (u) => {
    const [upper, middle, lower] = ['upper', 'middle', 'lower'].map((name) => u.on(name));
    expect(await mvdown(u, ['-n', 'mnt/f'])).toEqual(done(`mnt/f would be moved from ${upper} to ${lower}\n`));
    expect(existsSync(u.on('upper', 'f'))).toBe(true);
    expect(await mvdown(u, ['mnt/f', 'mnt/g', 'mnt/d'])).toEqual(refused(
      `mnt/g: Upper exists: ${middle} has the name, too, and would hide it on ${lower}; choose a branch above with --lower-branch-id`,
      'mnt/d: is a directory, which is not moved; name the files in it, or see tsaufs sync',
    ));
    expect(readFileSync(u.on('lower', 'f'), 'utf8')).toBe('f');
    expect(await mvdown(u, ['-v', '-r', '-o', '-b', 'middle', 'mnt/g'])).toEqual(done(`mnt/g moved from ${upper} to ${middle} (read-only), over what is there\n`));
    expect(JSON.parse((await mvdown(u, ['--json', 'mnt/h', 'mnt/none'])).stdout)).toEqual([
      { path: 'mnt/h', moved: false, reason: 'exists', text: `${lower} has the name, too; replace it with --overwrite-lower` },
      { path: 'mnt/none', moved: false, reason: 'missing', text: 'there is no such file in the union' },
    ]);
    expect(await mvdown(u, ['-i', 'mnt/d/x'], undefined, { input: 'n\n' })).toEqual({ status: 0, stdout: '', stderr: "move down 'mnt/d/x'? " });
    expect(await mvdown(u, ['-i', 'mnt/d/x'])).toMatchObject({ status: 0, stdout: '' });
    expect(existsSync(u.on('upper', 'd/x'))).toBe(true);
    symlinkSync(program, u.on('aumvdown'));
    const old = await run(process.execPath, [u.on('aumvdown'), '-k', '-d', 'mnt/d/x'], { cwd: u.root });
    expect(old).toEqual(done());
    expect([existsSync(u.on('upper', 'd/x')), existsSync(u.on('lower', 'd/x'))]).toEqual([true, true]);
    expect(await mvdown(u, ['upper/h'])).toEqual({ status: 2, stdout: '', stderr: 'tsaufs: upper/h is not in a tsaufs mount; see tsaufs list\n' });
    expect(await mvdown(u, [])).toEqual({ status: 2, stdout: '', stderr: "tsaufs: missing required argument 'paths'; see tsaufs mvdown --help\n" });
    expect(await mvdown(u, ['-b', '', 'mnt/h'])).toMatchObject({ status: 2, stderr: 'tsaufs: the branch is empty; it is a directory, an id, or a position counted from 0\n' });
    chownSync(u.root, 0, 0);
    expect(await mvdown(u, ['mnt/h'], nobody)).toMatchObject({ status: 1, stdout: '' });
  }));

  test('the mount is killed while a large file is copied: it is where it was, and nothing is left', () => temporary(disk, undefined, async (root) => {
    const fill = (at: string): void => {
      mkdirSync(path.join(at, 'upper'), { recursive: true });
      if (!existsSync(path.join(at, 'upper/big'))) writeFileSync(path.join(at, 'upper/big'), Buffer.alloc(64 << 20, 'x'));
    };
    await mountedIn(root, { branches: three, fill }, async (u) => {
      const child = spawn(process.execPath, [program, 'mvdown', 'mnt/big'], { cwd: root, stdio: 'ignore' });
      const ended = new Promise((resolve) => child.once('close', resolve));
      await until(() => readdirSync(u.on('lower', '.wh..wh.orph')).length > 0);
      process.kill(u.daemon.pid, 'SIGKILL');
      await until(() => !isRunning(u.daemon.pid));
      await u.unmount();
      expect(await ended).toBe(1);
    });
    expect(readdirSync(path.join(root, 'lower/.wh..wh.orph'))).toHaveLength(1);
    await mountedIn(root, { branches: three, fill }, async (u) => {
      expect(readdirSync(u.on('lower', '.wh..wh.orph'))).toEqual([]);
      expect(statSync(u.at('big')).size).toBe(64 << 20);
      // Who asked goes away: it is given up.
      const child = spawn(process.execPath, [program, 'mvdown', 'mnt/big'], { cwd: root, stdio: 'ignore' });
      await until(() => readdirSync(u.on('lower', '.wh..wh.orph')).length > 0);
      child.kill('SIGKILL');
      await until(() => readdirSync(u.on('lower', '.wh..wh.orph')).length === 0);
      truncateSync(u.on('upper', 'big'), 5 << 20);
      await succeed(process.execPath, [program, 'mvdown', 'mnt/big'], { cwd: root });
      expect(existsSync(u.on('upper', 'big'))).toBe(false);
      expect(statSync(u.at('big')).size).toBe(5 << 20);
    });
  }), 60_000);
});
