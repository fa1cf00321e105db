import { existsSync } from 'node:fs';
import path from 'node:path';
import { ImageError } from '../image-error.js';
import { shortId } from '../oci/digest.js';
import { Document } from '../oci/document.js';
import { idPattern, readBytes, readNames } from '../store/files.js';
import { existingDiff, listMountIds, readChain, readMount, readParents } from '../store/layer-database.js';
import type { StorePaths } from '../store/paths.js';
import { dockerLayer } from './content-store.js';
import type { DockerContainer, DockerImage, DockerLayer } from './model.js';

/**
 * The containers of either generation.
 * @param problem takes a line for each thing that is wrong
 */
export function readContainers(
  paths: StorePaths, generation: 'graph' | 'content', images: readonly DockerImage[], problem: (line: string) => void,
): DockerContainer[] {
  const recorded = readNames(paths.containers());
  for (const name of recorded) {
    if (!idPattern.test(name)) problem(`${path.join(paths.containers(), name)}: the name is not that of a container`);
  }
  const mounted = generation === 'content' ? listMountIds(paths) : [];
  const ids = [...new Set([...recorded, ...mounted])].filter((id) => idPattern.test(id)).sort();
  return ids.flatMap((id) => {
    const told = readConfig(paths, id, problem);
    // Another storage driver's: its files are not here.
    if (told.driver !== undefined && told.driver !== paths.driver) return [];
    return [{ ...told.container, ...layersOf(paths, generation, images, told.container, problem) }];
  });
}

type Told = Pick<DockerContainer, 'id' | 'name' | 'image' | 'created' | 'running'>;

function readConfig(paths: StorePaths, id: string, problem: (line: string) => void): { driver: string | undefined; container: Told } {
  const nothing = { driver: undefined, container: { id, name: undefined, image: undefined, created: undefined, running: false } };
  try {
    const file = ['config.v2.json', 'config.json'].map((name) => path.join(paths.container(id), name)).find((name) => existsSync(name));
    const bytes = file === undefined ? undefined : readBytes(file);
    if (bytes === undefined) throw new ImageError(`${paths.container(id)} has no config.v2.json and no config.json`);
    const config = Document.parse(bytes, file!);
    const container = {
      id,
      name: config.optionalString('Name')?.replace(/^\//, ''),
      image: config.optionalString('Image'),
      created: config.optionalString('Created'),
      running: config.optionalObject('State')?.boolean('Running') ?? false,
    };
    return { driver: config.optionalString('Driver'), container };
  } catch (error) {
    problem(`container ${shortId(id)}: ${(error as Error).message}`);
    return nothing;
  }
}

type Layers = Pick<DockerContainer, 'own' | 'init' | 'layers' | 'damage'>;

function layersOf(
  paths: StorePaths, generation: 'graph' | 'content', images: readonly DockerImage[], told: Told, problem: (line: string) => void,
): Layers {
  const what = `container ${told.name ?? shortId(told.id)}`;
  try {
    const ids = generation === 'content' ? readMount(paths, told.id) : { mountId: told.id, initId: `${told.id}-init` };
    const own = writtenLayer(paths, ids.mountId, what);
    const init = ids.initId === undefined || (generation === 'graph' && !existsSync(paths.diff(ids.initId)))
      ? undefined : writtenLayer(paths, ids.initId, what);
    return { own, init, layers: imageLayers(paths, generation, images, told, ids.mountId, problem), damage: undefined };
  } catch (error) {
    const damage = (error as Error).message;
    problem(damage.startsWith('container') ? damage : `${what}: ${damage}`);
    return { own: undefined, init: undefined, layers: [], damage };
  }
}

function writtenLayer(paths: StorePaths, cacheId: string, what: string): DockerLayer {
  const directory = existingDiff(paths, cacheId, what);
  return { id: cacheId, diffId: undefined, cacheId, directory, size: undefined, tarSplit: undefined };
}

/** The layers of its image; where their records are damaged, those that the driver lists below the container's. */
function imageLayers(
  paths: StorePaths, generation: 'graph' | 'content', images: readonly DockerImage[], told: Told, mountId: string,
  problem: (line: string) => void,
): DockerLayer[] {
  try {
    if (generation === 'content') {
      const { parent } = readMount(paths, told.id);
      return parent === undefined ? [] : readChain(paths, parent).map(dockerLayer);
    }
    const image = images.find(({ id }) => id === told.image);
    if (image === undefined) throw new ImageError(`its image ${told.image === undefined ? '' : `${shortId(told.image)} `}is missing`);
    if (image.damage !== undefined) throw new ImageError(image.damage);
    return image.layers;
  } catch (error) {
    const listed = readParents(paths, mountId);
    if (listed === undefined) throw error;
    const layers = listed.filter((id) => !id.endsWith('-init')).map((id) => {
      if (!idPattern.test(id)) throw new ImageError(`${paths.parents(mountId)}: "${id}" is not an id`);
      return writtenLayer(paths, id, `layer ${shortId(id)}`);
    });
    problem(`container ${told.name ?? shortId(told.id)}: ${(error as Error).message}; its layers are taken from ${paths.parents(mountId)}`);
    return layers.toReversed();
  }
}

