// What a change of an entry would do, and where: the same questions to the union's policies, in the same order, as its
// operations ask (create.ts, remove.ts, rename.ts, file-handle.ts, attributes.ts). Nothing is done. Whether the caller has the
// permission is another matter, which the kernel decides.

import { E, Errno, errnoName, errnoText } from '../posix/errno.js';
import { S, Stat, statat } from '../posix/stat.js';
import type { Branch } from '../union/branch.js';
import { openingBranch } from '../union/copyup-on-open.js';
import { Probe, probe } from '../union/lookup.js';
import { isEmpty } from '../union/merged-directory.js';
import type { Node } from '../union/node.js';
import { copyUpBranch, createBranch, linkBranch, mustTakeEntries } from '../union/policy.js';
import { showsBelow } from '../union/remove.js';
import { leavesNothing } from '../union/rename.js';
import { takesLayers } from '../union/rename-layers.js';
import type { UnionState } from '../union/state.js';
import { found, holder, type Walk } from './walk.js';

export type ActionName = 'read' | 'write' | 'attributes' | 'delete' | 'rename' | 'create' | 'mkdir';

/** One thing that happens on a branch; paths from the root of the union. Names are bytes. */
export interface Step {
  kind:
    /** A file, link or special file is copied from a branch below; with its `bytes`. */
    | 'copy-up'
    /** A directory is made as it is below, without what is in it. */
    | 'copy-directory'
    /** The name becomes a hard link of the copy that it shows. */
    | 'link'
    | 'write' | 'change' | 'create' | 'mkdir' | 'remove'
    /** To `path`, which has a name that no branch has. */
    | 'rename'
    | 'whiteout' | 'remove-whiteout' | 'opaque'
    /** A renamed directory's record of where its parts on lower branches are (dirren). */
    | 'record';
  branch: number;
  path: string;
  /** copy-up: the branch it comes from. */
  from?: number;
  bytes?: number;
}

export interface Action {
  action: ActionName;
  /** `EROFS`; null where it succeeds, as far as the union is concerned. */
  error: string | null;
  /** The error in words; or what else is to be said. */
  note: string | null;
  /** What happens, in this order; before an error too. */
  steps: Step[];
}

/** The new name of the example that rename is explained by: one that no branch has. */
export const NEW_NAME = 'NEW-NAME';

/** What can be done to the entry that a path leads to, or, where there is none, under its name. */
export function actionsOn(u: UnionState, walk: Walk): Action[] {
  const node = found(walk);
  const parent = holder(walk);
  const name = walk.names.at(-1) ?? '';
  if (node !== null && (parent === null || node === u.root)) return ofRoot(u, node);
  if (parent === null) return [];
  if (node === null) {
    if (walk.nodes.length < walk.names.length || walk.errno !== E.ENOENT) return [];
    return [plan('create', (steps) => create(u, parent, name, false, steps)), plan('mkdir', (steps) => create(u, parent, name, true, steps))];
  }
  const actions = openingBranch(u, node) === null ? [] : [plan('read', (steps) => open(u, node, walk.stat, steps))];
  if (node.type === S.IFREG || node.isDirectory) actions.push(plan('write', (steps) => write(u, node, parent, name, walk.stat, steps)));
  actions.push(
    plan('attributes', (steps) => change(u, node, walk.stat, steps)),
    plan('delete', (steps) => remove(u, node, parent, name, steps)),
    plan('rename', (steps) => rename(u, node, parent, name, walk.stat, steps)),
  );
  return actions;
}

function ofRoot(u: UnionState, node: Node): Action[] {
  return [
    plan('write', () => { throw new Errno(E.EISDIR); }),
    plan('attributes', (steps) => change(u, node, null, steps)),
    plan('delete', () => { throw new Errno(E.EBUSY); }),
    plan('rename', () => { throw new Errno(E.EBUSY); }),
  ];
}

/** A plan may end with an Errno, as an operation does, and may return a remark. */
function plan(action: ActionName, work: (steps: Step[]) => string | null): Action {
  const steps: Step[] = [];
  try {
    return { action, error: null, note: work(steps), steps };
  } catch (error) {
    if (!(error instanceof Errno)) throw error;
    return { action, error: errnoName(error.errno), note: whyNot(error.errno), steps };
  }
}

