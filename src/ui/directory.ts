// A directory of the union as the page is told of it.

import type { UnionState } from '../union/state.js';
import { lookAtDirectory, type NameLook } from '../inspect/directory.js';
import type { OnBranch } from '../inspect/layers.js';
import { decodeName } from '../union/name.js';
import { HttpError } from './error.js';
import { asText } from './path.js';
import type { Directory, DirectoryEntry, LayerEntry } from './protocol.js';

/** @throws HttpError where there is none, Errno where it cannot be read */
export function directoryOf(u: UnionState, path: string): Directory {
  const look = lookAtDirectory(u, path);
  if (look === null) throw new HttpError(404, `the union shows no directory ${decodeName(path)}`);
  return {
    ...asText(look.path, 'path'),
    entries: look.entries.map(entryOf),
    opaque: branches(look.layers, ({ opaque }) => opaque === 'counts'),
    merged: branches(look.layers, ({ state }) => state === 'seen' || state === 'merged'),
  };
}

function entryOf({ name, entry, branch, layers }: NameLook): DirectoryEntry {
  return {
    ...asText(name, 'name'),
    type: entry?.type ?? null,
    ...(entry?.target === undefined ? {} : { target: entry.target }),
    ...(entry?.type === 'file' ? { size: entry.size } : {}),
    seen: branch,
    layers: layers.flatMap(layerOf),
    whiteouts: branches(layers, ({ whiteout }) => whiteout === 'counts'),
    ignoredWhiteouts: branches(layers, ({ whiteout }) => whiteout === 'ignored'),
    opaque: branches(layers, ({ opaque }) => opaque === 'counts'),
  };
}

function layerOf({ branch, entry, state }: OnBranch): LayerEntry[] {
  if (entry === null || state === 'absent') return [];
  return [{ branch, type: entry.type, size: entry.size, state }];
}

function branches(layers: readonly OnBranch[], which: (layer: OnBranch) => boolean): number[] {
  return layers.filter(which).map(({ branch }) => branch);
}
