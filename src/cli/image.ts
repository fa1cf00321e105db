// `tsaufs image`: images in a store of our own, in the layout of Docker's.
import path from 'node:path';
import { listMounts, type ListedMount } from '../daemon/list.js';
import { mountAt } from '../daemon/mount-table.js';
import { resolveMountpoint } from '../daemon/mountpoint.js';
import { remountPath } from '../daemon/remount-path.js';
import { ImageError } from '../layers/image-error.js';
import { shortId } from '../layers/oci/digest.js';
import { exportImage } from '../layers/oci/export.js';
import { parsePlatform } from '../layers/oci/platform.js';
import { commitContainer } from '../layers/store/commit.js';
import { containerDirectories, containerOfDirectory, createContainer, listContainers, readContainer } from '../layers/store/container.js';
import { listImages, readImage } from '../layers/store/image-database.js';
import { importImages } from '../layers/store/import.js';
import { readChain } from '../layers/store/layer-database.js';
import { historyOf, listStore } from '../layers/store/listing.js';
import { withLock } from '../layers/store/lock.js';
import { removeFromStore } from '../layers/store/remove.js';
import { findById, findImage, namesOf, readNamesOfImages } from '../layers/store/repositories.js';
import { ImageStore } from '../layers/store/store.js';
import { exportedStoreImage } from '../layers/store/export.js';
import { chainIds } from '../layers/oci/digest.js';
import { exportFormat } from './image-arguments.js';
import { ImportProgress } from './import-progress.js';
import { branchDirectories, mountedOn, mountLayers } from './layer-mount.js';
import { collect, parserFor } from './parser.js';
import { UsageError } from './status.js';
import { bytesText, columns, cut, timeText } from './table.js';

const usage = `tsaufs image: images, and containers made from them

Usage:
  tsaufs image import [--name NAME[:TAG]] [--platform OS/ARCH] ARCHIVE|OCI-LAYOUT[:TAG]
  tsaufs image list [--json]
  tsaufs image history [--json] NAME
  tsaufs image mount [--read-only] [--no-init] NAME|CONTAINER MOUNTPOINT
  tsaufs image commit [-m MESSAGE] [-a AUTHOR] [-c INSTRUCTION] MOUNTPOINT|CONTAINER [NAME[:TAG]]
  tsaufs image export [--format oci|docker] NAME DESTINATION
  tsaufs image rm [--force] NAME|CONTAINER…
  tsaufs image COMMAND --help

All take --store DIRECTORY; without it images are in ${ImageStore.defaultRoot()}.
`;

type Command = (args: string[]) => Promise<number>;

const commands: Record<string, Command> = { import: importCommand, list, history, mount, commit, export: exportCommand, rm };

/** `tsaufs image …` */
export async function imageCommand(args: string[]): Promise<number> {
  const [name, ...rest] = args;
  if (args.length === 0 || name === '--help' || name === '-h') {
    process.stdout.write(usage);
    return 0;
  }
  if (!Object.hasOwn(commands, name)) throw new UsageError(`there is no command "image ${name}"; there are ${Object.keys(commands).join(', ')}`);
  return commands[name](rest);
}

interface StoreFlags {
  store: string;
}

function parser(name: string, description: string) {
  return parserFor(`image ${name}`, description)
    .option('--store <directory>', 'where images are kept', ImageStore.defaultRoot());
}

