import { once } from 'node:events';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import type { Server } from 'node:http';
import { stderrLog } from '../daemon/log.js';
import { MountError } from '../daemon/error.js';
import { GraphDriver } from '../layers/graphdriver/driver.js';
import { protocolServer } from '../layers/graphdriver/protocol.js';
import { graphDriverMounter } from './graphdriver-mounter.js';
import { stateFile } from './graphdriver-state.js';
import { parserFor } from './parser.js';

const PLUGINS = '/run/docker/plugins';

const examples = `
Examples:
  tsaufs graphdriver &
  dockerd --experimental --storage-driver tsaufs
      containers and images in AUFS's form below /var/lib/docker/tsaufs: diff, layers and mnt
  dockerd --experimental --storage-driver tsaufs --storage-opt tsaufs.mountopt=udba=none
      mount options for all containers, of those that tsaufs mount has
  tsaufs graphdriver --socket ${PLUGINS}/other.sock
      for dockerd --storage-driver other

The unions are processes of their own. They stay mounted when this program ends, and it finds them when it is started again.
`;

export function graphdriverParser() {
  return parserFor('graphdriver')
    .option('-s, --socket <path>', 'where Docker finds it; its name is the storage driver\'s', `${PLUGINS}/tsaufs.sock`)
    .option('-v, --verbose', 'tell of each call')
    .allowExcessArguments(false)
    .addHelpText('after', examples);
}

/** `tsaufs graphdriver`. Returns when a signal has ended it and what was being done is done. */
export async function graphdriverCommand(args: string[]): Promise<number> {
  const flags = graphdriverParser().parse(args, { from: 'user' }).opts<{ socket: string; verbose?: true }>();
  if (process.geteuid!() !== 0) throw new MountError('the graph driver serves Docker, and must be run by root');
  if (!existsSync('/dev/fuse')) throw new MountError('no /dev/fuse, without which no container can be mounted: load it with modprobe fuse');
  const socket = path.resolve(flags.socket);
  const { log } = stderrLog(flags.verbose ?? false);
  process.on('uncaughtException', (error) => {
    log('error', 'internal error, please report it', { error: error.stack ?? error.message });
    process.exit(1);
  });
  const driver = new GraphDriver(graphDriverMounter(log), stateFile(socket), log);
  const server = protocolServer(driver, log);
  await listen(server, socket);
  process.stdout.write(`tsaufs: graph driver ready on ${socket}\n`);
  await endOnSignal(server);
  return 0;
}

async function listen(server: Server, socket: string): Promise<void> {
  mkdirSync(path.dirname(socket), { recursive: true, mode: 0o755 });
  if (await answers(socket)) throw new MountError(`a graph driver answers on ${socket} already; end it first, or name another --socket`);
  rmSync(socket, { force: true });
  // Who can connect can mount as root: nobody else, not even for a moment.
  const before = process.umask(0o177);
  try {
    server.listen(socket);
    await once(server, 'listening');
  } catch (error) {
    throw new MountError(`cannot listen on ${socket}: ${(error as Error).message}; name another --socket`);
  } finally {
    process.umask(before);
  }
}

/** One that was killed leaves its socket behind, where nobody answers. */
function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket);
    connection.once('connect', () => {
      connection.destroy();
      resolve(true);
    });
    connection.once('error', () => resolve(false));
  });
}

/** Calls that have begun are finished. Node removes the socket. */
function endOnSignal(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      server.close(() => resolve());
      server.closeIdleConnections();
    };
    process.once('SIGTERM', end);
    process.once('SIGINT', end);
  });
}
