// `tsaufs docker`: what Docker's AUFS storage driver has left behind.
import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { exportedContainer, exportedImage } from '../layers/docker/export.js';
import { inspectText, inspected } from './docker-inspect.js';
import { containerLayers, type DockerStore } from '../layers/docker/model.js';
import { findInStore, readDockerStore, wholeContainer, wholeImage, type Found } from '../layers/docker/store.js';
import { exportImage } from '../layers/oci/export.js';
import { shortId } from '../layers/oci/digest.js';
import { ImageError } from '../layers/image-error.js';
import { nameToGive } from '../layers/oci/reference.js';
import { exportFormat } from './image-arguments.js';
import { mountLayers, scratchDirectory } from './layer-mount.js';
import { collect, parserFor } from './parser.js';
import { UsageError } from './status.js';

interface StoreFlags {
  root: string;
  driver?: string;
  type?: string;
}

function parser(name: string) {
  return parserFor(`docker ${name}`)
    .option('--root <directory>', 'Docker\'s data directory', '/var/lib/docker')
    .option('--driver <name>', 'of which storage driver, where there are several of AUFS\'s form (default: aufs, or tsaufs)')
    .option('--type <kind>', 'image or container, where a name is that of both')
    .allowExcessArguments(false);
}

/** Reads the store, and tells what is wrong with it. */
function readStore({ root, driver }: StoreFlags, quiet = false): DockerStore {
  const store = readDockerStore(path.resolve(root), driver);
  if (!quiet) for (const problem of store.problems) process.stderr.write(`tsaufs: warning: ${problem}\n`);
  return store;
}

function kindOf({ type }: StoreFlags): Found['kind'] | undefined {
  if (type === undefined || type === 'image' || type === 'container') return type;
  throw new UsageError(`--type ${type}: there are image and container`);
}

export function dockerInspectParser() {
  return parser('inspect')
    .argument('[name]', 'a name, or the beginning of an id')
    .option('-a, --all', 'also images that only others are made from')
    .option('--json', 'as JSON, with all that is known');
}

/** `tsaufs docker inspect`. */
export function dockerInspectCommand(args: string[]): Promise<number> {
  const command = dockerInspectParser().parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { all?: true; json?: true }>();
  const store = readStore(flags);
  const found = command.args.length === 0 ? undefined : findInStore(store, command.args[0], kindOf(flags));
  const all = flags.all ?? false;
  process.stdout.write(flags.json ? `${JSON.stringify(inspected(store, found, all), null, 2)}\n` : inspectText(store, found, all));
  return Promise.resolve(0);
}

export function dockerMountParser() {
  return parser('mount')
    .argument('<name>', 'a name, or the beginning of an id')
    .argument('<mountpoint>', 'a directory')
    .option('--scratch <directory>', 'where changes go: a new directory, or one of an earlier mount')
    .option('-o, --option <options>', 'more mount options, as for tsaufs mount', collect, []);
}

/** `tsaufs docker mount`. */
export async function dockerMountCommand(args: string[]): Promise<number> {
  const command = dockerMountParser().parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { scratch?: string; option: string[] }>();
  const [name, mountpoint] = command.args;
  const store = readStore(flags, true);
  const directories = directoriesOf(findInStore(store, name, kindOf(flags)));
  if (directories.length === 0) throw new ImageError(`"${name}" has no layers, and so nothing to mount`);
  const scratch = flags.scratch === undefined ? [] : [scratchDirectory(flags.scratch, store.root, directories[0])];
  await mountLayers({
    directories: [...scratch, ...directories], writable: scratch.length > 0, mountpoint, source: name, options: flags.option,
  });
  return 0;
}

/** From the top down. */
function directoriesOf(found: Found): string[] {
  const layers = found.kind === 'image' ? wholeImage(found.image).layers.toReversed() : containerLayers(wholeContainer(found.container));
  return layers.map(({ directory }) => directory);
}

export function dockerExportParser() {
  return parser('export')
    .argument('<name>', 'a name, or the beginning of an id')
    .argument('<destination>', 'a directory (OCI layout), a file ending in .tar, or - for standard output')
    .option('--format <format>', 'oci, or docker: an archive for docker load', 'oci')
    .option('--name <name>', 'the name to give the image, instead of its own', collect, []);
}

/** `tsaufs docker export`. */
export async function dockerExportCommand(args: string[]): Promise<number> {
  const command = dockerExportParser().parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { format: string; name: string[] }>();
  const [name, destination] = command.args;
  const format = exportFormat(flags.format, destination);
  const store = readStore(flags, true);
  refuseInside(destination, store.root);
  const found = findInStore(store, name, kindOf(flags));
  const image = found.kind === 'image' ? exportedImage(found.image) : exportedContainer(store, found.container);
  // By its name only that goes with it, by its id all do.
  const meant = image.names.filter((own) => own === name || own === `${name}:latest`);
  const named = { ...image, names: flags.name.length > 0 ? flags.name.map(nameToGive) : meant.length > 0 ? meant : image.names };
  const id = await exportImage(named, destination, { format, onWarning: (line) => process.stderr.write(`tsaufs: warning: ${line}\n`) });
  if (destination !== '-') process.stdout.write(`${destination}: image ${shortId(id)}${named.names.length === 0 ? '' : `, ${named.names.join(', ')}`}\n`);
  return 0;
}

function refuseInside(destination: string, root: string): void {
  const place = path.resolve(destination);
  const inside = destination !== '-' && `${place}/`.startsWith(`${root}/`);
  if (inside || (existsSync(place) && existsSync(root) && statSync(place).ino === statSync(root).ino && statSync(place).dev === statSync(root).dev)) {
    throw new UsageError(`${destination} lies in ${root}, where nothing is to be changed; name another place`);
  }
}