function openStore({ store }: StoreFlags): ImageStore {
  return ImageStore.open(path.resolve(store));
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function warn(line: string): void {
  process.stderr.write(`tsaufs: warning: ${line}\n`);
}

function waiting(): void {
  process.stderr.write('tsaufs: another process is changing the store; waiting for it\n');
}

async function importCommand(args: string[]): Promise<number> {
  const command = parser('import', 'Take images into the store: from an archive of docker save, or an OCI layout (a directory or an archive).')
    .usage('[--name NAME[:TAG]] [--platform OS/ARCH] ARCHIVE|OCI-LAYOUT[:TAG]')
    .argument('<source>', 'a file or directory; with :TAG only the image of that name')
    .option('-n, --name <name>', 'the name to give the image, instead of the one it has there')
    .option('--platform <platform>', 'which one to take where there are several (default: this machine\'s)')
    .option('-q, --quiet', 'print only the image\'s id')
    .option('--skip-unsupported', 'leave out devices and attributes that cannot be made here, with a warning')
    .allowExcessArguments(false)
    .parse(args, { from: 'user' });
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

function list(args: string[]): Promise<number> {
  const command = parser('list', 'List the images, and the containers made from them.')
    .option('--json', 'as JSON')
    .option('-q, --quiet', 'print only ids of images')
    .allowExcessArguments(false)
    .parse(args, { from: 'user' });
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

function history(args: string[]): Promise<number> {
  const command = parser('history', 'Show how an image came about, the last step first.')
    .usage('[--json] NAME')
    .argument('<name>', 'a name, or the beginning of an id')
    .option('--json', 'as JSON')
    .option('--no-trunc', 'do not cut long lines')
    .allowExcessArguments(false)
    .parse(args, { from: 'user' });
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

async function mount(args: string[]): Promise<number> {
  const command = parser('mount', 'Mount an image with a new container layer on top, or a container that there is.')
    .usage('[--read-only] [--no-init] NAME|CONTAINER MOUNTPOINT')
    .argument('<name>', 'an image\'s name, or the beginning of an image\'s or container\'s id')
    .argument('<mountpoint>', 'a directory')
    .option('-r, --read-only', 'only the image, and no container')
    .option('--no-init', 'without the layer of mount points (/dev/console, /etc/hosts…) that Docker puts below a container\'s')
    .option('-o, --option <options>', 'more mount options, as for tsaufs mount', collect, [])
    .option('-q, --quiet', 'do not print the container\'s id')
    .allowExcessArguments(false)
    .parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { readOnly?: true; init: boolean; option: string[]; quiet?: true }>();
  const [name, mountpoint] = command.args;
  const store = openStore(flags);
  const { paths } = store;
  await withLock(store, 'exclusive', waiting, async () => {
    const images = listImages(paths);
    const names = readNamesOfImages(paths);
    const container = names.has(name) ? undefined : findById(name, [...images, ...listContainers(paths)]);
    const options = { mountpoint, source: name, options: flags.option };
    if (container !== undefined && !container.startsWith('sha256:')) {
      await mountLayers({ ...options, directories: containerDirectories(paths, unmounted(store, container)), writable: !flags.readOnly });
      return;
    }
    const image = readImage(paths, findImage(name, names, images).id);
    if (flags.readOnly) {
      const top = chainIds(image.diffIds).at(-1);
      if (top === undefined) throw new ImageError(`image ${name} has no layers, and so nothing to mount read-only`);
      await mountLayers({ ...options, directories: readChain(paths, top).toReversed().map((layer) => layer.directory), writable: false });
      return;
    }
    const made = createContainer(paths, image, flags.init);
    try {
      await mountLayers({ ...options, directories: containerDirectories(paths, made), writable: true });
    } catch (error) {
      removeFromStore(store, made.id, { force: false, mountedOn: () => undefined });
      throw error;
    }
    if (!flags.quiet) say(shortId(made.id));
  });
  return 0;
}

function unmounted(store: ImageStore, id: string) {
  const container = readContainer(store.paths, id);
  const mountpoint = mountedOn(container.directory);
  if (mountpoint !== undefined) throw new ImageError(`container ${shortId(id)} is mounted on ${mountpoint} already`);
  return container;
}

async function commit(args: string[]): Promise<number> {
  const command = parser('commit', 'Make an image of what has changed in a container.')
    .usage('[-m MESSAGE] [-a AUTHOR] [-c INSTRUCTION] MOUNTPOINT|CONTAINER [NAME[:TAG]]')
    .argument('<container>', 'where it is mounted, or the beginning of its id')
    .argument('[name]', 'what to call the image')
    .option('-m, --message <text>', 'is shown by image history')
    .option('-a, --author <name>', 'such as "Jane Doe <jane@example.org>"')
    .option('-c, --change <instruction>', 'how the image is run, in a Dockerfile\'s words: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR', collect, [])
    .allowExcessArguments(false)
    .parse(args, { from: 'user' });
  const flags = command.opts<StoreFlags & { message?: string; author?: string; change: string[] }>();
  const [written, name] = command.args as [string, string | undefined];
  const mounted = mountOf(written);
  const store = mounted === undefined ? openStore(flags) : storeOfMount(mounted, written);
  const id = await withLock(store, 'exclusive', waiting, async () => {
    const container = readContainer(store.paths, mounted === undefined ? containerById(store, written) : containerOfMount(store, mounted, written));
    const mountpoint = mountedOn(container.directory);
    // Names that only the pseudo-links know of become real links.
    if (mountpoint !== undefined) await remountPath(mountpoint, ['clean_plink']);
    return commitContainer(store, container, {
      name, changes: flags.change, onWarning: warn,
      ...(flags.message === undefined ? {} : { message: flags.message }),
      ...(flags.author === undefined ? {} : { author: flags.author }),
    });
  });
  say(`${name ?? '<none>'}  ${shortId(id)}`);
  return 0;
}

function mountOf(written: string): ListedMount | undefined {
  let mountpoint: string;
  try {
    mountpoint = resolveMountpoint(written);
  } catch {
    return undefined;
  }
  if (mountAt(mountpoint) === undefined) return undefined;
  return listMounts().findLast((mount) => mount.mountpoint === mountpoint);
}

/** The store is told by where the mount's branches lie. */
function storeOfMount(mount: ListedMount, written: string): ImageStore {
  const [top] = branchDirectories(mount);
  const found = /^(.*)\/aufs\/diff\/[0-9a-f]{64}$/.exec(top);
  if (found === null) throw new ImageError(`${written} is not a container: its top branch, ${top}, is not in a store; mount one with tsaufs image mount`);
  return ImageStore.open(found[1]);
}

function containerOfMount(store: ImageStore, mount: ListedMount, written: string): string {
  const id = containerOfDirectory(store.paths, branchDirectories(mount)[0]);
  if (id === undefined) throw new ImageError(`${written} is not a container of ${store.root}; an image that is mounted read-only has no changes`);
  return id;
}

function containerById(store: ImageStore, written: string): string {
  const id = findById(written, listContainers(store.paths));
  if (id === undefined) throw new ImageError(`${written} is neither where a container is mounted nor a container's id; see tsaufs image list`);
  return id;
}

async function exportCommand(args: string[]): Promise<number> {
  const command = parser('export', 'Write an image for others: as an OCI layout, or as an archive for docker load.')
    .usage('[--format oci|docker] NAME DESTINATION')
    .argument('<name>', 'a name, or the beginning of an id')
    .argument('<destination>', 'a directory (OCI layout; added to one that is there), a file ending in .tar, or - for standard output')
    .option('--format <format>', 'oci, or docker: an archive for docker load', 'oci')
    .allowExcessArguments(false)
    .parse(args, { from: 'user' });
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

async function rm(args: string[]): Promise<number> {
  const command = parser('rm', 'Remove names, images with the layers that nothing else has, and containers.')
    .usage('[--force] NAME|CONTAINER…')
    .argument('<names...>', 'names, or the beginnings of ids')
    .option('-f, --force', 'also an image with several names, and the containers made from it')
    .parse(args, { from: 'user' });
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

