// The control socket, written to by somebody who does not know its language.
import net from 'node:net';
import path from 'node:path';
import tmp from 'tmp-promise';
import { expect, test } from 'vitest';
import { callControl, listenControl } from '../../src/daemon/control.js';
import { decodeSteps, encodeSteps } from '../../src/daemon/steps.js';
import { MountError } from '../../src/daemon/error.js';
import { parseRemountOptions } from '../../src/options/remount.js';
import { roundsOf, seeds, timeFor } from './bounds.js';
import { Random } from './random.js';

const rounds = roundsOf(300);

async function served(use: (file: string, directory: string) => Promise<void>): Promise<void> {
  const home = await tmp.dir({ unsafeCleanup: true });
  const server = await listenControl(home.path, (request) => Promise.resolve(decodeSteps(request['steps']).length));
  try {
    await use(path.join(home.path, 'control'), home.path);
  } finally {
    await server.close();
    await home.cleanup();
  }
}

/** What comes back until the server hangs up, or has answered as many lines as asked for. */
function talk(file: string, pieces: readonly Buffer[], lines: number): Promise<string[]> {
  return new Promise((resolve) => {
    const socket = net.connect(file);
    let text = '';
    const end = (): void => {
      socket.destroy();
      resolve(text.split('\n').slice(0, -1));
    };
    socket.on('data', (data) => {
      text += data.toString('latin1');
      if (text.split('\n').length > lines) end();
    });
    socket.on('error', end).on('close', end);
    void (async () => {
      for (const piece of pieces) {
        socket.write(piece);
        await new Promise((go) => setImmediate(go));
      }
      if (lines === 0) end();
    })();
  });
}

const steps = encodeSteps(parseRemountOptions(
  ['append=/c=ro+wh,del=/b,mod=/a=rw+icexusr,udba=none,create=mfs:9,xino=/x,noatime,clean_plink'], { readonly: false, branches: ['/a', '/b'] }, '/',
).steps);

test.each(seeds([1, 2]))('garbage is answered by an error a line, and the next one is served (seed %i)', { timeout: timeFor(rounds) }, (seed) => served(async (file, directory) => {
  const random = new Random(seed);
  const good = Buffer.from(JSON.stringify({ command: 'remount', steps }));
  for (let round = 0; round < rounds; round++) {
    const lines = Array.from({ length: 1 + random.below(3) }, () => {
      const line = random.once(4) ? random.bytes(random.below(200)) : random.mutate(good);
      return Buffer.from(line.map((byte) => (byte === 10 ? 32 : byte)));
    });
    const message = Buffer.concat(lines.flatMap((line) => [line, Buffer.from('\n')]));
    const cut = random.below(message.length);
    const answers = await talk(file, [message.subarray(0, cut), message.subarray(cut)], lines.length);
    expect(answers.length).toBe(lines.length);
    for (const answer of answers) {
      const { ok, error } = JSON.parse(answer) as { ok?: number; error?: string };
      if (ok === undefined) expect(error).toMatch(/^[^\n]+$/);
      // Neither a stack nor the words of a defect.
      expect(error ?? '').not.toMatch(/ at .*:\d|undefined|Cannot read|is not a function/);
    }
  }
  await expect(callControl(directory, { command: 'remount', steps })).resolves.toBe((steps as unknown[]).length);
}));

test('a line without end is cut off, one byte at a time is not, and who reads no answers stops nobody', () => served(async (file, directory) => {
  expect(await talk(file, Array.from({ length: 40 }, () => Buffer.alloc(1 << 16, 'x')), 1)).toEqual([]);
  const line = Buffer.from(`${JSON.stringify({ command: 'remount', steps: [] })}\n`);
  expect(await talk(file, [...line].map((byte) => Buffer.from([byte])), 1)).toEqual(['{"ok":0}']);
  const deaf = net.connect(file).pause();
  for (let i = 0; i < 2000; i++) deaf.write(line);
  await expect(callControl(directory, { command: 'remount', steps: [] })).resolves.toBe(0);
  deaf.destroy();
}));

test('steps that are none are refused', () => {
  const bad = [
    undefined, null, 5, {}, [null], [5], [{}], [{ kind: 'change' }], [{ kind: 'change', change: { kind: 'add', index: 0 } }],
    [{ kind: 'change', change: { kind: 'del', path: 'relative' } }], [{ kind: 'change', change: { kind: 'mod', path: '/a', mode: { perm: 'rw' } } }],
    [{ kind: 'union', set: { create: 5 } }], [{ kind: 'union', set: { branches: [] } }], [{ kind: 'union', set: { __proto__: null, nonsense: true } }],
    [{ kind: 'mount', set: { nosuid: 'yes' } }], [{ kind: 'action' }],
  ];
  for (const steps of bad) expect(() => decodeSteps(steps)).toThrow(MountError);
});