function whyNot(errno: number): string {
  if (errno === E.EROFS) return 'no branch that could take the change is writable';
  if (errno === E.EXDEV) return 'lower branches have parts of the directory, which stay where they are; mv(1) copies instead, and dirren allows it';
  if (errno === E.EIO) return 'the branch that takes the change has something else in the place of a directory';
  if (errno === E.EISDIR) return 'a directory is changed by what is made and removed in it';
  if (errno === E.EBUSY) return 'it is the root of the union';
  if (errno === E.ENOTEMPTY) return 'the directory is not empty';
  return errnoText(errno);
}

function open(u: UnionState, node: Node, stat: Stat, steps: Step[]): string | null {
  const target = openingBranch(u, node);
  if (target === null) return null;
  const { top } = node;
  bring(u, node, target, stat, steps);
  if (!top.spec.moo || node.isDirectory) return 'copied up on open';
  steps.push({ kind: 'remove', branch: top.index, path: pathOf(node) });
  return 'moved up on open';
}

function write(u: UnionState, node: Node, parent: Node, name: string, stat: Stat, steps: Step[]): string | null {
  if (node.isDirectory) throw new Errno(E.EISDIR);
  const note = open(u, node, stat, steps);
  const lies = steps.length > 0 ? openingBranch(u, node) : null;
  const branch = lies ?? copyUpBranch(u, node.parent, node.top);
  if (lies === null) bring(u, node, branch, stat, steps);
  if (lies === null && node.top === branch) materialize(u, node, parent, name, steps);
  steps.push({ kind: 'write', branch: branch.index, path: join(parent, name) });
  return note ?? linksNote(u, node, branch, stat);
}

function change(u: UnionState, node: Node, stat: Stat | null, steps: Step[]): string | null {
  const branch = copyUpBranch(u, node.parent, node.top);
  bring(u, node, branch, stat, steps);
  steps.push({ kind: 'change', branch: branch.index, path: pathOf(node) });
  return stat === null || node.isDirectory ? null : linksNote(u, node, branch, stat);
}

function linksNote(u: UnionState, node: Node, branch: Branch, stat: Stat): string | null {
  if (node.top === branch || stat.nlink < 2) return null;
  return u.options.plink
    ? `its ${String(stat.nlink - 1)} other names show the copy too, while the union is mounted (plink)`
    : 'its other names keep what it was before (noplink)';
}

function remove(u: UnionState, node: Node, parent: Node, name: string, steps: Step[]): string | null {
  mustTakeEntries(u, parent);
  const source = sourceOf(u, node, parent, name);
  const alone = node.isDirectory && node.layers.length === 1 && node.top === source && source.writable;
  if (node.isDirectory && !alone) mustBeEmpty(u, node);
  const branch = copyUpBranch(u, parent, source);
  const hide = branch !== source || showsBelow(u, parent, name, branch);
  if (alone) mustBeEmpty(u, node);
  bringDirectory(u, parent, branch, steps);
  const path = join(parent, name);
  if (hide) steps.push({ kind: 'whiteout', branch: branch.index, path });
  if (branch === source) steps.push({ kind: 'remove', branch: branch.index, path });
  return null;
}

function mustBeEmpty(u: UnionState, node: Node): void {
  if (!isEmpty(u, node)) throw new Errno(E.ENOTEMPTY);
}

const source = new Probe();
/** Of a name that is nowhere. */
const nowhere = { type: 0, layers: [], whiteout: null };

/** Where the name itself is found; a pseudo-linked file may be seen above that. */
function sourceOf(u: UnionState, node: Node, parent: Node, name: string): Branch {
  return probe(u, parent, name, source) ? source.layers[0] : node.top;
}

