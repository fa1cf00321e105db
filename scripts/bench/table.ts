import Table from 'cli-table3';
import colors from 'picocolors';
import type { Results } from './results.js';
import { meanRatio, medianTime, ratio } from './statistics.js';

/** The one whose time is divided by the others'. */
const own = 'tsaufs';

/** Times in milliseconds and, after them, tsaufs's time divided by this one: below 1 tsaufs is faster. */
export function terminalTable(results: Results): string {
  const table = new Table({ head: ['', ...results.contenders], style: { head: ['bold'], compact: true } });
  for (const { title, cells } of rows(results)) {
    table.push([title, ...cells.map(({ text, ratio }) => ({ content: tinted(text, ratio), hAlign: 'right' as const }))]);
  }
  return table.toString();
}

function tinted(text: string, ratio: number | undefined): string {
  if (ratio === undefined) return text;
  return ratio <= 1 ? colors.green(text) : colors.red(text);
}

/** The same for the documentation, with the machine. */
export function markdownTable(results: Results): string {
  return [
    machineText(results),
    '',
    `| | ${results.contenders.join(' | ')} |`,
    `|---|${'---:|'.repeat(results.contenders.length)}`,
    ...rows(results).map(({ title, cells }) => `| ${title} | ${cells.map(({ text }) => text).join(' | ')} |`),
    ...failureLines(results).map((line) => `\n${line}`),
    '',
  ].join('\n');
}

function machineText({ machine, rounds, warmUp }: Results): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`).join(', ');
  return `Branches on ${machine.fileSystem}, as ${machine.user}; median of ${rounds} rounds${warmUp ? '' : ', without warm-up'}; ${machine.date}. ` +
    `Linux ${machine.kernel}, ${machine.processors} processors (${machine.processor}), ${machine.memoryGiB} GiB, ` +
    `Node ${machine.node}; ${versions}.`;
}

interface Row {
  title: string;
  cells: { text: string; ratio: number | undefined }[];
}

function rows(results: Results): Row[] {
  return [...results.workloads.map((workload) => workloadRow(results, workload)), meanRow(results)];
}

function workloadRow(results: Results, { id, title }: Results['workloads'][number]): Row {
  const cells = results.contenders.map((contender) => {
    const time = medianTime(results, id, contender);
    if (time === undefined) return { text: '–', ratio: undefined };
    const against = contender === own ? undefined : ratio(results, id, own, contender);
    return { text: withRatio(milliseconds(time), against), ratio: against };
  });
  return { title, cells };
}

function meanRow(results: Results): Row {
  const cells = results.contenders.map((contender) => {
    const mean = contender === own ? undefined : meanRatio(results, own, contender);
    return { text: mean === undefined ? '' : `×${significant(mean)}`, ratio: mean };
  });
  return { title: 'geometric mean', cells };
}

function withRatio(text: string, ratio: number | undefined): string {
  return ratio === undefined ? text : `${text} ×${significant(ratio)}`;
}

function milliseconds(seconds: number): string {
  return significant(seconds * 1000);
}

function significant(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** What a contender could not do, one line each. */
export function failureLines(results: Results): string[] {
  return Object.entries(results.failures).flatMap(([workload, reasons]) =>
    Object.entries(reasons ?? {}).map(([contender, reason]) => `${contender} could not do ${workload}: ${reason}`));
}
