import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { isAlive, thisProcess } from '../../src/daemon/process.js';

test('this process is alive, and is no other with its number', () => {
  const self = thisProcess();
  expect(self.pid).toBe(process.pid);
  expect(isAlive(self)).toBe(true);
  expect(isAlive({ ...self, startTime: self.startTime - 1 })).toBe(false);
});

test('an ended process is not alive', async () => {
  const child = spawn('true');
  const pid = child.pid!;
  await once(child, 'exit');
  expect(isAlive({ pid, startTime: 0 })).toBe(false);
});

test('a name with spaces and parentheses does not confuse', async () => {
  const child = spawn(process.execPath, ['-e', "process.title = 'a) (b c'; process.stdout.write('x'); setInterval(() => 0, 1000)"], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await once(child.stdout, 'data');
    expect(isAlive({ pid: child.pid!, startTime: 0 })).toBe(false);
    const { readFileSync } = await import('node:fs');
    const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
    const startTime = Number(stat.slice(stat.lastIndexOf(')')).split(' ')[20]);
    expect(isAlive({ pid: child.pid!, startTime })).toBe(true);
  } finally {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});
