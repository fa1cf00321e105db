import { chmodSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { errorLine, MountError } from './error.js';

/**
 * The control socket of a mount: each line is one JSON object, `{"command":…,…}`, and is answered by one,
 * `{"ok":…}` or `{"error":"one line"}`, in order. Only the user who mounted can connect (mode 0600).
 */
export interface ControlRequest {
  command: string;
  [argument: string]: unknown;
}

export type ControlHandler = (request: ControlRequest, outlet: Outlet) => Promise<unknown>;

/** For a command that goes on after its answer: lines of its own, `{"event":…}`, which may come before the answer, too. */
export interface Outlet {
  /** False, and nothing is sent, where the other side is far behind in reading; `onRoom` is called later. */
  send(line: object): boolean;
  onRoom(call: () => void): void;
  onClose(call: () => void): void;
}

/** A request longer than this is not one of ours. */
const maxLine = 1 << 20;
/** So many bytes wait for a slow reader at most. */
const maxUnread = 1 << 20;

export interface ControlServer {
  /**
   * Answers what is still being asked, as an error where that takes long, tells the end to those whose commands go on, with
   * the failure if it was one, and removes the socket.
   */
  close(failure?: string): Promise<void>;
}

/** Listens on `control` in the state directory. It keeps no process alive by itself. */
export async function listenControl(directory: string, handler: ControlHandler): Promise<ControlServer> {
  const file = controlPath(directory);
  const connections = new Set<Connection>();
  let end!: () => void;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const server = net.createServer((socket) => {
    const connection = new Connection(socket, handler, ended);
    connections.add(connection);
    socket.on('close', () => connections.delete(connection));
  });
  server.unref();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(file, resolve);
  });
  // The directory is closed to others until here (publishState): no moment sees the socket open.
  chmodSync(file, 0o600);
  return {
    close: async (failure) => {
      server.close();
      // Whoever asked for the unmount is to hear that it is done: its answer comes at this very moment.
      await new Promise((resolve) => setImmediate(resolve));
      end();
      await Promise.all([...connections].map((connection) => connection.close(failure)));
      rmSync(file, { force: true });
    },
  };
}

class Connection implements Outlet {
  readonly #socket: net.Socket;
  #answers = Promise.resolve();
  #goesOn = false;

  constructor(socket: net.Socket, handler: ControlHandler, ended: Promise<void>) {
    this.#socket = socket;
    socket.unref();
    socket.on('error', () => socket.destroy());
    const tooLate = ended.then(() => ({ error: 'the mount has ended' }));
    onLines(socket, maxLine, (line) => {
      this.#answers = this.#answers.then(async () => {
        const answer = await Promise.race([run(line, (request) => handler(request, this)), tooLate]);
        if (!socket.destroyed) socket.write(`${JSON.stringify(answer)}\n`);
      });
    });
  }

  send(line: object): boolean {
    if (this.#socket.destroyed || this.#socket.writableLength > maxUnread) return false;
    this.#socket.write(`${JSON.stringify(line)}\n`);
    return true;
  }

  onRoom(call: () => void): void {
    this.#socket.on('drain', call);
  }

  onClose(call: () => void): void {
    this.#goesOn = true;
    if (this.#socket.destroyed) call();
    else this.#socket.once('close', call);
  }

  async close(failure: string | undefined): Promise<void> {
    await this.#answers;
    if (this.#goesOn && !this.#socket.destroyed) this.#socket.write(`${JSON.stringify({ end: failure ?? null })}\n`);
    this.#socket.destroySoon();
  }
}

async function run(line: string, handler: (request: ControlRequest) => Promise<unknown>): Promise<object> {
  try {
    const request = JSON.parse(line) as ControlRequest | null;
    if (typeof request?.command !== 'string') throw new Error('not a request: no command');
    return { ok: (await handler(request)) ?? null };
  } catch (error) {
    return { error: errorLine(error) };
  }
}

/**
 * Sends one request to the mount of a state directory.
 * @param onLine called with the lines that come before the answer
 * @throws MountError what the mount answered, or that it does not
 */
export async function callControl(
  directory: string, request: ControlRequest, onLine: (line: Record<string, unknown>) => void = () => undefined,
): Promise<unknown> {
  const socket = net.connect(controlPath(directory));
  try {
    return await new Promise((resolve, reject) => {
      socket.on('error', (error: NodeJS.ErrnoException) => reject(noAnswer(error)));
      socket.on('close', () => reject(new MountError('the mount ended without an answer; see tsaufs list')));
      // However long: it comes from a mount of this user's, or root's.
      onLines(socket, Infinity, (line) => {
        const answer = JSON.parse(line) as { ok?: unknown; error?: string };
        if (answer.error !== undefined) reject(new MountError(answer.error));
        else if ('ok' in answer) resolve(answer.ok);
        else onLine(answer);
      });
      socket.write(`${JSON.stringify(request)}\n`);
    });
  } finally {
    socket.destroy();
  }
}

function noAnswer(error: NodeJS.ErrnoException): MountError {
  return new MountError(error.code === 'EACCES'
    ? 'permission denied: only root and the user who mounted it can do this'
    : `the mount does not answer: ${error.message}; see tsaufs list`);
}

/**
 * Sends a request whose command goes on after its answer, and gives the lines that come, as they are read, until the mount
 * ends or `signal` is given.
 * @param onAnswer called with the answer
 * @throws MountError what the mount answered, that it does not, or why it ended
 */
export async function* followControl(
  directory: string, request: ControlRequest, signal: AbortSignal, onAnswer: (answer: unknown) => void,
): AsyncGenerator<Record<string, unknown>> {
  const socket = net.connect(controlPath(directory));
  const stop = (): unknown => socket.destroy();
  signal.addEventListener('abort', stop);
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    for await (const text of linesOf(socket)) {
      const line = JSON.parse(text) as Record<string, unknown>;
      if (typeof line['error'] === 'string') throw new MountError(line['error']);
      if (typeof line['end'] === 'string') throw new MountError(`the file system failed: ${line['end']}`);
      if (line['end'] === null) return;
      if ('ok' in line) onAnswer(line['ok']);
      else yield line;
    }
    if (!signal.aborted) throw new MountError('the process of the mount has ended without a word; see tsaufs list, and remove the mount with tsaufs umount');
  } catch (error) {
    if (signal.aborted) return;
    throw error instanceof MountError ? error : noAnswer(error as NodeJS.ErrnoException);
  } finally {
    signal.removeEventListener('abort', stop);
    socket.destroy();
  }
}

/** Read only as fast as they are taken. */
async function* linesOf(socket: net.Socket): AsyncGenerator<string> {
  let rest = '';
  socket.setEncoding('utf8');
  for await (const chunk of socket as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop()!;
    yield* lines;
  }
}

function onLines(socket: net.Socket, longest: number, take: (line: string) => void): void {
  // In pieces, so that a line that comes byte by byte costs no more than one that comes at once.
  let pending: string[] = [];
  let length = 0;
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const [first, ...more] = chunk.split('\n');
    pending.push(first);
    length += first.length;
    for (const next of more) {
      if (length <= longest) take(pending.join(''));
      pending = [next];
      length = next.length;
    }
    if (length > longest) socket.destroy();
  });
}

function controlPath(directory: string): string {
  return path.join(directory, 'control');
}
