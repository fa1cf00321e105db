import type { Results } from './results.js';

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Seconds, undefined where there are none. */
export function medianTime(results: Results, workload: string, contender: string): number | undefined {
  const seconds = results.seconds[workload]?.[contender] ?? [];
  return seconds.length === 0 ? undefined : median(seconds);
}

/** One contender's median time divided by another's; undefined where one has none. */
export function ratio(results: Results, workload: string, contender: string, to: string): number | undefined {
  const [own, other] = [medianTime(results, workload, contender), medianTime(results, workload, to)];
  return own === undefined || other === undefined ? undefined : own / other;
}

/** The geometric mean of the ratios over the workloads that both have; undefined where there is none. */
export function meanRatio(results: Results, contender: string, to: string): number | undefined {
  const ratios = results.workloads.map(({ id }) => ratio(results, id, contender, to)).filter((each) => each !== undefined);
  return ratios.length === 0 ? undefined : geometricMean(ratios);
}
