/**
 * The main module of the process that serves a mount: the addon hands its requests to the main thread's event loop, and to
 * no other, where it must not wait for anybody who might use the mount.
 */
import { raiseNofile } from '../../posix/limits.js';
import { umask } from '../../posix/credentials.js';
import type { ToServer } from './messages.js';
import { Server } from './server.js';

// Every open file of the union takes a descriptor.
raiseNofile();
umask(0);

let server: Server | undefined;

process.on('message', (message: ToServer) => {
  if (message.kind === 'start') server = Server.start(message);
  else server?.hear(message);
});

// Whoever started this process is gone, and with it what was known of the mount.
process.on('disconnect', () => {
  if (server === undefined) process.kill(process.pid, 'SIGKILL');
  else void server.giveUp();
});

// They come to every process of a terminal's group; the session answers them, by unmounting.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

process.on('uncaughtException', (error) => {
  if (server === undefined) throw error;
  server.fail(error);
});
