import { listMounts, type ListedMount } from '../daemon/list.js';
import { mountAt } from '../daemon/mount-table.js';
import { resolveMountpoint } from '../daemon/mountpoint.js';
import { remountPath } from '../daemon/remount-path.js';
import { ImageError } from '../layers/image-error.js';
import { shortId } from '../layers/oci/digest.js';
import { commitContainer } from '../layers/store/commit.js';
import { containerOfDirectory, listContainers, readContainer } from '../layers/store/container.js';
import { withLock } from '../layers/store/lock.js';
import { findById } from '../layers/store/repositories.js';
import { ImageStore } from '../layers/store/store.js';
import { branchDirectories, mountedOn } from './layer-mount.js';
import { collect } from './parser.js';
import { imageParser, openStore, say, waiting, warn, type StoreFlags } from './image-store.js';

export function imageCommitParser() {
  return imageParser('commit')
    .argument('<container>', 'where it is mounted, or the beginning of its id')
    .argument('[name]', 'what to call the image')
    .option('-m, --message <text>', 'is shown by image history')
    .option('-a, --author <name>', 'such as "Jane Doe <jane@example.org>"')
    .option('-c, --change <instruction>', 'how the image is run, in a Dockerfile\'s words: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME, WORKDIR', collect, [])
    .allowExcessArguments(false);
}

/** `tsaufs image commit` */
export async function imageCommit(args: string[]): Promise<number> {
  const command = imageCommitParser().parse(args, { from: 'user' });
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
