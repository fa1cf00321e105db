// The union's own changes of its branches. inotify reports them like everybody's; what an operation has told here before it
// began says nothing new.

import { IN } from '../posix/inotify.js';
import type { Node } from './node.js';
import { OPAQUE_MARK } from './whiteout.js';

/** What may happen to a name: it comes, it goes, its inode changes. */
export const THERE = IN.CREATE | IN.MOVED_TO;
export const GONE = IN.DELETE | IN.MOVED_FROM;
export const ALTERED = IN.ATTRIB | IN.MODIFY;

interface Expected {
  node: Node;
  name: string;
  mask: number;
}

export class OwnChanges {
  /** What the operation of the moment is about to do. */
  readonly expected: Expected[] = [];
  /** It changes more than the content of a file: its events are read as soon as it is done. */
  urgent = false;
  /** Whose content was written: its events may wait, a stream of writes makes one. */
  private written: Node | null = null;
  /** Nodes that handles write to past us, once for each. */
  private readonly writers: Node[] = [];

  /** `before` is called before the first change of an operation: the events that are there by then are of others. */
  constructor(private readonly before: () => void) {}

  /** Before a system call of ours on a branch: a name is about to appear. */
  comes(parent: Node, name: string): void {
    this.expect(parent, name, THERE);
  }

  /** Before one that makes a name disappear, be it by a whiteout. */
  goes(parent: Node, name: string): void {
    this.expect(parent, name, GONE);
  }

  /** Before a directory is renamed; it may be made opaque. */
  moves(node: Node): void {
    this.expect(node, '', IN.MOVE_SELF);
    this.expect(node, OPAQUE_MARK, THERE);
  }

  /** Before a change of an inode's attributes: seen by all its names. */
  attributes(node: Node): void {
    if (node.parent === null) this.expect(node, '', IN.ATTRIB);
    else this.expect(node.parent, node.name, ALTERED);
    if (node.isDirectory) this.expect(node, '', IN.ATTRIB);
    for (const link of node.links ?? []) this.expect(link.parent, link.name, ALTERED);
  }

  /** Before a write to a file. Cheap for a stream of writes to one file. */
  content(node: Node): void {
    if (this.written === node) return;
    if (!this.urgent) {
      this.before();
      this.written = node;
    }
    if (node.parent !== null) this.expected.push({ node: node.parent, name: node.name, mask: IN.MODIFY });
    for (const link of node.links ?? []) this.expected.push({ node: link.parent, name: link.name, mask: IN.MODIFY });
  }

  /** A handle that writes to the file without asking us is opened. */
  writesPast(node: Node): void {
    this.writers.push(node);
  }

  /** It is closed. */
  wrotePast(node: Node): void {
    const at = this.writers.indexOf(node);
    if (at >= 0) this.writers.splice(at, 1);
  }

  private expect(node: Node, name: string, mask: number): void {
    if (!this.urgent) {
      this.before();
      this.urgent = true;
    }
    this.expected.push({ node, name, mask });
  }

  /** Whether an event tells of one of these changes. */
  has(node: Node, name: string, mask: number): boolean {
    for (const one of this.expected) if (one.node === node && one.name === name && (one.mask & mask) !== 0) return true;
    if (mask & IN.MODIFY) for (const writer of this.writers) if (writer.hasName(node, name)) return true;
    return false;
  }

  /** The operation has failed. */
  disown(): void {
    this.expected.length = 0;
  }

  /** Its events have been read. */
  clear(): void {
    this.expected.length = 0;
    this.written = null;
    this.urgent = false;
  }
}
