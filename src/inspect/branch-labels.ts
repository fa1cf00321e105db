import path from 'node:path';
import { shownName } from '../layers/error.js';

/** A short name for each branch: the last part of its path, with as much before it as tells it from the others. */
export function branchLabels(directories: readonly string[]): string[] {
  const parts = directories.map((directory) => path.normalize(directory).split('/').filter((part) => part !== ''));
  return parts.map((own, index) => {
    for (let length = 1; length <= own.length; length++) {
      const label = own.slice(-length).join('/');
      if (parts.every((other, at) => at === index || other.slice(-length).join('/') !== label)) return escaped(label);
    }
    return escaped(directories[index]);
  });
}

/** Text for one line of a terminal. */
export function escaped(text: string): string {
  return shownName(Buffer.from(text, 'utf8').toString('latin1'));
}
