import { withLock } from '../layers/store/lock.js';
import { removeFromStore } from '../layers/store/remove.js';
import { mountedOn } from './layer-mount.js';
import { imageParser, openStore, say, waiting, type StoreFlags } from './image-store.js';

export function imageRmParser() {
  return imageParser('rm')
    .argument('<names...>', 'names, or the beginnings of ids')
    .option('-f, --force', 'also an image with several names, and the containers made from it');
}

/** `tsaufs image rm` */
export async function imageRm(args: string[]): Promise<number> {
  const command = imageRmParser().parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { force?: true }>();
  const store = openStore(flags);
  return withLock(store, 'exclusive', waiting, () => {
    let status = 0;
    for (const name of command.args) {
      try {
        for (const line of removeFromStore(store, name, { force: flags.force ?? false, mountedOn })) say(line);
      } catch (error) {
        process.stderr.write(`tsaufs: ${(error as Error).message}\n`);
        status = 1;
      }
    }
    return Promise.resolve(status);
  });
}
