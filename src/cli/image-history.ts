import { shortId } from '../layers/oci/digest.js';
import { listImages } from '../layers/store/image-database.js';
import { historyOf } from '../layers/store/listing.js';
import { findImage, readNamesOfImages } from '../layers/store/repositories.js';
import { bytesText, columns, cut, timeText } from './table.js';
import { imageParser, openStore, type StoreFlags } from './image-store.js';

export function imageHistoryParser() {
  return imageParser('history')
    .argument('<name>', 'a name, or the beginning of an id')
    .option('--json', 'as JSON')
    .option('--no-trunc', 'do not cut long lines')
    .allowExcessArguments(false);
}

/** `tsaufs image history` */
export function imageHistory(args: string[]): Promise<number> {
  const command = imageHistoryParser().parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { json?: true; trunc: boolean }>();
  const { paths } = openStore(flags);
  const { id } = findImage(command.args[0], readNamesOfImages(paths), listImages(paths));
  const lines = historyOf(paths, id);
  const text = flags.json ? `${JSON.stringify(lines, null, 2)}\n` : columns([['LAYER', 'CREATED', 'SIZE', 'CREATED BY', 'COMMENT'],
    ...lines.map((line) => [
      line.diffId === undefined ? '-' : shortId(line.diffId), timeText(line.created), bytesText(line.size),
      cut(line.createdBy ?? '-', flags.trunc ? 60 : Infinity), line.comment ?? '',
    ])]);
  process.stdout.write(text);
  return Promise.resolve(0);
}
