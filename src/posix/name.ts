/**
 * File names for system calls: latin1 strings, one character a byte, written with a closing NUL into memory that is
 * reserved once.
 */
import { E } from './errno.js';
import { allocate, type Block } from './memory.js';

/** PATH_MAX: the longest path the kernel takes, its NUL included. */
export const PATH_MAX = 4096;

// Below this length a loop beats the call into Node's latin1Write.
const SHORT = 32;

/** Room for one path and its NUL. */
export class NameSlot {
  readonly #block: Block = allocate(PATH_MAX);
  readonly address = this.#block.address;

  /**
   * Writes `name` at `offset`. 0, or -ENAMETOOLONG when it does not fit, -EINVAL for a character that is NUL or is not
   * one byte (U+0100 and up): such a name cannot be on disk, and writing its low byte would name another file.
   */
  put(name: string, offset = 0): number {
    const length = name.length;
    const bytes = this.#block.bytes;
    const end = offset + length;
    if (end >= PATH_MAX) return -E.ENAMETOOLONG;
    if (length <= SHORT) {
      for (let i = 0; i < length; i++) {
        const code = name.charCodeAt(i);
        if (code === 0 || code > 255) return -E.EINVAL;
        bytes[offset + i] = code;
      }
    } else {
      if (UNWRITABLE.test(name)) return -E.EINVAL;
      bytes.latin1Write(name, offset);
    }
    bytes[end] = 0;
    return 0;
  }
}

const UNWRITABLE = /[\0\u0100-\uffff]/;

/** One slot an operand: system calls take up to two names, mount(2) four strings. */
export const slotA = new NameSlot();
export const slotB = new NameSlot();
export const slotC = new NameSlot();
export const slotD = new NameSlot();

/** A JavaScript string (a path typed by a person) as a name: its UTF-8 bytes, one character each. */
export function nameFromText(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** A name as text for a person; bytes that are not UTF-8 become U+FFFD. */
export function textFromName(name: string): string {
  return Buffer.from(name, 'latin1').toString('utf8');
}
