// Descriptors that are passed through to a file of a branch that takes no writes (passthrough=all, and unions in which
// nothing is writable). The kernel cannot be turned to another file under them: after a copy-up they go on reading the
// old one, as in overlayfs. To the kernel the old file keeps its number, as something that has no name any more; the
// copy gets a new one.

import type { Branch } from './branch.js';
import { Node } from './node.js';
import type { UnionState } from './state.js';

export class LeftBehind {
  /** How many descriptors are passed through to a file below, by its node. */
  private readonly below = new Map<Node, number>();
  /** What is left of nodes that were copied up. */
  private readonly rests = new Set<Node>();

  /** A descriptor of `node` is passed through to a branch that takes no writes, or (-1) is closed. */
  count(node: Node, by: 1 | -1): void {
    const now = (this.below.get(node) ?? 0) + by;
    if (now > 0) this.below.set(node, now);
    else this.below.delete(node);
  }

  /** Whether the file is passed through to where it must not be written. */
  has(node: Node): boolean {
    return this.below.size > 0 && this.below.has(node);
  }

  isRest(node: Node): boolean {
    return this.rests.size > 0 && this.rests.has(node);
  }

  /** The node that an operation on a number is about: of a rest, the copy. */
  current(u: UnionState, node: Node): Node {
    return this.isRest(node) ? (u.nodes.find(node.ino) ?? node) : node;
  }

  /** The node goes. */
  forget(node: Node): void {
    this.rests.delete(node);
  }

  /** After the copy-up of `node` from `former`: what is passed through stays there, on `fd` (ours now), under the old number. */
  part(u: UnionState, node: Node, former: Branch, fd: number): void {
    const passed = this.below.get(node);
    if (passed === undefined) return;
    const rest = new Node(node.ino, node.type, node.parent, node.name, former.alone);
    rest.removed = true;
    rest.anchor = fd;
    rest.epoch = u.epoch;
    u.nodes.giveNumber(node, rest);
    for (const handle of u.files.all()) {
      if (handle.node !== node || !handle.passed) continue;
      handle.node = rest;
      node.handles--;
      rest.handles++;
    }
    this.below.delete(node);
    this.below.set(rest, passed);
    this.rests.add(rest);
    this.tellNames(u, node);
  }

  /** The names lead to the new number: the kernel has to look them up again. */
  private tellNames(u: UnionState, node: Node): void {
    const names = [...(node.links ?? []), ...(node.parent === null ? [] : [{ parent: node.parent, name: node.name }])];
    for (const { parent, name } of names) u.hooks.stale?.({ kind: 'entry', parent: parent.id, name, expire: true });
  }
}
