import { ImageError } from '../image-error.js';
import type { Archive } from './archive.js';
import { readDockerArchive } from './docker-archive.js';
import type { ImageSource, Selection } from './image-source.js';
import { readOciLayout } from './oci-layout.js';

/**
 * The images in an archive of docker save, or in an OCI layout.
 * @throws ImageError where it is neither, or has no such image
 */
export function readImages(archive: Archive, selection: Selection): ImageSource[] {
  // Docker 25 and later write both, with the digests in the layout and all names in manifest.json.
  if (archive.has('index.json') && archive.has('oci-layout')) return readOciLayout(archive, selection);
  if (archive.has('manifest.json')) return readDockerArchive(archive, selection);
  if (archive.has('repositories')) {
    throw new ImageError(`${archive.where} was written by Docker before 1.10, in a form that is not supported; load and save it with a Docker of 1.10 to 27`);
  }
  throw new ImageError(`${archive.where} is neither an archive of docker save nor an OCI layout: it has no manifest.json and no index.json`);
}
