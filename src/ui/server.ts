// The page's server from its start to its end.

import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { Access } from './access.js';
import { UiError } from './error.js';
import { Requests } from './requests.js';
import { loadStaticFiles } from './static-files.js';
import { Subject } from './subject.js';
import { Tour } from './tour/tour.js';

export interface UiOptions {
  /** Null for the tour only. */
  mountpoint: string | null;
  /** 0 for any that is free. */
  port: number;
  /** The program itself, which the tour calls. */
  program: string;
  /** Where the page's files are. */
  page?: string;
  /** After so many milliseconds without a page the tour ends. */
  patience?: number;
}

export interface UiServer {
  /** With the token, which works once. */
  address: string;
  /** Resolves when the union is unmounted and the pages were told; with why it failed, if it did. */
  ended: Promise<string | undefined>;
  /** Ends the tour, if there is one, and all connections. */
  close(): Promise<void>;
}

const builtPage = fileURLToPath(new URL('./page', import.meta.url));

/** A page that is loaded anew, or sleeps for a moment, comes back sooner. */
const usualPatience = 30_000;

/** @throws UiError, MountError, InspectError, UnionError: one line */
export async function serveUi(options: UiOptions): Promise<UiServer> {
  const files = loadStaticFiles(options.page ?? builtPage);
  const subject = options.mountpoint === null ? null : await Subject.open(options.mountpoint);
  const server = http.createServer();
  try {
    // What cannot be looked at has no page: the union may lie over its own branch.
    subject?.describe();
    const port = await listen(server, options.port);
    const access = new Access(port);
    const tour = new Tour(options.program);
    const requests = new Requests({ access, files, subject, tour, patience: options.patience ?? usualPatience });
    server.on('request', (request, response) => void requests.answer(request, response));
    return {
      address: `http://127.0.0.1:${port}/?token=${access.token}`,
      ended: subject?.ended ?? new Promise(() => undefined),
      close: async () => {
        server.close();
        subject?.close();
        await requests.close();
        server.closeAllConnections();
      },
    };
  } catch (error) {
    subject?.close();
    throw error;
  }
}

/** Returns the port. */
function listen(server: http.Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(new UiError(whyNot(error, port))));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve((server.address() as AddressInfo).port));
  });
}

function whyNot({ code, message }: NodeJS.ErrnoException, port: number): string {
  if (code === 'EADDRINUSE') return `port ${port} is in use; choose another with --port, or leave it out for one that is free`;
  if (code === 'EACCES') return `port ${port} is not permitted to this user; choose one from 1024 on, or leave --port out`;
  return `cannot listen on 127.0.0.1: ${message}`;
}
