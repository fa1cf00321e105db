// `tsaufs ui` and `tsaufs mount --ui` as a user calls them.
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import net, { type AddressInfo } from 'node:net';
import path from 'node:path';
import { expect, test } from 'vitest';
import { isMounted, memory, mounted, temporary } from '../helpers/mounted.js';
import { because, nobody, noRootMount, noUserMount, project, run, until } from '../helpers/process.js';
import { withProgram, withUi } from '../ui/page.js';
import { program, tsaufs } from './program.js';

const obstacle = noRootMount();

test.each([
  [['ui'], 2, 'name a mount point, or see the tour with tsaufs ui --tour'],
  [['ui', ''], 2, 'the mount point is empty'],
  [['ui', '--tour', '/mnt'], 2, '--tour is without a mount point'],
  [['ui', '--port', '99999', '/'], 2, '--port takes a number from 0 to 65535, not "99999"'],
  [['ui', '--port', '-1', '/'], 2, '--port takes a number'],
  [['ui', '--host', '0.0.0.0', '/'], 2, 'unknown option'],
  [['ui', '/', '/'], 2, 'too many arguments'],
  [['ui', '/nowhere'], 1, '/nowhere is not mounted'],
  [['ui', '/proc'], 1, '/proc is mounted, but not by tsaufs'],
  [['mount', '--ui', '-f', '-o', 'br=/tmp', '/mnt'], 2, '--ui shows a union that is mounted in the background: leave out -f and --dry-run'],
  [['mount', '--ui', '-o', 'remount,ro', '/mnt'], 2, '--ui is for a new mount'],
  [['mount', '--ui', '-o', 'br=/nowhere', '/mnt'], 1, '/nowhere does not exist'],
])('%j: one clear line', async (args, status, text) => {
  const outcome = await tsaufs(args);
  expect(outcome).toMatchObject({ status, stdout: '' });
  expect(outcome.stderr).toMatch(/^tsaufs: [^\n]+\n$/);
  expect(outcome.stderr).toContain(text);
});

test.skipIf(obstacle !== undefined)(`one line with the address, a port in use, what is said with -v, and another user${because(obstacle)}`, () => mounted({}, async (union) => {
  symlinkSync(union.mnt, path.join(union.root, 'link'));
  await withUi(['-v', path.join(union.root, 'link')], async (ui) => {
    expect((await ui.union()).mountpoint).toBe(union.mnt);
    expect(await tsaufs(['ui', '--port', String(ui.port), union.mnt])).toEqual({
      status: 1, stdout: '', stderr: `tsaufs: port ${ui.port} is in use; choose another with --port, or leave it out for one that is free\n`,
    });
    ui.child.kill('SIGINT');
    expect(await ui.ended()).toEqual({ status: 0, stderr: `tsaufs: the page of ${path.join(union.root, 'link')}; the address works once; ^C ends it\n` });
  });
  // Free again, and asked for.
  const port = await freePort();
  await withUi(['--port', String(port), union.mnt], (ui) => Promise.resolve(expect(ui.port).toBe(port)));
  expect(await run(process.execPath, [program, 'ui', union.mnt], { as: nobody })).toEqual({
    status: 1, stdout: '', stderr: 'tsaufs: permission denied: only root and the user who mounted it can do this\n',
  });
}));

test.skipIf(obstacle !== undefined)(`the page is not built: said so, also after a mount${because(obstacle)}`, () => temporary(memory, undefined, async (root) => {
  // The program without its page, beside the packages that it needs.
  for (const name of ['dist', 'package.json']) cpSync(path.join(project, name), path.join(root, name), { recursive: true });
  rmSync(path.join(root, 'dist/ui/page'), { recursive: true });
  symlinkSync(path.join(project, 'node_modules'), path.join(root, 'node_modules'));
  for (const name of ['upper', 'mnt']) mkdirSync(path.join(root, name));
  const main = path.join(root, 'dist/cli/main.js');
  const why = `the page is not built: ${root}/dist/ui/page/index.html is missing; run npm run build`;
  expect(await run(process.execPath, [main, 'ui', '--tour'])).toEqual({ status: 1, stdout: '', stderr: `tsaufs: ${why}\n` });
  const outcome = await run(process.execPath, [main, 'mount', '--ui', '-o', `br=${root}/upper`, path.join(root, 'mnt')]);
  expect(outcome).toEqual({ status: 1, stdout: '', stderr: `tsaufs: ${why}; the union is mounted on ${root}/mnt all the same\n` });
  expect(await tsaufs(['umount', path.join(root, 'mnt')])).toMatchObject({ status: 0 });
}));

