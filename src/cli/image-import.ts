import path from 'node:path';
import { shortId } from '../layers/oci/digest.js';
import { parsePlatform } from '../layers/oci/platform.js';
import { importImages } from '../layers/store/import.js';
import { ImageStore } from '../layers/store/store.js';
import { ImportProgress } from './import-progress.js';
import { imageParser, say, waiting, warn, type StoreFlags } from './image-store.js';

export function imageImportParser() {
  return imageParser('import')
    .argument('<source>', 'a file or directory; with :TAG only the image of that name')
    .option('-n, --name <name>', 'the name to give the image, instead of the one it has there')
    .option('--platform <platform>', 'which one to take where there are several (default: this machine\'s)')
    .option('-q, --quiet', 'print only the image\'s id')
    .option('--skip-unsupported', 'leave out devices and attributes that cannot be made here, with a warning')
    .allowExcessArguments(false);
}

/** `tsaufs image import` */
export async function imageImport(args: string[]): Promise<number> {
  const command = imageImportParser().parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { name?: string; platform?: string; quiet?: true; skipUnsupported?: true }>();
  const platform = flags.platform === undefined ? {} : { platform: parsePlatform(flags.platform) };
  const progress = new ImportProgress();
  const store = ImageStore.openOrCreate(path.resolve(flags.store));
  const imported = await importImages(store, command.args[0], {
    ...platform,
    ...(flags.name === undefined ? {} : { name: flags.name }),
    unsupported: flags.skipUnsupported ? 'skip' : 'refuse',
    onWaiting: waiting,
    onWarning: (line) => {
      progress.clear();
      warn(line);
    },
    ...(flags.quiet ? {} : { onLayer: (event) => progress.layer(event) }),
  }).finally(() => progress.clear());
  for (const { id, names } of imported) say(flags.quiet ? id : `${names.join(', ') || '<none>'}  ${shortId(id)}`);
  return 0;
}
