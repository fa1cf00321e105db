// `tsaufs ui` as a browser meets it: the real program, and requests that say exactly what a test wants.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type { Directory, TourAnswer, TourRequest, Union } from '../../src/ui/protocol.js';
import { program, until, type User } from '../helpers/process.js';

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface Ask {
  method?: string;
  headers?: http.OutgoingHttpHeaders;
  body?: string;
}

export interface Message {
  /** '' of events in the union. */
  name: string;
  data: Record<string, unknown>;
}

/** What a page hears. */
export interface Listener {
  status: number;
  messages: Message[];
  /** Waits for one. */
  message(name: string, fits?: (data: Record<string, unknown>) => boolean): Promise<Message>;
  /** Resolves when the server has ended it. */
  ended: Promise<void>;
  close(): void;
}

export class Page {
  constructor(readonly port: number, readonly token: string, public cookie?: string) {}

  ask(path: string, { method = 'GET', headers = {}, body }: Ask = {}): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = http.request({
        host: '127.0.0.1', port: this.port, path, method, agent: false,
        headers: { ...this.cookie === undefined ? {} : { cookie: this.cookie }, ...headers },
      }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk)).on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, body: text }));
      });
      request.on('error', reject).end(body);
    });
  }

  /** An answer that must be good. */
  async json(path: string, ask: Ask = {}): Promise<unknown> {
    const { status, body } = await this.ask(path, ask);
    if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
    return JSON.parse(body);
  }

  /** Opens the address that was printed; from then on this page has the cookie. */
  async enter(): Promise<Answer> {
    const answer = await this.ask(`/?token=${this.token}`);
    this.cookie = answer.headers['set-cookie']?.[0].split(';')[0];
    return answer;
  }

  union(query = ''): Promise<Union> {
    return this.json(`/api/union?${query}`) as Promise<Union>;
  }

  directory(path: string, query = ''): Promise<Directory> {
    return this.json(`/api/directory?path=${encodeURIComponent(path)}${query}`) as Promise<Directory>;
  }

  async tour(request: TourRequest): Promise<TourAnswer['tour']> {
    const answer = await this.json('/api/tour', {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request),
    }) as TourAnswer;
    return answer.tour;
  }

  /** Resolves when no event is missed any more, or the request is refused. */
  async listen(query = ''): Promise<Listener> {
    const request = http.get({
      host: '127.0.0.1', port: this.port, path: `/api/events?${query}`, agent: false, headers: { cookie: this.cookie ?? '' },
    });
    const [response] = await once(request, 'response') as [http.IncomingMessage];
    const messages: Message[] = [];
    let rest = '';
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const blocks = (rest + chunk).split('\n\n');
      rest = blocks.pop()!;
      for (const block of blocks) messages.push(...parsed(block));
    });
    const find = (name: string, fits: (data: Record<string, unknown>) => boolean): Message | undefined =>
      messages.find((each) => each.name === name && fits(each.data));
    const ended = new Promise<void>((resolve) => response.on('error', () => undefined).on('close', resolve));
    const listener: Listener = {
      status: response.statusCode!, messages, ended, close: () => request.destroy(),
      message: async (name, fits = () => true) => {
        await until(() => find(name, fits) !== undefined);
        return find(name, fits)!;
      },
    };
    if (listener.status === 200) await listener.message('ready');
    return listener;
  }
}

function parsed(block: string): Message[] {
  const data = /^data: (.*)$/m.exec(block)?.[1];
  if (data === undefined) return [];
  return [{ name: /^event: (.*)$/m.exec(block)?.[1] ?? '', data: JSON.parse(data) as Record<string, unknown> }];
}

export interface Ui extends Page {
  child: ChildProcess;
  /** Waits for its end. */
  ended(): Promise<{ status: number | null; stderr: string }>;
}

interface Surroundings {
  as?: User | undefined;
  env?: NodeJS.ProcessEnv;
}

/** Runs `tsaufs ui ARGS`, gives it to `use` with a page that has entered, and ends it, also when `use` fails. */
export async function withUi(args: readonly string[], use: (ui: Ui) => Promise<void>, surroundings: Surroundings = {}): Promise<void> {
  await withProgram(['ui', ...args], async (ui) => {
    await ui.enter();
    await use(ui);
  }, surroundings);
}

/** The same of a command that serves a page, with a page that has not entered. */
export async function withProgram(args: readonly string[], use: (ui: Ui) => Promise<void>, { as, env }: Surroundings = {}): Promise<void> {
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', env: { ...process.env, ...env },
    ...as === undefined ? {} : { uid: as.uid, gid: as.gid },
  });
  const closed = once(child, 'close') as Promise<[number | null]>;
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  try {
    await until(() => stdout.includes('\n') || child.exitCode !== null);
    const address = /^http:\/\/127\.0\.0\.1:(\d+)\/\?token=([\w-]{43})\n$/.exec(stdout);
    if (address === null) throw new Error(`no address: ${stdout}${stderr}`);
    const ended = async (): Promise<{ status: number | null; stderr: string }> => ({ status: (await closed)[0], stderr });
    await use(Object.assign(new Page(Number(address[1]), address[2]), { child, ended }));
  } finally {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    await closed;
  }
}

/** Processes whose command line has this text. */
export function processesWith(text: string): number[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && commandLine(name).includes(text)).map(Number);
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}