test.skipIf(obstacle !== undefined)(`mount --ui: mounted as always; ^C ends the page, not the mount${because(obstacle)}`, () => temporary(memory, undefined, async (root) => {
  for (const name of ['upper', 'lower', 'mnt']) mkdirSync(path.join(root, name));
  writeFileSync(path.join(root, 'lower/f'), '');
  const mnt = path.join(root, 'mnt');
  await withProgram(['mount', '--ui', '-o', `br=${root}/upper:${root}/lower`, mnt], async (ui) => {
    await ui.enter();
    expect((await ui.directory('/')).entries).toMatchObject([{ name: 'f', seen: 1 }]);
    ui.child.kill('SIGINT');
    expect(await ui.ended()).toEqual({ status: 0, stderr: '' });
  });
  expect(readFileSync(path.join(mnt, 'f'), 'utf8')).toBe('');
  expect(await tsaufs(['umount', mnt])).toMatchObject({ status: 0 });
  expect(isMounted(mnt)).toBe(false);
}));

test.skipIf(obstacle !== undefined)(`a union over its own branch cannot be looked at: said so${because(obstacle)}`, () => temporary(memory, undefined, async (root) => {
  for (const name of ['upper', 'lower']) mkdirSync(path.join(root, name));
  const lower = path.join(root, 'lower');
  expect(await tsaufs(['mount', '-o', `br=${root}/upper:${lower}`, lower])).toMatchObject({ status: 0 });
  const outcome = await tsaufs(['ui', lower]);
  expect(await tsaufs(['umount', lower])).toMatchObject({ status: 0 });
  expect(outcome).toEqual({ status: 1, stdout: '', stderr: `tsaufs: the union is mounted over its own branch ${lower}, which cannot be reached below it; mount it elsewhere to look at it\n` });
}));

test.skipIf(obstacle !== undefined)(`--open hands the address to xdg-open, and does without${because(obstacle)}`, () => temporary(memory, undefined, async (root) => {
  writeFileSync(path.join(root, 'xdg-open'), `#!/bin/sh\necho "$@" > ${root}/opened.new && mv ${root}/opened.new ${root}/opened\n`);
  chmodSync(path.join(root, 'xdg-open'), 0o755);
  const opened = (): string => {
    try {
      return readFileSync(path.join(root, 'opened'), 'utf8');
    } catch {
      return '';
    }
  };
  await withProgram(['ui', '--open', '--tour'], async (ui) => {
    await until(() => opened() !== '');
    expect(opened()).toBe(`http://127.0.0.1:${ui.port}/?token=${ui.token}\n`);
  }, { env: { PATH: `${root}:${process.env['PATH']!}` } });
  await withProgram(['ui', '--open', '--tour'], async (ui) => {
    await ui.enter();
    expect((await ui.ask('/')).status).toBe(200);
    ui.child.kill('SIGTERM');
    expect(await ui.ended()).toEqual({ status: 0, stderr: 'tsaufs: xdg-open is not there: open the address yourself\n' });
  }, { env: { PATH: '/nowhere' } });
}));

const userObstacle = noUserMount() ?? (firstOpenPort() <= 81 ? 'here every port is for everybody' : undefined);

test.skipIf(userObstacle !== undefined)(`a port below 1024 is not for an ordinary user${because(userObstacle)}`, async () => {
  expect(await run(process.execPath, [program, 'ui', '--tour', '--port', '81'], { as: nobody })).toEqual({
    status: 1, stdout: '', stderr: 'tsaufs: port 81 is not permitted to this user; choose one from 1024 on, or leave --port out\n',
  });
});

/** ip(7): in containers it is often 0. */
function firstOpenPort(): number {
  return Number(readFileSync('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8'));
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
