// What the commands of `tsaufs image` have in common.
import path from 'node:path';
import { Option, type Command } from 'commander';
import { ImageStore } from '../layers/store/store.js';
import { parserFor } from './parser.js';

export interface StoreFlags {
  store: string;
}

export function imageParser(name: string): Command {
  return parserFor(`image ${name}`)
    .addOption(new Option('--store <directory>', 'where images are kept')
      .default(ImageStore.defaultRoot(), '/var/lib/tsaufs, an ordinary user\'s in ~/.local/share/tsaufs'));
}

export function openStore({ store }: StoreFlags): ImageStore {
  return ImageStore.open(path.resolve(store));
}

export function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

export function warn(line: string): void {
  process.stderr.write(`tsaufs: warning: ${line}\n`);
}

export function waiting(): void {
  process.stderr.write('tsaufs: another process is changing the store; waiting for it\n');
}
