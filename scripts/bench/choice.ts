import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Arguments } from './arguments.js';
import type { User } from './command.js';
import { contenders, usualContenders } from './contenders/all.js';
import type { Contender } from './contenders/contender.js';
import { byDefault } from './contenders/tsaufs.js';
import type { Workload } from './workload.js';
import { workloads } from './workloads/all.js';

export interface Chosen {
  present: Contender[];
  versions: Record<string, string>;
  /** A line for each that is left out. */
  absent: string[];
}

/** @throws Error for a peer that there is not */
export async function chooseContenders({ peers, passthroughAll }: Arguments, user: User | undefined): Promise<Chosen> {
  const wanted = peers === undefined ? usualContenders(user, passthroughAll ?? false) : [byDefault, ...named(peers)];
  const chosen: Chosen = { present: [], versions: {}, absent: [] };
  for (const contender of wanted) {
    const version = await contender.version();
    if (version === undefined) {
      const how = contender.debian === undefined ? '' : `; --install gets the package ${contender.debian}`;
      chosen.absent.push(`${contender.id} is not installed and left out${how}`);
    } else {
      chosen.present.push(contender);
      chosen.versions[contender.id] = version;
    }
  }
  return chosen;
}

function named(peers: readonly string[]): Contender[] {
  for (const name of peers) {
    if (!contenders.some(({ id }) => id === name)) {
      throw new Error(`there is no peer ${name}; there are ${contenders.map(({ id }) => id).join(', ')}`);
    }
  }
  return contenders.filter((each) => each !== byDefault && peers.includes(each.id));
}

/** By name, or the beginnings of names; `left` has a line for each that needs a program that is missing. */
export function chooseWorkloads(only: readonly string[] | undefined): { workloads: Workload[]; left: string[] } {
  const wanted = workloads.filter(({ id }) => only === undefined || only.some((name) => isMeant(id, name)));
  if (wanted.length === 0) throw new Error(`there is no such workload; there are ${workloads.map(({ id }) => id).join(', ')}`);
  const missing = wanted.filter(({ needs }) => needs !== undefined && !isProgram(needs.program));
  return {
    workloads: wanted.filter((each) => !missing.includes(each)),
    left: missing.map(({ id, needs }) => `${id} is left out: there is no ${needs!.program}; --install gets the package ${needs!.debian}`),
  };
}

function isMeant(id: string, name: string): boolean {
  return workloads.some((each) => each.id === name) ? id === name : id.startsWith(name);
}

export function isProgram(name: string): boolean {
  return (process.env['PATH'] ?? '').split(':').some((directory) => existsSync(path.join(directory, name)));
}