function rename(u: UnionState, node: Node, parent: Node, name: string, stat: Stat, steps: Step[]): string | null {
  mustTakeEntries(u, parent);
  const lies = sourceOf(u, node, parent, name);
  const from = !node.isDirectory && node.top.index < lies.index ? node.top : lies;
  const branch = linkBranch(u, parent, from, nowhere);
  bringDirectory(u, parent, branch, steps);
  if (node.isDirectory && !u.options.dirren && !leavesNothing(u, node, branch)) throw new Errno(E.EXDEV);
  if (node.top === branch) materialize(u, node, parent, name, steps);
  else bring(u, node, branch, stat, steps);
  if (node.isDirectory && node.layerOf(branch) < 0) bringDirectory(u, node, branch, steps);
  const takes = node.isDirectory && takesLayers(u, node, branch);
  if (takes) steps.push({ kind: 'record', branch: branch.index, path: join(parent, name) });
  if (showsBelow(u, parent, name, branch)) steps.push({ kind: 'whiteout', branch: branch.index, path: join(parent, name) });
  steps.push({ kind: 'rename', branch: branch.index, path: join(parent, NEW_NAME) });
  if (node.isDirectory && !takes && u.options.diropq === 'a') steps.push({ kind: 'opaque', branch: branch.index, path: join(parent, NEW_NAME) });
  return null;
}

function create(u: UnionState, parent: Node, name: string, isDirectory: boolean, steps: Step[]): string | null {
  probe(u, parent, name, source);
  const { whiteout } = source;
  mustTakeEntries(u, parent);
  const branch = createBranch(u, parent, whiteout, isDirectory);
  const policy = u.options.create.name;
  if (policy.endsWith('rr')) return `create=${policy}: the writable branches take turns, and only the mount knows whose turn it is`;
  bringDirectory(u, parent, branch, steps);
  const path = join(parent, name);
  steps.push({ kind: isDirectory ? 'mkdir' : 'create', branch: branch.index, path });
  if (isDirectory && (whiteout === branch || u.options.diropq === 'a')) steps.push({ kind: 'opaque', branch: branch.index, path });
  if (whiteout === branch) steps.push({ kind: 'remove-whiteout', branch: branch.index, path });
  return policy === 'tdp' ? null : `create=${policy}: by the free space of now`;
}

const inTheWay = new Stat();

/** The node comes to lie on `branch`, if it does not. */
function bring(u: UnionState, node: Node, branch: Branch, stat: Stat | null, steps: Step[]): void {
  if (node.isDirectory) return bringDirectory(u, node, branch, steps);
  if (node.top === branch || node.parent === null) return;
  bringDirectory(u, node.parent, branch, steps);
  const bytes = node.type === S.IFREG && stat !== null ? { bytes: stat.size } : {};
  steps.push({ kind: 'copy-up', branch: branch.index, path: pathOf(node), from: node.top.index, ...bytes });
}

function bringDirectory(u: UnionState, node: Node, branch: Branch, steps: Step[]): void {
  if (node.parent === null || node.layerOf(branch) >= 0) return;
  const path = pathOf(node);
  // For another step already.
  if (steps.some((step) => step.kind === 'copy-directory' && step.branch === branch.index && step.path === path)) return;
  bringDirectory(u, node.parent, branch, steps);
  // A file between merged directories is passed over by lookup; but on its branch no directory can take its place.
  const layer = node.parent.layerOf(branch);
  if (layer >= 0 && statat(u.directory(node.parent, layer), node.name, inTheWay) >= 0 && (inTheWay.mode & S.IFMT) !== S.IFDIR) throw new Errno(E.EIO);
  steps.push({ kind: 'copy-directory', branch: branch.index, path });
}

/** A name that shows another name's copy becomes its hard link. */
function materialize(u: UnionState, node: Node, parent: Node, name: string, steps: Step[]): void {
  if (node.isDirectory || (node.parent === parent && node.name === name) || !u.plinks.has(node.ino)) return;
  bringDirectory(u, parent, node.top, steps);
  steps.push({ kind: 'link', branch: node.top.index, path: join(parent, name) });
}

/** From the root of the union, bytes. */
export function pathOf(node: Node): string {
  return node.parent === null ? '' : join(node.parent, node.name);
}

function join(parent: Node, name: string): string {
  return `${pathOf(parent)}/${name}`;
}
