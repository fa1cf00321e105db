// The other process of these tests: it makes the branches and carries out a case's operations, in Python, whose
// `os` module is close to the system calls. This process mounts and unmounts.
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import type * as Library from '../../src/index.js';
import { adapter, adapterArguments, adapterOptions } from '../helpers/adapter.js';
import { found, program, project, pythonProgram, run } from '../helpers/process.js';
import { folder, type Case, type Recording, type Tree } from './cases.js';

/** Mounts the union of a case; undefined: the mount was refused, as some cases want it. */
export type Mounter = (test: Case, directory: string) => Promise<{ unmount(): Promise<void> } | { refused: string }>;

export class Operator {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #replies: AsyncIterator<string, undefined>;
  readonly #base: string;

  /** @param base where the temporary directories of the cases are made */
  constructor(base: string) {
    this.#base = base;
    this.#process = spawn(pythonProgram, [path.join(folder, 'operations.py')], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stderr.pipe(process.stderr);
    this.#replies = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async close(): Promise<void> {
    const ended = once(this.#process, 'close');
    this.#process.stdin.end();
    await ended;
  }

  /** Runs one case from making its branches to removing them. */
  async outcome(test: Case, mount: Mounter): Promise<Recording> {
    const directory = mkdtempSync(path.join(this.#base, 'tsaufs-case-'));
    chmodSync(directory, 0o755);
    try {
      await this.#ask({ do: 'setup', case: test, dir: directory, remount: [process.execPath, program, 'remount', '-o'] });
      const union = await mount(test, directory);
      if ('refused' in union) return { name: test.name, mount: 'fail', message: union.refused };
      let seen: Pick<Recording, 'ops' | 'union'>;
      try {
        seen = await this.#ask({ do: 'run' });
      } finally {
        await union.unmount();
      }
      const branches = await this.#ask<Record<string, Tree>>({ do: 'branches' });
      return { name: test.name, mount: 'ok', ...seen, branches };
    } finally {
      await this.#ask({ do: 'clear' }).catch(() => rmSync(directory, { recursive: true, force: true }));
    }
  }

  async #ask<Reply extends object>(request: object): Promise<Reply> {
    this.#process.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.#replies.next();
    if (line.done) throw new Error('operations.py ended');
    const reply = JSON.parse(line.value) as Reply | { error: string };
    if ('error' in reply) throw new Error(`operations.py: ${reply.error}`);
    return reply;
  }
}

export function branchTexts(test: Case, directory: string): string[] {
  return test.branches.map(({ name, perm }) => path.join(directory, name) + (perm === '' ? '' : `=${perm}`));
}

/** `tsaufs mount` and `tsaufs umount -i`: AUFS was unmounted without its helper, which flushes pseudo-links. */
export const mountByProgram: Mounter = async (test, directory) => {
  const mountpoint = path.join(directory, 'mnt');
  const options = [`br=${branchTexts(test, directory).join(':')}`, test.opts, ...adapterOptions].filter((text) => text !== '').join(',');
  const outcome = await run(process.execPath, [program, 'mount', ...adapterArguments, '-o', options, mountpoint]);
  if (outcome.status !== 0) return { refused: outcome.stderr };
  return {
    async unmount() {
      const { status, stderr } = await run(process.execPath, [program, 'umount', '-i', mountpoint]);
      if (status === 0) return;
      await run(process.execPath, [program, 'umount', '-l', mountpoint]);
      throw new Error(`${test.name} cannot be unmounted: ${stderr}`);
    },
  };
};

/** mount() of the library, in this process: it spares the start of two processes a case. */
export async function libraryMounter(): Promise<Mounter> {
  const url = pathToFileURL(path.join(project, 'dist/index.js')).href;
  const { mount } = await import(/* @vite-ignore */ url) as typeof Library;
  return async (test_, directory) => {
    try {
      const union = await mount({
        mountpoint: path.join(directory, 'mnt'), branches: branchTexts(test_, directory), adapter,
        options: [test_.opts, ...adapterOptions].filter((text) => text !== '').join(','),
      });
      return {
        async unmount() {
          try {
            await union.unmount({ keepPlinks: true });
          } catch (error) {
            await union.unmount({ lazy: true });
            throw error;
          }
        },
      };
    } catch (error) {
      return { refused: (error as Error).message };
    }
  };
}

/** Why no case can run here. */
export function noPython(): string | undefined {
  return found('python3') ? undefined : 'no python3';
}
