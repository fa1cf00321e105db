import type { Arena } from './arena.js';
import type { Contender } from './contenders/contender.js';
import { plain } from './contenders/plain.js';
import type { Results } from './results.js';
import type { Workload } from './workload.js';

/** Told before each measurement. */
export type Progress = (round: number, workload: Workload, contender: Contender) => void;

/**
 * Each round runs each workload on each contender, and another one first each time. What fails is not tried again.
 * @param stop checked before each measurement
 */
export async function runRounds(
  arena: Arena, workloads: readonly Workload[], contenders: readonly Contender[], rounds: number,
  progress: Progress, stop: () => void,
): Promise<Pick<Results, 'seconds' | 'failures'>> {
  const seconds: Results['seconds'] = {};
  const failures: Results['failures'] = {};
  for (let round = 0; round < rounds; round++) {
    for (const [index, workload] of workloads.entries()) {
      for (const contender of rotated(contenders, round + index)) {
        if (contender === plain && workload.onlyUnions) continue;
        if (failures[workload.id]?.[contender.id] !== undefined) continue;
        stop();
        progress(round + 1, workload, contender);
        try {
          const time = await arena.measure(contender, workload);
          ((seconds[workload.id] ??= {})[contender.id] ??= []).push(time);
        } catch (error) {
          stop();
          (failures[workload.id] ??= {})[contender.id] = (error as Error).message;
        }
      }
    }
  }
  return { seconds, failures };
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const first = by % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
