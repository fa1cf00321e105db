/** `npm run bench`: tsaufs beside other unions. */
import { readFileSync, writeFileSync } from 'node:fs';
import { Arena } from './arena.js';
import { parseArguments, type Arguments } from './arguments.js';
import { buildIfStale } from './build.js';
import { chart } from './chart.js';
import { chooseContenders, chooseWorkloads } from './choice.js';
import { installDebianPackages } from './install.js';
import { describeMachine } from './machine.js';
import { onInterrupt } from './interrupt.js';
import { progressLine } from './progress.js';
import type { Results } from './results.js';
import { runRounds } from './rounds.js';
import { failureLines, markdownTable, terminalTable } from './table.js';
import { chooseUser } from './users.js';

try {
  const args = parseArguments();
  const results = args.from === undefined ? await measure(args) : JSON.parse(readFileSync(args.from, 'utf8')) as Results;
  show(results, args);
} catch (error) {
  process.stderr.write(`bench: ${(error as Error).message}\n`);
  process.exitCode = 1;
}

async function measure(args: Arguments): Promise<Results> {
  const user = chooseUser(args.user);
  if (args.install) await installDebianPackages();
  await buildIfStale();
  const { present, versions, absent } = await chooseContenders(args, user);
  const { workloads, left } = chooseWorkloads(args.only);
  for (const reason of [...absent, ...left]) process.stderr.write(`bench: ${reason}\n`);

  const base = args.disk ? '/var/tmp' : '/dev/shm';
  const machine = describeMachine(base, user, versions);
  const arena = new Arena(base, user, args.warmUp);
  const stop = onInterrupt();
  const line = progressLine(args.rounds * workloads.length * present.length);
  try {
    line.say('making the branches');
    await arena.prepare();
    const measured = await runRounds(arena, workloads, present, args.rounds, line.measuring, stop);
    return {
      machine, rounds: args.rounds, warmUp: args.warmUp, contenders: present.map(({ id }) => id),
      workloads: workloads.map(({ id, title }) => ({ id, title })), ...measured,
    };
  } finally {
    line.clear();
    await arena.close();
  }
}

function show(results: Results, { json, markdown, chart: chartFile }: Arguments): void {
  process.stdout.write(`${terminalTable(results)}\nmilliseconds; ×: tsaufs’s time divided by this one\n`);
  for (const line of failureLines(results)) process.stdout.write(`${line}\n`);
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(results, null, 1)}\n`);
  if (markdown !== undefined) writeFileSync(markdown, markdownTable(results));
  if (chartFile !== undefined) writeFileSync(chartFile, chart(results));
}
