import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import tmp from 'tmp-promise';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { sendDatagram } from '../../src/posix/datagram.js';
import { E } from '../../src/posix/errno.js';
import { pythonProgram } from '../helpers/process.js';

let home: tmp.DirectoryResult;

beforeEach(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
});

afterEach(() => home.cleanup());

/** Node.js has no such sockets; Python has. */
const receiver = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1].replace('@', '\\0', 1) if sys.argv[1].startswith('@') else sys.argv[1])
print('bound', flush=True)
sys.stdout.buffer.write(s.recv(1000))
`;

test.each(['socket', '@abstract'])('a datagram arrives at %s', async (kind) => {
  const name = kind === 'socket' ? path.join(home.path, kind) : `@tsaufs-test-${process.pid}`;
  const child = spawn(pythonProgram, ['-c', receiver, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('latin1').on('data', (text: string) => (said += text));
  try {
    await once(child.stdout, 'data');
    expect(sendDatagram(name, 'READY=1\n\xfc')).toBe(9);
    await once(child, 'close');
    expect(said).toBe('bound\nREADY=1\n\xfc');
  } finally {
    child.kill('SIGKILL');
  }
});

test('what cannot be sent is -errno', () => {
  expect(sendDatagram(path.join(home.path, 'none'), 'x')).toBe(-E.ENOENT);
  expect(sendDatagram('x'.repeat(108), 'x')).toBe(-E.ENAMETOOLONG);
});
