/**
 * From paths, which libfuse's high-level interface gives, to nodes of the union, which has no paths.
 *
 * Every path is looked up anew, name by name: nothing that another changed on a branch can be missed. What was met is kept
 * for the next paths, with a reference as the kernel would hold one: the union knows by its nodes which names are one file.
 */
import { E, Errno } from '../../posix/errno.js';
import { nameFromText } from '../../posix/name.js';
import { Stat } from '../../posix/stat.js';
import { WHITEOUT_PREFIX } from '../../union/name.js';
import type { Node } from '../../union/node.js';
import type { Union } from '../../union/union.js';

/** Nodes kept, about 5 MB, the least recently used going first. */
const KEPT = 16_384;

/**
 * The name that libfuse gives a file that is removed while it is open, so that the open file still has a path. The union
 * needs none: the file is removed at once, and found by this name as long as it is open.
 */
const HIDDEN = /^\.fuse_hidden[0-9a-f]{16,}$/;

/** The characters that are the same byte in latin1 and in UTF-8. */
const ASCII = /^[\x00-\x7f]*$/;

/**
 * A name or path from the addon as the union has it. The addon has made U+FFFD of whatever was not UTF-8: of which bytes
 * cannot be known.
 */
export function bytesOf(text: string): string {
  if (ASCII.test(text)) return text;
  if (text.includes('\ufffd')) throw new Errno(E.EILSEQ);
  return nameFromText(text);
}

/** A name of the union for the addon; undefined: it is not UTF-8, and cannot be told. */
export function textOf(name: string): string | undefined {
  if (ASCII.test(name)) return name;
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.includes('\ufffd') ? undefined : text;
}

export class Paths {
  private readonly kept = new Set<Node>();
  /** Removed files that are open, by the name that libfuse has given them. */
  private readonly hidden = new Map<string, Node>();
  private readonly stat = new Stat();
  /** The option shwh: whiteouts are listed, and seen by those who list. */
  showsWhiteouts = false;
  /** What the request of the moment has met. */
  private met: Node[] = [];

  constructor(private readonly union: Union) {}

  /** The node of a path, its attributes not asked for. Throws ENOENT, ENOTDIR, and what lookup throws. */
  node(path: string): Node {
    const bytes = bytesOf(path);
    const end = bytes.lastIndexOf('/');
    const name = bytes.slice(end + 1);
    if (name === '') return this.union.root;
    const hidden = this.hidden.get(name);
    if (hidden !== undefined) return hidden;
    return this.child(this.directory(bytes, end), name);
  }

  /** The directory of a path's last name, and that name. */
  place(path: string): { parent: Node; name: string } {
    const bytes = bytesOf(path);
    const end = bytes.lastIndexOf('/');
    return { parent: this.directory(bytes, end), name: bytes.slice(end + 1) };
  }

  /** The node of a name; its attributes are in `out` then. */
  child(parent: Node, name: string, out: Stat = this.stat): Node {
    if (!parent.isDirectory) throw new Errno(E.ENOTDIR);
    if (this.showsWhiteouts && name.startsWith(WHITEOUT_PREFIX)) return this.listed(parent, name, out);
    const node = this.union.lookup(parent, name, out);
    if (node === null) throw new Errno(E.ENOENT);
    this.meet(node);
    return node;
  }

  /** What only a listing tells. The kernel adapter gives attributes with it; libfuse 2 asks for them by the name. */
  private listed(parent: Node, name: string, out: Stat): Node {
    const handle = this.union.opendir(parent);
    const found: Node[] = [];
    try {
      this.union.readdirplus(handle, 0, this.stat, (entry, _type, _ino, _next, node) => {
        if (found.length > 0) return false;
        if (entry === name && node !== null) {
          found.push(node);
          out.copy(this.stat);
        }
        if (node !== null) this.meet(node);
        return true;
      });
    } finally {
      this.union.releasedir(handle);
    }
    if (found.length === 0) throw new Errno(E.EPERM);
    return found[0];
  }

  /** A node came up in the request of the moment. */
  meet(node: Node): void {
    this.met.push(node);
    this.keep(node);
  }

  private directory(bytes: string, end: number): Node {
    let node = this.union.root;
    for (let at = 1; at < end; ) {
      const next = bytes.indexOf('/', at);
      node = this.child(node, bytes.slice(at, next));
      at = next + 1;
    }
    return node;
  }

  private keep(node: Node): void {
    if (this.kept.delete(node)) {
      this.kept.add(node);
      return;
    }
    node.lookups += 1;
    this.kept.add(node);
    if (this.kept.size <= KEPT) return;
    for (const oldest of this.kept) {
      this.letGo(oldest);
      break;
    }
  }

  /** One that has no name any more, or is the oldest. */
  letGo(node: Node): void {
    if (this.kept.delete(node)) this.union.nodes.forget(node, 1);
  }

  // --- removed files that are open --------------------------------------------------------------

  /**
   * Whether libfuse renames an open file only to remove it. Then it is found by that name, and the caller removes it.
   */
  hides(from: string, to: string): boolean {
    const name = to.slice(to.lastIndexOf('/') + 1);
    if (!HIDDEN.test(name)) return false;
    const node = this.node(from);
    if (node.isDirectory || node.handles === 0) return false;
    node.lookups += 1;
    this.hidden.set(name, node);
    return true;
  }

  /** libfuse takes one off the link count of a file that it has hidden: the union has done so, where it is right. */
  isHidden(node: Node): boolean {
    if (this.hidden.size === 0) return false;
    for (const hidden of this.hidden.values()) if (hidden === node) return true;
    return false;
  }

  /** A file could not be removed after all. */
  unhide(to: string): void {
    this.reveal(to.slice(to.lastIndexOf('/') + 1));
  }

  /** Whether libfuse removes, at the end, what was removed at once. */
  wasHidden(path: string): boolean {
    return this.reveal(path.slice(path.lastIndexOf('/') + 1));
  }

  /** An open file was closed. libfuse forgets to remove what it has hidden in a directory that is gone meanwhile. */
  closed(node: Node): void {
    if (this.hidden.size === 0 || node.handles > 0) return;
    for (const [name, hidden] of this.hidden) if (hidden === node) this.reveal(name);
  }

  private reveal(name: string): boolean {
    const node = this.hidden.get(name);
    if (node === undefined) return false;
    this.hidden.delete(name);
    this.union.nodes.forget(node, 1);
    return true;
  }

  // --- the request's end ------------------------------------------------------------------------

  /** The request is answered: nodes that have lost their last name in it go, unless they are open. */
  done(): void {
    for (const node of this.met) if (node.removed) this.letGo(node);
    this.met.length = 0;
  }

  /** The request waits and will be made anew: what it has met must be the same nodes then. Give them to `resume`. */
  suspend(): readonly Node[] {
    const { met } = this;
    for (const node of met) node.lookups += 1;
    this.met = [];
    return met;
  }

  /** It is over, or suspended again. */
  resume(nodes: readonly Node[]): void {
    for (const node of nodes) this.union.nodes.forget(node, 1);
  }
}
