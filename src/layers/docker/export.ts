import { readdirSync } from 'node:fs';
import { ImageError } from '../image-error.js';
import { isDigest, shortId, type Digest } from '../oci/digest.js';
import { Document, isObject, type JsonObject } from '../oci/document.js';
import type { ExportedImage, ExportLayer } from '../oci/export.js';
import { changedConfig } from '../oci/image-config.js';
import type { Configuration, DockerContainer, DockerImage, DockerLayer, DockerStore } from './model.js';
import { sameImage, wholeContainer, wholeImage } from './store.js';

/** An image as it lies in Docker's store. @throws ImageError where it is damaged */
export function exportedImage(image: DockerImage): ExportedImage {
  const { layers, configuration, names } = wholeImage(image);
  return assemble(layers, configuration!, undefined, names);
}

/**
 * A container as an image: its own layer on those of its image, as docker commit makes it.
 * @throws ImageError where it is damaged, or its image's configuration is lost
 */
export function exportedContainer(store: DockerStore, container: DockerContainer): ExportedImage {
  const { own, layers, image } = wholeContainer(container);
  const found = store.images.find(({ id }) => image !== undefined && sameImage(id, image));
  if (found?.configuration === undefined) {
    throw new ImageError(`container ${container.name ?? shortId(container.id)} cannot be exported: the configuration of its image is lost; mount it to get at its files`);
  }
  return assemble(layers, found.configuration, own, []);
}

function assemble(layers: readonly DockerLayer[], configuration: Configuration, own: DockerLayer | undefined, names: readonly string[]): ExportedImage {
  // Up to 1.9 every step was a layer, also those that changed no file.
  const empty = layers.map((layer) => configuration.kind === 'steps' && readdirSync(layer.directory).length === 0);
  const kept = layers.filter((_, index) => !empty[index]);
  const exported = [...kept, ...(own === undefined ? [] : [own])].map(({ directory, tarSplit, diffId }): ExportLayer => ({ directory, tarSplit, diffId }));
  return {
    layers: exported,
    names: names.filter(isReference),
    config: (diffIds) => configuration.kind === 'whole'
      ? wholeConfig(configuration.bytes, own !== undefined, kept, diffIds)
      : configOfSteps(configuration.steps, empty, own !== undefined, diffIds),
  };
}

/** A name of an image by its digest is that of what a registry had, which an export is not. */
function isReference(name: string): boolean {
  return !name.includes('@');
}

/** The bytes as they are, so that the image keeps its id, unless layers are not what they were. */
function wholeConfig(bytes: Buffer, committed: boolean, layers: readonly DockerLayer[], diffIds: readonly Digest[]): Buffer {
  if (!committed && layers.every(({ diffId }, index) => diffId === diffIds[index])) return bytes;
  const config = Document.parse(bytes, 'the configuration');
  const history = config.objects('history').map((entry) => entry.value as JsonObject);
  return changedConfig(config.value, { diffIds, history: committed ? [...history, commitStep()] : history });
}

function commitStep(): JsonObject {
  return { created: new Date().toISOString(), created_by: 'tsaufs docker export' };
}

/** What Docker 1.10 made of them: the last step's description, with all steps as its history (image/v1/imagev1.go). */
function configOfSteps(steps: readonly Readonly<JsonObject>[], empty: readonly boolean[], committed: boolean, diffIds: readonly Digest[]): Buffer {
  const { id: _id, parent: _parent, Size: _size, parent_id: _parentId, layer_id: _layerId, throwaway: _throwaway, ...rest } = steps.at(-1) ?? {};
  const history = steps.map((step, index): JsonObject => ({
    created: step['created'] ?? '1970-01-01T00:00:00Z',
    ...(typeof step['author'] === 'string' && step['author'] !== '' ? { author: step['author'] } : {}),
    created_by: commandOf(step),
    ...(typeof step['comment'] === 'string' && step['comment'] !== '' ? { comment: step['comment'] } : {}),
    ...(empty[index] ? { empty_layer: true } : {}),
  }));
  const named = { architecture: 'amd64', os: 'linux', ...withoutEmpty(rest) };
  return changedConfig(named, { diffIds, history: committed ? [...history, commitStep()] : history });
}

/** The first Dockers left out for what an image was, and wrote empty words. */
function withoutEmpty(config: Readonly<JsonObject>): JsonObject {
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== '' && value !== null));
}

function commandOf(step: Readonly<JsonObject>): string {
  const config = step['container_config'];
  const command = isObject(config) ? config['Cmd'] : undefined;
  return Array.isArray(command) ? command.filter((word) => typeof word === 'string').join(' ') : '';
}

/** Of a layer's id, for people. */
export function layerName({ id, diffId }: DockerLayer): string {
  return isDigest(id) ? shortId(diffId ?? id) : shortId(id);
}
