import type { LayerEvent } from '../layers/store/import.js';
import { bytesText } from './table.js';

export interface ImportProgress {
  layer(event: LayerEvent): void;
  /** A whole line, above what changes. */
  line(text: string): void;
  end(): void;
}

/** Milliseconds between changes of the line. */
const PAUSE = 100;

/** One line on a terminal that tells how far the import is, and nothing elsewhere. */
export function importProgress(quiet: boolean): ImportProgress {
  const out = process.stderr;
  const shows = !quiet && out.isTTY;
  let last = 0;
  const clear = (): void => void (shows && out.write('\r\x1b[K'));
  return {
    layer({ number, count, known, bytes, total }) {
      const now = Date.now();
      if (!shows || (bytes < total && bytes > 0 && now - last < PAUSE)) return;
      last = now;
      const share = total === 0 ? 100 : Math.floor(bytes * 100 / total);
      out.write(`\r\x1b[Klayer ${number} of ${count}: ${known ? 'is there already' : `${share}% of ${bytesText(total)}`}`);
    },
    line(text) {
      clear();
      out.write(`${text}\n`);
    },
    end: clear,
  };
}
