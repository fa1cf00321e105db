// The tour: its commands are really run, each does what its text says, and nothing is left of it however it ends.
import { closeSync, existsSync, openSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { findStates } from '../../src/daemon/state.js';
import type { DirectoryEntry, TourState } from '../../src/ui/protocol.js';
import type { serveUi } from '../../src/ui/server.js';
import { isMounted, isRunning, memory, mounted, temporary } from '../helpers/mounted.js';
import { because, nobody, noRootMount, noUserMount, program, project, run, shell, until, type User } from '../helpers/process.js';
import { Page, processesWith, withUi, type Listener, type Ui } from './page.js';

const reason = noRootMount();

/** fusermount3 mounts for nobody without a name. */
const unnamed: User = { uid: 65533, gid: 65533 };

interface Expected {
  /** Of the command, as it prints; a pattern where it says more than matters. */
  output: string | RegExp;
  status?: number;
  /** Changes of the union that it causes. */
  events: string[];
}

/** What each step of a lesson comes to. The first one mounts. */
const lessons: Record<string, Expected[]> = {
  'two-images': [
    { output: '', events: [] },
    { output: '001\n002\n003\n', events: [] },
    { output: 'image1\nimage2\n', events: [] },
    { output: 'image1\ncontainer\n', events: [] },
    { output: 'image2\ncontainer\nimage2\n', events: ['copy-up /003'] },
    { output: /^001\n003\nimage1:\n(\.wh\.\.wh\.\w+\n)+\.wh\.002\n001\n003\n\nimage2:\n002\n003\n$/, events: ['whiteout /002', 'unlink /002'] },
    { output: /^image1:\n(\.wh\.\.wh\.\w+\n)+001\n002\n003\n\nimage1\/002:\n\.wh\.\.wh\.\.opq\n$/, events: ['opaque /002', 'unwhiteout /002', 'mkdir /002'] },
    { output: /^image2\ncontainer\n.*container\/003: Read-only file system\n$/, status: 1, events: [] },
    { output: 'image2\ncontainer\n001\n002\n003\n', events: [] },
  ],
  'container': [
    { output: '', events: [] },
    { output: 'hosts of base\n.wh..wh.aufs\n.wh..wh.orph\n.wh..wh.plnk\n', events: [] },
    { output: 'started\n.wh..wh.aufs\n.wh..wh.orph\n.wh..wh.plnk\nrun.log\n', events: ['create /run.log'] },
    { output: 'motd of update\nmotd of the container\nmotd of update\nmotd of base\n', events: ['copy-up /etc', 'copy-up /etc/motd'] },
    { output: '1048577 layer/data\n1048576 base/data\n2097153 total\n', events: ['copy-up /data'] },
    { output: '1048578 layer/data\n', events: [] },
    { output: '.wh.hosts\nmotd\nhosts\nmotd\n', events: ['whiteout /etc/hosts', 'unlink /etc/hosts'] },
    {
      output: /^(\.wh\.\.wh\.\w+\n)+\.wh\.docs\ndata\netc\nrun\.log\n\.wh\.\.wh\.\.opq\n$/,
      events: ['copy-up /docs', 'whiteout /docs/guide', 'unlink /docs/guide', 'whiteout /docs', 'rmdir /docs', 'opaque /docs', 'unwhiteout /docs', 'mkdir /docs'],
    },
    { output: 'EXDEV\n', events: [] },
    {
      output: /^motd\n(\.wh\.\.wh\.\w+\n)+\.wh\.etc\nconf\ndata\ndocs\nrun\.log\n$/,
      events: ['mkdir /conf', 'create /conf/motd', 'whiteout /etc/motd', 'unlink /etc/motd', 'whiteout /etc', 'rmdir /etc'],
    },
    { output: 'A /conf\nA /conf/motd\nC /data\nC /docs\nD /docs/guide\nD /etc\nA /run.log\n', events: [] },
  ],
};

/** What the union of a lesson shows in the end. */
const ends: Record<string, Record<string, Partial<DirectoryEntry>>> = {
  'two-images': {
    '001': { seen: 0, type: 'file' }, '002': { seen: 0, type: 'directory', opaque: [0], layers: expect.arrayContaining([expect.objectContaining({ branch: 1, state: 'hidden' })]) as [] },
    '003': { seen: 0 }, '004': { seen: 1 },
  },
  'container': { 'conf': { seen: 0 }, 'data': { seen: 0, size: 1048578 }, 'docs': { opaque: [0] }, 'etc': { type: null, whiteouts: [0] }, 'run.log': { seen: 0 } },
};

/** `tsaufs ui ARGS` whose tours lie in a directory of their own, in which nothing may be left. */
async function withTours(args: readonly string[], use: (ui: Ui) => Promise<void>, as?: User): Promise<void> {
  await temporary(memory, as, async (directory) => {
    await withUi(args, use, { as, env: { TMPDIR: directory, ...as === undefined ? {} : { XDG_RUNTIME_DIR: directory } } });
    await until(() => !readdirSync(directory).some((name) => name.startsWith('tsaufs-tour-')));
  });
}

/** Everything that belongs to a tour. */
interface Belongings {
  directory: string;
  mountpoint: string;
  /** Of the mount, and of who keeps the folder. */
  processes: number[];
}

function belongingsOf({ mountpoint }: TourState): Belongings {
  const directory = path.dirname(mountpoint);
  const keepers = processesWith(directory);
  const daemons = findStates().flatMap(({ state }) => state.mountpoint === mountpoint ? [state.pid] : []);
  return { directory, mountpoint, processes: [...keepers, ...daemons] };
}

async function nothingLeft({ directory, mountpoint, processes }: Belongings): Promise<void> {
  expect(processes.length).toBeGreaterThanOrEqual(2);
  await until(() => !existsSync(directory) && !isMounted(mountpoint) && !processes.some(isRunning));
}

async function started(ui: Page): Promise<Belongings> {
  return belongingsOf((await ui.tour({ action: 'start', lesson: 'two-images' }))!);
}

/** Does what is left of a lesson, and compares each step. */
async function takeLesson(ui: Ui, page: Listener, id: string): Promise<void> {
  const told = (): string[] => page.messages.filter(({ name }) => name === '').map(({ data }) => `${String(data['kind'])} ${String(data['path'])}`);
  let before = 0;
  for (const [index, { output, status = 0, events }] of lessons[id].entries()) {
    if (index > 0) await ui.tour({ action: 'step', step: index });
    const tour = (await ui.union('union=tour')).tour!;
    const step = tour.steps[index];
    expect(tour.done).toBe(index + 1);
    if (typeof output === 'string') expect([step.command, step.output]).toEqual([step.command, output]);
    else expect(step.output).toMatch(output);
    expect([step.command, step.status === 0 ? 0 : 1]).toEqual([step.command, status]);
    await until(() => told().length >= before + events.length);
    expect([step.command, told().slice(before)]).toEqual([step.command, events]);
    before += events.length;
    for (const place of step.look) expect(await ui.json(`/api/explain?union=tour&path=${place}`)).toMatchObject({ path: place });
  }
}

describe.skipIf(reason !== undefined)(`the tour${because(reason)}`, () => {
  test('every lesson from start to end, each step with its result', () => withTours(['--tour'], async (ui) => {
    const own = await ui.listen();
    const { mountpoint, branches, lessons: offered, tour } = await ui.union();
    expect([mountpoint, branches, tour]).toEqual([null, [], null]);
    expect(offered.map(({ id, steps }) => [id, steps])).toEqual(Object.entries(lessons).map(([id, steps]) => [id, steps.length]));
    let last: Belongings | undefined;
    for (const { id } of offered) {
      // The one before ends.
      const state = (await ui.tour({ action: 'start', lesson: id }))!;
      if (last !== undefined) await nothingLeft(last);
      last = belongingsOf(state);
      expect((await ui.union('union=tour')).mountpoint).toBe(state.mountpoint);
      const page = await ui.listen('union=tour');
      await takeLesson(ui, page, id);
      const { entries } = await ui.directory('/', '&union=tour');
      expect(Object.fromEntries(entries.map((entry) => [entry.name, entry]))).toMatchObject(ends[id]);
      const over = await ui.ask('/api/tour', { method: 'POST', headers: { 'content-type': 'application/json' }, body: `{"action":"step","step":${lessons[id].length}}` });
      expect([over.status, over.body]).toEqual([409, '{"error":"the lesson is at its end"}']);
    }
    expect(await ui.tour({ action: 'end' })).toBeNull();
    await nothingLeft(last!);
    expect(own.messages.at(-1)).toEqual({ name: 'tour', data: { tour: null } });
    expect((await ui.ask('/api/union?union=tour')).status).toBe(404);
  }), 120_000);

  test('two pages: a step is done once, and both are told', () => mounted({}, (union) => withTours([union.mnt], async (ui) => {
    const [one, other] = [await ui.listen(), await ui.listen()];
    const left = await started(ui);
    const step = (index: number): Promise<number> => ui.ask('/api/tour', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ action: 'step', step: index }),
    }).then(({ status }) => status);
    expect((await Promise.all([step(1), step(1), step(3)])).sort()).toEqual([200, 409, 409]);
    for (const page of [one, other]) await page.message('tour', ({ tour }) => (tour as TourState | null)?.done === 2);
    // The union that the pages are for has nothing to do with it.
    expect((await ui.union()).mountpoint).toBe(union.mnt);
    expect(readdirSync(union.mnt)).toEqual([]);
    // Somebody unmounts the tour's union: the tour ends, the program does not.
    await shell(`${process.execPath} ${program} umount ${left.mountpoint}`);
    for (const page of [one, other]) await page.message('tour', ({ tour }) => tour === null);
    await nothingLeft(left);
    // Its own union is unmounted: with the program the tour ends.
    const again = await started(ui);
    await union.unmount();
    expect(await ui.ended()).toEqual({ status: 0, stderr: '' });
    await nothingLeft(again);
  })));

  test('a second signal does not wait for the tour, of which nothing is left all the same', () => withTours(['--tour'], async (ui) => {
    const left = await started(ui);
    // The union is in use, and a step is under way.
    const held = openSync(path.join(left.mountpoint, '001'), 'r');
    try {
      void ui.tour({ action: 'step', step: 1 }).catch(() => undefined);
      ui.child.kill('SIGINT');
      ui.child.kill('SIGTERM');
      await ui.ended();
      await until(() => !existsSync(left.directory) && !isMounted(left.mountpoint));
      expect(readFileSync(held, 'utf8')).toBe('image1\n');
    } finally {
      closeSync(held);
    }
    await nothingLeft(left);
  }));

  test.each([['SIGTERM', 0], ['SIGINT', 0], ['SIGHUP', 0], ['SIGKILL', null]] as const)('nothing is left after %s', (signal, status) => withTours(['--tour'], async (ui) => {
    const left = await started(ui);
    // A step is under way.
    const step = ui.tour({ action: 'step', step: 1 }).catch(() => undefined);
    ui.child.kill(signal);
    await step;
    expect(await ui.ended()).toEqual({ status, stderr: '' });
    await nothingLeft(left);
  }));

  test('the process that keeps the folder is killed: it is removed all the same', () => withTours(['--tour'], async (ui) => {
    const left = await started(ui);
    for (const pid of processesWith(left.directory)) process.kill(pid, 'SIGKILL');
    expect(await ui.tour({ action: 'end' })).toBeNull();
    await nothingLeft(left);
  }));

  test('no page looks at it any more: it ends', async () => {
    // The program's own patience is longer than a test.
    const server = await import(path.join(project, 'dist/ui/server.js')) as { serveUi: typeof serveUi };
    const running = await server.serveUi({ mountpoint: null, port: 0, program, patience: 100 });
    try {
      const { port, searchParams } = new URL(running.address);
      const ui = new Page(Number(port), searchParams.get('token')!);
      await ui.enter();
      const page = await ui.listen();
      const left = await started(ui);
      page.close();
      await nothingLeft(left);
      expect((await ui.union()).tour).toBeNull();
    } finally {
      await running.close();
    }
  });

  test('it cannot begin: said why, and nothing is left', () => withTours(['--tour'], async (ui) => {
    const answer = await ui.ask('/api/tour', { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{"action":"start","lesson":"two-images"}' });
    expect(answer.status).toBe(500);
    expect((JSON.parse(answer.body) as { error: string }).error).toMatch(/^the tour cannot begin: tsaufs: [^\n]+$/);
  }, unnamed));
});

const userReason = noUserMount();

test.skipIf(userReason !== undefined)(`an ordinary user: his own mount, and the tour${because(userReason)}`, () =>
  mounted({ as: nobody, base: '/var/tmp' }, async (union) => {
    await withUi([union.mnt], async (ui) => {
      const page = await ui.listen();
      await run('touch', [union.at('mine')], { as: nobody });
      await page.message('', ({ kind }) => kind === 'create');
      expect((await ui.directory('/')).entries).toMatchObject([{ name: 'mine', seen: 0 }]);
      const tour = (await ui.tour({ action: 'start', lesson: 'two-images' }))!;
      expect(path.dirname(path.dirname(tour.mountpoint))).toBe(union.root);
      expect((await ui.directory('/', '&union=tour')).entries.map(({ name }) => name)).toEqual(['001', '002', '003']);
      await ui.tour({ action: 'end' });
      expect(readdirSync(union.root).filter((name) => name.startsWith('tsaufs-tour-'))).toEqual([]);
    }, { as: nobody, env: { XDG_RUNTIME_DIR: union.root, TMPDIR: union.root } });
  }));
