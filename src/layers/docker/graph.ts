// The images of Docker up to 1.9: graph/ID/{json,layersize,…} and repositories-DRIVER. Each image is one layer on its parent.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { ImageError } from '../image-error.js';
import { isDigest, shortId } from '../oci/digest.js';
import { Document } from '../oci/document.js';
import { idPattern, readBytes, readNames, readText } from '../store/files.js';
import { existingDiff } from '../store/layer-database.js';
import type { StorePaths } from '../store/paths.js';
import { checkParents } from './content-store.js';
import type { DockerImage, DockerLayer } from './model.js';

interface GraphEntry {
  json: Document;
  parent: string | undefined;
  layer: DockerLayer;
}

/** @param problem takes a line for each thing that is wrong */
export function readGraphImages(paths: StorePaths, problem: (line: string) => void): DockerImage[] {
  const graph = path.join(paths.root, 'graph');
  const entries = new Map<string, GraphEntry | ImageError>();
  for (const id of readNames(graph)) {
    if (id === '_tmp' || id === ':tmp:') continue;
    if (idPattern.test(id)) entries.set(id, attempt(() => readEntry(paths, path.join(graph, id), id)));
    else problem(`${path.join(graph, id)}: the name is not that of an image`);
  }
  const names = readTags(paths, entries, problem);
  const parents = new Set([...entries.values()].map((entry) => entry instanceof ImageError ? undefined : entry.parent));
  return [...entries.keys()].map((id) => {
    const own = names.get(id) ?? [];
    return describe(paths, entries, id, own, parents.has(id) && own.length === 0, problem);
  });
}

function describe(
  paths: StorePaths, entries: ReadonlyMap<string, GraphEntry | ImageError>, id: string, names: string[], intermediate: boolean,
  problem: (line: string) => void,
): DockerImage {
  const entry = entries.get(id);
  const created = entry instanceof ImageError ? undefined : attemptString(entry, 'created');
  try {
    const chain = chainOf(entries, id);
    const layers = chain.map((step) => step.layer);
    checkParents(paths, layers, problem);
    const configuration = { kind: 'steps', steps: chain.map((step) => step.json.value) } as const;
    return { id, names, created, intermediate, layers, configuration, damage: undefined };
  } catch (error) {
    const damage = (error as Error).message;
    problem(`image ${names[0] ?? shortId(id)}: ${damage}`);
    return { id, names, created, intermediate, layers: [], configuration: undefined, damage };
  }
}

function chainOf(entries: ReadonlyMap<string, GraphEntry | ImageError>, top: string): GraphEntry[] {
  const chain: GraphEntry[] = [];
  const seen = new Set<string>();
  for (let next: string | undefined = top; next !== undefined;) {
    if (seen.has(next)) throw new ImageError(`the parents of ${shortId(top)} go round in a circle: ${shortId(next)} is below itself`);
    seen.add(next);
    const entry = entries.get(next);
    if (entry === undefined) throw new ImageError(`the parent ${shortId(next)} of ${shortId(chain[0]?.layer.id ?? top)} is missing`);
    if (entry instanceof ImageError) throw entry;
    chain.unshift(entry);
    next = entry.parent;
  }
  return chain;
}

function readEntry(paths: StorePaths, directory: string, id: string): GraphEntry {
  const file = path.join(directory, 'json');
  const bytes = readBytes(file);
  if (bytes === undefined) throw new ImageError(`${file} is missing`);
  const json = Document.parse(bytes, file);
  const own = json.optionalString('id');
  if (own !== undefined && own !== id) throw new ImageError(`${file} is that of another image, ${shortId(own)}`);
  const size = readText(path.join(directory, 'layersize'));
  const tarSplit = path.join(directory, 'tar-data.json.gz');
  return {
    json,
    parent: parentOf(directory, json, file),
    layer: {
      id,
      diffId: undefined,
      cacheId: id,
      directory: existingDiff(paths, id, `layer ${shortId(id)}`),
      size: size !== undefined && /^\d+$/.test(size) ? Number(size) : json.optionalNumber('Size'),
      tarSplit: existsSync(tarSplit) ? tarSplit : undefined,
    },
  };
}

/** Docker 1.9 names it by its digest in the json, and by its id in a file beside it. */
function parentOf(directory: string, json: Document, file: string): string | undefined {
  const beside = readText(path.join(directory, 'parent'));
  const parent = beside !== undefined && beside !== '' ? beside : json.optionalString('parent') ?? json.optionalString('parent_id')?.replace(/^sha256:/, '');
  if (parent !== undefined && !idPattern.test(parent)) throw new ImageError(`${file}: the parent "${parent}" is not an id`);
  return parent;
}

/** `repositories-aufs`: of each repository the tags, or digests, and their images. */
function readTags(paths: StorePaths, entries: ReadonlyMap<string, unknown>, problem: (line: string) => void): Map<string, string[]> {
  const names = new Map<string, string[]>();
  const file = path.join(paths.root, `repositories-${paths.driver}`);
  const bytes = readBytes(file);
  if (bytes === undefined) return names;
  const repositories = attempt(() => Document.parse(bytes, file).optionalObject('Repositories'));
  if (repositories instanceof ImageError) {
    problem(repositories.message);
    return names;
  }
  for (const repository of repositories?.keys() ?? []) {
    const tags = attempt(() => repositories!.stringMap(repository));
    if (tags instanceof ImageError) {
      problem(tags.message);
      continue;
    }
    for (const [tag, id] of tags) {
      const name = isDigest(tag) ? `${repository}@${tag}` : `${repository}:${tag}`;
      if (!idPattern.test(id)) problem(`${file}: ${name} stands for "${id}", which is not the id of an image`);
      else if (!entries.has(id)) problem(`${name} stands for image ${shortId(id)}, which is missing`);
      else names.set(id, [...names.get(id) ?? [], name]);
    }
  }
  return names;
}

function attempt<T>(read: () => T): T | ImageError {
  try {
    return read();
  } catch (error) {
    if (error instanceof ImageError) return error;
    throw error;
  }
}

function attemptString(entry: GraphEntry | undefined, key: string): string | undefined {
  const value = entry?.json.value[key];
  return typeof value === 'string' ? value : undefined;
}
