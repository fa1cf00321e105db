import type { LayerEvent } from '../layers/store/import.js';
import { ProgressLine } from './progress.js';

/** Tells on a terminal which layer is being read, and how far. */
export class ImportProgress {
  #line: ProgressLine | undefined;
  #number = 0;

  layer({ number, count, known, bytes, total }: LayerEvent): void {
    if (number !== this.#number || bytes === 0) {
      this.clear();
      this.#line = known ? undefined : new ProgressLine(`layer ${number} of ${count}`, total);
    }
    this.#number = number;
    if (bytes > 0) this.#line?.onProgress?.(bytes);
  }

  clear(): void {
    this.#line?.clear();
  }
}
