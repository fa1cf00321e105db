// What pages hear of what happens in the union.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { mounted, type Mounted } from '../helpers/mounted.js';
import { because, noRootMount, program, run, shell, until } from '../helpers/process.js';
import { withUi, type Listener, type Message, type Ui } from './page.js';

const reason = noRootMount();

const fill = (root: string): void => {
  for (const name of ['one', 'two', 'three']) writeFileSync(path.join(root, 'lower', name), `${name}\n`);
  mkdirSync(path.join(root, 'lower/dir'));
};

function withPage(use: (ui: Ui, union: Mounted) => Promise<void>): Promise<void> {
  return mounted({ fill }, (union) => withUi([union.mnt], (ui) => use(ui, union)));
}

function kinds({ messages }: Listener): string[] {
  return messages.filter(({ name }) => name === '').map(({ data }) => `${String(data['kind'])} ${String(data['path'])}`);
}

function of(kind: string, name: string): (data: Message['data']) => boolean {
  return (data) => data['kind'] === kind && data['path'] === name;
}

/** To the union's control socket: unix(7) tells of accepted ones under the path of the listening one. */
function connections(union: Mounted): number {
  const socket = path.join(union.daemon.directory, 'control');
  return readFileSync('/proc/net/unix', 'latin1').split('\n').filter((line) => line.endsWith(` ${socket}`)).length - 1;
}

describe.skipIf(reason !== undefined)(`what a page hears${because(reason)}`, () => {
  test('a copy-up and a whiteout that shell commands cause, and what the union shows then', () => withPage(async (ui, union) => {
    const page = await ui.listen();
    await shell('echo more >> two; rm three; rmdir dir; mkdir dir; touch end', { cwd: union.mnt });
    await page.message('', of('create', '/end'));
    expect(kinds(page)).toEqual([
      'copy-up /two', 'whiteout /three', 'unlink /three', 'whiteout /dir', 'rmdir /dir', 'opaque /dir', 'unwhiteout /dir', 'mkdir /dir', 'create /end',
    ]);
    expect(page.messages.find(({ data }) => data['kind'] === 'copy-up')?.data).toMatchObject({
      from: union.on('lower'), branch: union.on('upper'), bytes: 4, command: 'bash', time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{15}Z$/) as string,
    });
    expect((await ui.directory('/')).entries.map(({ name, seen, whiteouts, opaque, layers }) => ({ name, seen, whiteouts, opaque, layers: layers.map(({ state }) => state) }))).toEqual([
      { name: 'dir', seen: 0, whiteouts: [], opaque: [0], layers: ['seen', 'hidden'] },
      { name: 'end', seen: 0, whiteouts: [], opaque: [], layers: ['seen'] },
      { name: 'one', seen: 1, whiteouts: [], opaque: [], layers: ['seen'] },
      { name: 'three', seen: null, whiteouts: [0], opaque: [], layers: ['hidden'] },
      { name: 'two', seen: 0, whiteouts: [], opaque: [], layers: ['seen', 'hidden'] },
    ]);
    const explained = await run(process.execPath, [program, 'explain', '--json', union.at('three')]);
    expect([await ui.json('/api/explain?path=/three')]).toEqual(JSON.parse(explained.stdout));
  }));

  test('two pages at once; lookups where they are asked for; a page that goes disturbs nobody; other branches and options', () => withPage(async (ui, union) => {
    expect(connections(union)).toBe(1);
    const [all, changes] = [await ui.listen('lookups=1'), await ui.listen()];
    await shell('rm one; cat nothing || true; touch first', { cwd: union.mnt });
    await Promise.all([all, changes].map((page) => page.message('', of('create', '/first'))));
    expect(kinds(all)).toContain('lookup /nothing');
    expect(kinds(changes)).toEqual(['whiteout /one', 'unlink /one', 'create /first']);
    all.close();
    await all.ended;
    await shell('touch second', { cwd: union.mnt });
    await changes.message('', of('create', '/second'));
    mkdirSync(union.on('new'));
    await shell(`${process.execPath} ${program} remount -o prepend=${union.on('new')}=rw,mod=${union.on('upper')}=ro+wh ${union.mnt}`);
    await changes.message('union');
    const { branches, readonly, options } = await ui.union();
    expect(branches.map(({ index, label, permission, writable, marksCount }) => [index, label, permission, writable, marksCount])).toEqual([
      [0, 'new', 'rw', true, true], [1, 'upper', 'ro+wh', false, true], [2, 'lower', 'ro', false, false],
    ]);
    expect(branches.map(({ id }) => id)).toEqual([66, 64, 65]);
    expect([readonly, options]).toEqual([false, expect.stringContaining(`${union.on('new')}=rw:`)]);

    // Without a page nobody asks the union for events: what is left waits for its end.
    changes.close();
    await until(() => connections(union) === 1);
  }));

  test('the union is unmounted: the last events, the end, and the program ends', () => withPage(async (ui, union) => {
    const [page, other] = [await ui.listen(), await ui.listen()];
    await shell(`touch mnt/last; ${process.execPath} ${program} umount mnt`, { cwd: union.root });
    for (const each of [page, other]) {
      await each.ended;
      expect(each.messages.map(({ name, data }) => [name, data['path'] ?? data['failure']])).toEqual([['ready', undefined], ['', '/last'], ['end', null]]);
    }
    expect(await ui.ended()).toEqual({ status: 0, stderr: '' });
    await union.ended();
  }));

  test('detached while it is in use (umount -l): the end all the same', () => withPage(async (ui, union) => {
    const page = await ui.listen();
    const hold = shell(`exec 3< mnt/one; ${process.execPath} ${program} umount -l mnt; read -r line <&3; echo "$line"; cat`, { cwd: union.root, input: '' });
    await page.message('end');
    expect(await ui.ended()).toEqual({ status: 0, stderr: '' });
    expect(await hold).toBe('one\n');
    await union.ended();
  }));

  test('the process of the mount is killed: the page is told, status 1', () => withPage(async (ui, union) => {
    const page = await ui.listen();
    process.kill(union.daemon.pid, 'SIGKILL');
    expect((await page.message('end')).data).toEqual({ failure: expect.stringContaining('the process of the mount has ended without a word') as string });
    expect(await ui.ended()).toEqual({ status: 1, stderr: expect.stringContaining('tsaufs: the process of the mount has ended without a word; see tsaufs list') as string });
    await run(process.execPath, [program, 'umount', union.mnt]);
    await union.ended();
  }));

  test('the program is ended: the page is told, and the union goes on', () => withPage(async (ui, union) => {
    const page = await ui.listen();
    ui.child.kill('SIGINT');
    await page.ended;
    expect(page.messages.map(({ name }) => name)).toEqual(['ready', 'quit']);
    expect(await ui.ended()).toEqual({ status: 0, stderr: '' });
    await shell('echo still > there', { cwd: union.mnt });
  }));
});
