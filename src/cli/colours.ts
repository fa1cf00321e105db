// Colours for a person's eyes: on a terminal, and nowhere else unless asked for.
import pico from 'picocolors';
import { UsageError } from './status.js';

export type Paint = (text: string) => string;

export interface Colours {
  /** Of a branch by its number; they are used again from the ninth branch on. */
  branch(index: number): Paint;
  dim: Paint;
  bold: Paint;
  red: Paint;
  green: Paint;
  yellow: Paint;
  /** What is hidden. */
  struck: Paint;
}

/** @param when `always`, `never` or `auto`: on a terminal that has colours, without NO_COLOR (no-color.org) */
export function coloursFor(when: string, stream: { isTTY?: boolean }, env = process.env): Colours {
  if (!['always', 'never', 'auto'].includes(when)) throw new UsageError(`--color is always, never or auto, not "${when}"`);
  const wanted = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
  const c = pico.createColors(when === 'always' || (when === 'auto' && wanted));
  const palette = [c.green, c.cyan, c.yellow, c.magenta, c.blue, c.greenBright, c.cyanBright, c.magentaBright];
  return {
    branch: (index) => palette[index % palette.length],
    dim: c.dim, bold: c.bold, red: c.red, green: c.green, yellow: c.yellow, struck: (text) => c.strikethrough(c.dim(text)),
  };
}
