import { ImageError } from '../image-error.js';
import { isDigest, shortId, type Digest } from '../oci/digest.js';
import { Document, type JsonObject } from '../oci/document.js';
import { formatReference, parseReference } from '../oci/reference.js';
import { readBytes, writeWhole } from './files.js';
import type { StorePaths } from './paths.js';

/** The names of the images: repositories.json, `NAME:TAG` or `NAME@DIGEST` to the id of an image. */
export type Names = Map<string, Digest>;

/**
 * @param problem told of names that lead nowhere; else they are an error
 * @throws ImageError where the file cannot be read
 */
export function readNamesOfImages(paths: StorePaths, problem?: (line: string) => void): Names {
  const names: Names = new Map();
  const file = paths.repositories;
  const bytes = readBytes(file);
  if (bytes === undefined) return names;
  const repositories = Document.parse(bytes, file).optionalObject('Repositories');
  for (const repository of repositories?.keys() ?? []) {
    for (const [name, id] of repositories!.stringMap(repository)) {
      if (isDigest(id)) names.set(name, id);
      else (problem ?? fail)(`${file}: ${name} stands for "${id}", which is not the id of an image`);
    }
  }
  return names;
}

function fail(line: string): never {
  throw new ImageError(line);
}

export function writeNamesOfImages(paths: StorePaths, names: Names): void {
  const repositories: Record<string, JsonObject> = {};
  for (const name of [...names.keys()].sort()) {
    const { repository } = parseReference(name);
    (repositories[repository] ??= {})[name] = names.get(name)!;
  }
  writeWhole(paths.repositories, JSON.stringify({ Repositories: repositories }), 0o600);
}

/** The names of one image, in order. */
export function namesOf(names: Names, id: Digest): string[] {
  return [...names].filter(([, named]) => named === id).map(([name]) => name).sort();
}

/**
 * The one that is meant: by a whole name, or by the first digits of its id, with or without `sha256:`.
 * @param ids what there is to choose from
 * @throws ImageError where there is none, or several
 */
export function findImage(written: string, names: Names, ids: readonly Digest[]): { id: Digest; name: string | undefined } {
  const byName = lookUp(written, names);
  if (byName !== undefined) return byName;
  const id = findById(written, ids);
  if (id !== undefined) return { id, name: undefined };
  // A name in the wrong form says so; any other is just not there.
  parseReference(written);
  throw new ImageError(`there is no image "${written}"`);
}

function lookUp(written: string, names: Names): { id: Digest; name: string } | undefined {
  let name: string;
  try {
    name = formatReference(parseReference(written));
  } catch {
    return undefined;
  }
  const id = names.get(name);
  return id && { id, name };
}

/** By the first digits of an id. @throws ImageError where several begin so */
export function findById<Id extends string>(written: string, ids: readonly Id[]): Id | undefined {
  const digits = written.replace(/^sha256:/, '');
  if (!/^[0-9a-f]{1,64}$/.test(digits)) return undefined;
  const found = ids.filter((id) => id.slice(id.indexOf(':') + 1).startsWith(digits));
  if (found.length > 1) {
    throw new ImageError(`"${written}" is the beginning of ${found.length} ids (${found.map(shortId).join(', ')}); write more of it`);
  }
  return found[0];
}
