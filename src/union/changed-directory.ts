// A directory that somebody changed on a branch, past the union: looked up anew under its name.

import { E, Errno, must } from '../posix/errno.js';
import { O, close, openat } from '../posix/file.js';
import { readDirectory } from '../posix/directory.js';
import { S, Stat, statat } from '../posix/stat.js';
import type { Branch } from './branch.js';
import { Probe, probe } from './lookup.js';
import type { Node } from './node.js';
import type { UnionState } from './state.js';
import { keepInode, unionInode } from './xino.js';

const found = new Probe();
const st = new Stat();

/**
 * Finds a directory's layers again. Returns false where its name is another directory's now, or nobody's: then it
 * counts as removed, until a lookup meets it somewhere else.
 */
export function lookAgain(u: UnionState, node: Node): boolean {
  const { parent, top } = node;
  u.forgetDescriptors(node);
  node.version++;
  if (parent === null || parent.removed || !find(u, parent, node) || !isStill(u, parent, node, top)) {
    node.removed = true;
    return false;
  }
  node.layers = found.layers;
  node.origins = found.origins;
  node.limit = found.limit;
  node.restricted = found.restricted;
  return true;
}

function find(u: UnionState, parent: Node, node: Node): boolean {
  try {
    return probe(u, parent, node.name, found) && found.type === node.type;
  } catch (error) {
    if (error instanceof Errno && (error.errno === E.ESTALE || error.errno === E.ENOENT)) return false;
    throw error;
  }
}

/** Whether what was found is the directory from before, or has it as one of its lower layers. */
function isStill(u: UnionState, parent: Node, node: Node, formerTop: Branch): boolean {
  const [top] = found.layers;
  const { stat } = found;
  if (unionInode(top, stat) === node.ino) return true;
  if (formerTop === top || !found.layers.includes(formerTop)) return false;
  if (statat(u.directoryOn(parent, formerTop), node.name, st) < 0) return false;
  if (unionInode(formerTop, st) !== node.ino) return false;
  // Somebody made the same directory on a higher branch: to the user it stays what it was.
  keepInode(top, stat, node.ino);
  return true;
}

/** The directories that we know under a name: by their descriptors, or by what the branches have under it now. */
export function knownDirectories(u: UnionState, parent: Node, name: string): Set<Node> {
  const known = new Set(u.directoriesAt(parent, name));
  for (let i = 0; i < parent.layers.length; i++) {
    if (statat(u.directory(parent, i), name, st) < 0 || (st.mode & S.IFMT) !== S.IFDIR) continue;
    const node = u.nodes.find(unionInode(parent.layers[i], st));
    if (node?.isDirectory === true && node.parent === parent && node.name === name) known.add(node);
  }
  return known;
}

/** The names, whiteouts too, that a directory has on one of its layers. */
export function namesOnLayer(u: UnionState, node: Node, layer: number, visit: (name: string) => void): void {
  const fd = must(openat(u.directory(node, layer), '.', O.RDONLY | O.DIRECTORY, 0));
  const result = readDirectory(fd, visit);
  close(fd);
  must(result);
}
