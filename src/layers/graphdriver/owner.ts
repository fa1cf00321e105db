import { DriverError } from './error.js';

/** One range of ids of a user namespace, as Docker tells it (`--userns-remap`). */
export interface IdRange {
  container_id: number;
  host_id: number;
  size: number;
}

/**
 * The id outside that is 0 inside, which owns what the driver makes for containers; 0 where nothing is mapped.
 * @throws DriverError where the ranges leave root out
 */
export function rootOf(ranges: readonly IdRange[]): number {
  if (ranges.length === 0) return 0;
  const range = ranges.find(({ container_id: first, size }) => first <= 0 && 0 < first + size);
  if (range === undefined) throw new DriverError('the ranges of --userns-remap have no place for root');
  return range.host_id - range.container_id;
}
