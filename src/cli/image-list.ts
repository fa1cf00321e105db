import { shortId } from '../layers/oci/digest.js';
import { listStore } from '../layers/store/listing.js';
import { mountedOn } from './layer-mount.js';
import { bytesText, columns, timeText } from './table.js';
import { imageParser, openStore, say, warn, type StoreFlags } from './image-store.js';

export function imageListParser() {
  return imageParser('list')
    .option('--json', 'as JSON')
    .option('-q, --quiet', 'print only ids of images')
    .allowExcessArguments(false);
}

/** `tsaufs image list` */
export function imageList(args: string[]): Promise<number> {
  const command = imageListParser().parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { json?: true; quiet?: true }>();
  const { images, containers, problems } = listStore(openStore(flags).paths);
  for (const problem of problems) warn(problem);
  const shown = containers.map((container) => ({ ...container, mountpoint: mountedOn(container.directory) ?? null }));
  if (flags.json) {
    say(JSON.stringify({ images, containers: shown }, null, 2));
    return Promise.resolve(0);
  }
  if (flags.quiet) {
    for (const { id } of images) say(id);
    return Promise.resolve(0);
  }
  const rows = images.flatMap(({ id, names, created, size }) => (names.length === 0 ? ['<none>'] : names)
    .map((name) => [name, shortId(id), timeText(created), bytesText(size)]));
  process.stdout.write(rows.length === 0 ? 'no images\n' : columns([['IMAGE', 'ID', 'CREATED', 'SIZE'], ...rows]));
  if (shown.length > 0) {
    const nameOf = (image: string | undefined): string => images.find(({ id }) => id === image)?.names[0] ?? (image === undefined ? '-' : shortId(image));
    process.stdout.write(`\n${columns([['CONTAINER', 'IMAGE', 'CREATED', 'MOUNTED ON'],
      ...shown.map(({ id, image, created, mountpoint }) => [shortId(id), nameOf(image), timeText(created), mountpoint ?? '-'])])}`);
  }
  return Promise.resolve(0);
}
