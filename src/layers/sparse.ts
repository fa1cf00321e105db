// Sparse files in extended headers (GNU tar's manual, "PAX Format, Versions 0.1 and 1.0"): the archive holds the data
// between the holes, and a map of where it goes. Version 1.0, what GNU tar and bsdtar write, has the map before the data, in
// decimal lines filled up to whole blocks; version 0.1 has it in a record.

import { LayerError } from './error.js';
import type { PaxRecords } from './pax.js';

/** A run of data. */
interface Run {
  offset: number;
  size: number;
}

/** What the records say of a sparse file: its size with holes and, in version 0.1, the map. */
export interface SparseFile {
  size: number;
  /** null: it stands before the data. */
  map: Run[] | null;
  name: string | undefined;
}

/** Undefined for a file that is not sparse. */
export function sparseFileOf(records: PaxRecords): SparseFile | undefined {
  const version = `${records.get('GNU.sparse.major') ?? '0'}.${records.get('GNU.sparse.minor') ?? '1'}`;
  const name = records.get('GNU.sparse.name');
  if (version === '1.0') return { size: numberOf(records.get('GNU.sparse.realsize')), map: null, name };
  const map = records.get('GNU.sparse.map');
  if (map !== undefined) return { size: numberOf(records.get('GNU.sparse.size')), map: runsOf(map.split(',').map(numberOf)), name };
  for (const key of records.keys()) {
    if (key.startsWith('GNU.sparse.')) throw new LayerError('a sparse file in a form that is not known here; pack it without --sparse, or with --sparse-version=1.0');
  }
  return undefined;
}

function numberOf(text: string | undefined): number {
  const value = text !== undefined && /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  if (!Number.isSafeInteger(value)) throw malformed();
  return value;
}

function malformed(): LayerError {
  return new LayerError('the archive has a malformed map of a sparse file');
}

function runsOf(numbers: readonly number[]): Run[] {
  if (numbers.length % 2 !== 0) throw malformed();
  const runs: Run[] = [];
  for (let i = 0; i < numbers.length; i += 2) runs.push({ offset: numbers[i], size: numbers[i + 1] });
  return runs;
}

const BLOCK = 512;
/** 100,000 runs and more. */
const MAP_MAX = 4 << 20;

/** Tells where each byte of a sparse file's content goes. */
export class SparseContent {
  private map: Buffer = Buffer.alloc(0);
  private runs: readonly Run[] | null;
  private index = 0;
  /** Bytes of the present run that came. */
  private done = 0;

  constructor(private readonly file: SparseFile) {
    this.runs = file.map;
    if (file.map !== null) this.checkRuns(file.map);
  }

  /** Takes the next piece of what the archive holds, and hands on where its parts go. Throws LayerError. */
  push(piece: Buffer, write: (part: Buffer, offset: number) => void): void {
    let rest = piece;
    if (this.runs === null) {
      const data = this.takeMap(piece);
      if (data === null) return;
      rest = data;
    }
    const runs = this.runs!;
    while (rest.length > 0) {
      // An empty run at the end stands for the size.
      while (this.index < runs.length && this.done === runs[this.index].size) {
        this.index++;
        this.done = 0;
      }
      if (this.index === runs.length) throw malformed();
      const { offset, size } = runs[this.index];
      const count = Math.min(rest.length, size - this.done);
      write(rest.subarray(0, count), offset + this.done);
      this.done += count;
      rest = rest.subarray(count);
    }
  }

  /** Throws LayerError if something is missing. */
  end(): void {
    if (this.runs === null) throw malformed();
    const missing = this.runs.slice(this.index).reduce((sum, { size }) => sum + size, 0) - this.done;
    if (missing !== 0) throw malformed();
  }

  /** What follows the map, once that is complete: the number of runs, then offset and size of each, a line for each number. */
  private takeMap(piece: Buffer): Buffer | null {
    this.map = Buffer.concat([this.map, piece]);
    const lines = this.map.latin1Slice().split('\n');
    const wanted = lines.length > 1 ? numberOf(lines[0]) * 2 + 1 : Infinity;
    if (lines.length - 1 < wanted) {
      if (this.map.length > MAP_MAX) throw malformed();
      return null;
    }
    const used = lines.slice(0, wanted).reduce((sum, line) => sum + line.length + 1, 0);
    const start = Math.ceil(used / BLOCK) * BLOCK;
    // The map is filled up to whole blocks, the last of which may be still to come.
    if (this.map.length < start) return null;
    const runs = runsOf(lines.slice(1, wanted).map(numberOf));
    this.checkRuns(runs);
    this.runs = runs;
    const data = this.map.subarray(start);
    this.map = Buffer.alloc(0);
    return data;
  }

  private checkRuns(runs: readonly Run[]): void {
    let end = 0;
    for (const { offset, size } of runs) {
      if (offset < end || offset + size > this.file.size) throw malformed();
      end = offset + size;
    }
  }
}
