import path from 'node:path';
import { algorithmOf, hexOf, type Digest } from '../oci/digest.js';

/** Where things lie in a store of Docker's layout, by the name of its storage driver: `aufs` for Docker's own. */
export class StorePaths {
  constructor(readonly root: string, readonly driver = 'aufs') {}

  /** The files of a layer: what a union takes as its branch. */
  diff(cacheId: string): string {
    return path.join(this.root, this.driver, 'diff', cacheId);
  }

  /** The file that lists the layers below, from the top down. */
  parents(cacheId: string): string {
    return path.join(this.root, this.driver, 'layers', cacheId);
  }

  /** Where Docker mounts it; empty otherwise. */
  mountpoint(cacheId: string): string {
    return path.join(this.root, this.driver, 'mnt', cacheId);
  }

  get images(): string {
    return path.join(this.root, 'image', this.driver);
  }

  get repositories(): string {
    return path.join(this.images, 'repositories.json');
  }

  /** The directory of all image configurations, or the file of one. */
  config(id?: Digest): string {
    return path.join(this.images, 'imagedb', 'content', ...named(id));
  }

  metadata(id?: Digest): string {
    return path.join(this.images, 'imagedb', 'metadata', ...named(id));
  }

  /** The directory of all layers, or of the one with this chain id. */
  layer(chainId?: Digest): string {
    return path.join(this.images, 'layerdb', ...named(chainId));
  }

  /** Records in the making: they count only once they have been renamed into their place. */
  get unfinishedLayers(): string {
    return path.join(this.images, 'layerdb', 'tmp');
  }

  /** The directory of all containers' layers, or of one. */
  mount(containerId = ''): string {
    return path.join(this.images, 'layerdb', 'mounts', containerId);
  }

  /** The file that holds the diff id of a (compressed) blob. */
  diffIdOfBlob(digest: Digest): string {
    return path.join(this.images, 'distribution', 'diffid-by-digest', ...named(digest));
  }

  /** The file that lists the blobs known for a layer. */
  blobsOfDiffId(diffId: Digest): string {
    return path.join(this.images, 'distribution', 'v2metadata-by-diffid', ...named(diffId));
  }

  containers(): string {
    return path.join(this.root, 'containers');
  }

  container(id: string): string {
    return path.join(this.containers(), id);
  }
}

function named(id: Digest | undefined): string[] {
  return id === undefined ? ['sha256'] : [algorithmOf(id), hexOf(id)];
}
