import { ImageError } from '../layers/image-error.js';
import { shortId } from '../layers/oci/digest.js';
import { containerDirectories, createContainer, listContainers, readContainer } from '../layers/store/container.js';
import { listImages, readImage } from '../layers/store/image-database.js';
import { readChain } from '../layers/store/layer-database.js';
import { withLock } from '../layers/store/lock.js';
import { removeFromStore } from '../layers/store/remove.js';
import { findById, findImage, readNamesOfImages } from '../layers/store/repositories.js';
import type { ImageStore } from '../layers/store/store.js';
import { chainIds } from '../layers/oci/digest.js';
import { mountedOn, mountLayers } from './layer-mount.js';
import { collect } from './parser.js';
import { imageParser, openStore, say, waiting, type StoreFlags } from './image-store.js';

export function imageMountParser() {
  return imageParser('mount')
    .argument('<name>', 'an image\'s name, or the beginning of an image\'s or container\'s id')
    .argument('<mountpoint>', 'a directory')
    .option('-r, --read-only', 'only the image, and no container')
    .option('--no-init', 'without the layer of mount points (/dev/console, /etc/hosts…) that Docker puts below a container\'s')
    .option('-o, --option <options>', 'more mount options, as for tsaufs mount', collect, [])
    .option('-q, --quiet', 'do not print the container\'s id')
    .allowExcessArguments(false);
}

/** `tsaufs image mount` */
export async function imageMount(args: string[]): Promise<number> {
  const command = imageMountParser().parse(args, { from: 'user' });
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
