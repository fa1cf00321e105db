import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { ImageError } from '../image-error.js';
import { shortId } from '../oci/digest.js';
import { formatReference, parseReference } from '../oci/reference.js';
import { readNames } from '../store/files.js';
import { StorePaths } from '../store/paths.js';
import { findById } from '../store/repositories.js';
import { readContainers } from './containers.js';
import { readContentImages } from './content-store.js';
import { readGraphImages } from './graph.js';
import type { DockerContainer, DockerImage, DockerStore } from './model.js';

/**
 * Reads Docker's directory, /var/lib/docker on most machines; nothing in it is changed.
 * @param driver of which storage driver; AUFS's unless there is only tsaufs's
 * @throws ImageError where there is no such store; what is wrong inside of one is told by its `problems`
 */
export function readDockerStore(root: string, driver?: string): DockerStore {
  const paths = new StorePaths(root, driver ?? driverOf(root));
  const generation = generationOf(paths);
  const problems: string[] = [];
  // The same damage is met on several ways.
  const problem = (line: string): void => {
    if (!problems.includes(line)) problems.push(line);
  };
  const images = generation === 'content' ? readContentImages(paths, problem) : readGraphImages(paths, problem);
  const containers = readContainers(paths, generation, images, problem);
  return { root, driver: paths.driver, generation, images, containers, problems };
}

function driverOf(root: string): string {
  const found = statSync(root, { throwIfNoEntry: false });
  if (found === undefined) throw new ImageError(`${root} does not exist; write --root DIRECTORY for where Docker keeps its data`);
  if (!found.isDirectory()) throw new ImageError(`${root} is not a directory`);
  const driver = ['aufs', 'tsaufs'].find((name) => existsSync(path.join(root, name, 'diff')));
  if (driver !== undefined) return driver;
  const others = readNames(path.join(root, 'image'));
  throw new ImageError(others.length === 0
    ? `${root} is not Docker's directory, or has no layers of AUFS: there is no ${path.join(root, 'aufs', 'diff')}`
    : `${root} has no layers of AUFS: its images are of the storage driver ${others.join(', ')}`);
}

/** Docker 1.10 takes over what is in graph/ when it is first started, and leaves it there. */
function generationOf(paths: StorePaths): DockerStore['generation'] {
  if (!existsSync(path.join(paths.root, paths.driver, 'diff'))) {
    throw new ImageError(`${paths.root} has no layers of the storage driver "${paths.driver}"`);
  }
  const hasGraph = existsSync(path.join(paths.root, 'graph'));
  if (existsSync(paths.images) && (!hasGraph || readNames(paths.config()).length > 0)) return 'content';
  if (hasGraph) return 'graph';
  throw new ImageError(`${paths.root} has layers, but neither ${paths.images} nor ${path.join(paths.root, 'graph')} to tell of what images`);
}

export type Found = { kind: 'image'; image: DockerImage } | { kind: 'container'; container: DockerContainer };

/**
 * The image or container of a name or id.
 * @param kind where only one kind is meant
 * @throws ImageError where there is none, or several
 */
export function findInStore(store: DockerStore, written: string, kind?: Found['kind']): Found {
  const image = kind === 'container' ? undefined : imageByName(store, written);
  const container = kind === 'image' ? undefined : store.containers.find(({ name }) => name === written);
  if (image && container) {
    throw new ImageError(`"${written}" is the name of an image and of a container; write --type image or --type container`);
  }
  if (image) return { kind: 'image', image };
  if (container) return { kind: 'container', container };
  return findByDigits(store, written, kind);
}

function imageByName(store: DockerStore, written: string): DockerImage | undefined {
  let name: string;
  try {
    name = formatReference(parseReference(written));
  } catch {
    return undefined;
  }
  return store.images.find(({ names }) => names.some((own) => own === name || own === written || own === `${written}:latest`));
}

function findByDigits(store: DockerStore, written: string, kind: Found['kind'] | undefined): Found {
  const imageIds = kind === 'container' ? [] : store.images.map(({ id }) => id);
  const containerIds = kind === 'image' ? [] : store.containers.map(({ id }) => id);
  const id = findById(written, [...imageIds, ...containerIds]);
  const image = store.images.find((one) => one.id === id);
  if (image && kind !== 'container') return { kind: 'image', image };
  const container = store.containers.find((one) => one.id === id);
  if (container) return { kind: 'container', container };
  throw new ImageError(`there is no ${kind ?? 'image or container'} "${written}" in ${store.root}`);
}

/** @throws ImageError where it is damaged */
export function wholeImage(image: DockerImage): DockerImage {
  if (image.damage !== undefined) throw new ImageError(`image ${image.names[0] ?? shortId(image.id)} cannot be used: ${image.damage}`);
  return image;
}

/** @throws ImageError where it is damaged */
export function wholeContainer(container: DockerContainer): DockerContainer {
  if (container.damage !== undefined) {
    throw new ImageError(`container ${container.name ?? shortId(container.id)} cannot be used: ${container.damage}`);
  }
  return container;
}

/** Ids are with or without `sha256:`. */
export function sameImage(one: string, other: string): boolean {
  return one.replace(/^sha256:/, '') === other.replace(/^sha256:/, '');
}
