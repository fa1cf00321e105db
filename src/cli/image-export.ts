import { shortId } from '../layers/oci/digest.js';
import { exportImage } from '../layers/oci/export.js';
import { listImages } from '../layers/store/image-database.js';
import { withLock } from '../layers/store/lock.js';
import { findImage, namesOf, readNamesOfImages } from '../layers/store/repositories.js';
import { exportedStoreImage } from '../layers/store/export.js';
import { exportFormat } from './image-arguments.js';
import { imageParser, openStore, say, waiting, warn, type StoreFlags } from './image-store.js';

export function imageExportParser() {
  return imageParser('export')
    .argument('<name>', 'a name, or the beginning of an id')
    .argument('<destination>', 'a directory (OCI layout; added to one that is there), a file ending in .tar, or - for standard output')
    .option('--format <format>', 'oci, or docker: an archive for docker load', 'oci')
    .allowExcessArguments(false);
}

/** `tsaufs image export` */
export async function imageExport(args: string[]): Promise<number> {
  const command = imageExportParser().parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { format: string }>();
  const [written, destination] = command.args;
  const format = exportFormat(flags.format, destination);
  const store = openStore(flags);
  const { paths } = store;
  return withLock(store, 'shared', waiting, async () => {
    const names = readNamesOfImages(paths);
    const { id, name } = findImage(written, names, listImages(paths));
    const own = name === undefined ? namesOf(names, id) : [name];
    const image = exportedStoreImage(paths, id, own);
    const exported = await exportImage(image, destination, { format, onWarning: warn });
    if (destination !== '-') say(`${destination}: image ${shortId(exported)}${own.length === 0 ? '' : `, ${own.join(', ')}`}`);
    return 0;
  });
}
