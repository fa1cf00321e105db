import { containerLayers, sizeOf, type DockerContainer, type DockerImage, type DockerLayer, type DockerStore } from '../layers/docker/model.js';
import { sameImage, type Found } from '../layers/docker/store.js';
import { shortId } from '../layers/oci/digest.js';
import { bytesText, columns, timeText } from './table.js';

/** What `--json` prints: the whole store, or one image or container. */
export function inspected(store: DockerStore, found: Found | undefined, all: boolean): unknown {
  if (found?.kind === 'image') return imageAsJson(found.image);
  if (found?.kind === 'container') return containerAsJson(found.container);
  return {
    root: store.root,
    driver: store.driver,
    generation: store.generation,
    images: shownImages(store, all).map(imageAsJson),
    containers: store.containers.map(containerAsJson),
    problems: store.problems,
  };
}

function imageAsJson({ id, names, created, layers, damage }: DockerImage): unknown {
  return { id, names, created: created ?? null, size: sizeOf(layers) ?? null, layers: layers.map(layerAsJson), ...(damage === undefined ? {} : { damage }) };
}

function containerAsJson(container: DockerContainer): unknown {
  const { id, name, image, created, running, damage } = container;
  return {
    id, name: name ?? null, image: image ?? null, created: created ?? null, running,
    layers: containerLayers(container).toReversed().map(layerAsJson),
    ...(damage === undefined ? {} : { damage }),
  };
}

/** From the lowest up, as in an image's configuration. */
function layerAsJson({ id, diffId, cacheId, directory, size }: DockerLayer): unknown {
  return { id, ...(diffId === undefined ? {} : { diffId }), cacheId, directory, size: size ?? null };
}

function shownImages({ images }: DockerStore, all: boolean): DockerImage[] {
  return all ? images : images.filter(({ intermediate }) => !intermediate);
}

export function inspectText(store: DockerStore, found: Found | undefined, all: boolean): string {
  if (found?.kind === 'image') return imageText(found.image);
  if (found?.kind === 'container') return containerText(store, found.container);
  const written = store.generation === 'graph' ? 'Docker up to 1.9 (graph/)' : `Docker 1.10 or later (image/${store.driver}/)`;
  const images = shownImages(store, all);
  return `${store.root}: written by ${written}\n\n` +
    (images.length === 0 ? 'no images\n' : imageTable(images)) +
    (store.containers.length === 0 ? '' : `\n${containerTable(store)}`);
}

function imageTable(images: readonly DockerImage[]): string {
  const rows = images.flatMap((image) => (image.names.length === 0 ? ['<none>'] : image.names).map((name) => [
    name, shortId(image.id), timeText(image.created),
    ...(image.damage === undefined ? [String(image.layers.length), bytesText(sizeOf(image.layers))] : ['-', 'damaged']),
  ]));
  return columns([['IMAGE', 'ID', 'CREATED', 'LAYERS', 'SIZE'], ...rows]);
}

function containerTable(store: DockerStore): string {
  const rows = store.containers.map((container) => [
    container.name ?? '-', shortId(container.id), imageName(store, container), timeText(container.created),
    container.damage === undefined ? container.running ? 'running' : 'stopped' : 'damaged',
  ]);
  return columns([['CONTAINER', 'ID', 'IMAGE', 'CREATED', 'STATUS'], ...rows]);
}

function imageName(store: DockerStore, { image }: DockerContainer): string {
  if (image === undefined) return '-';
  return store.images.find(({ id }) => sameImage(id, image))?.names[0] ?? shortId(image);
}

function imageText(image: DockerImage): string {
  return columns([
    ['image', image.id],
    ['names', image.names.join(', ') || '-'],
    ['created', timeText(image.created)],
    ['size', bytesText(sizeOf(image.layers))],
    ...(image.damage === undefined ? [] : [['damage', image.damage]]),
  ]) + layerTable(image.layers.toReversed());
}

function containerText(store: DockerStore, container: DockerContainer): string {
  return columns([
    ['container', container.id],
    ['name', container.name ?? '-'],
    ['image', imageName(store, container)],
    ['created', timeText(container.created)],
    ['status', container.running ? 'running' : 'stopped'],
    ...(container.damage === undefined ? [] : [['damage', container.damage]]),
  ]) + layerTable(containerLayers(container));
}

/** From the top down, as a mount has them. */
function layerTable(layers: readonly DockerLayer[]): string {
  return layers.length === 0 ? '' : `\n${columns([['LAYER', 'SIZE', 'DIRECTORY'],
    ...layers.map((layer) => [shortId(layer.diffId ?? layer.id), bytesText(layer.size), layer.directory])])}`;
}
