/**
 * Inode numbers have 64 bits, a JavaScript number is exact up to 2^53: two files must not become one by rounding.
 */

const TWO_32 = 2 ** 32;
/** From here on a number has to be folded. */
const FOLDED = 2 ** 52;
/** The numbers from here to 2^53 are hashes: two of them may, though hardly ever, be the same. */
export const FIRST_HASHED_INODE = 2 ** 52 + 2 ** 51;
const HASHED = 2 ** 51;

/**
 * The inode number of two 32-bit words: itself below 2^52. Of larger ones, those whose bits 40 to 52 are 0 keep apart
 * (overlayfs marks a layer in the highest bits); of the others, which are hashes already (mergerfs), 51 bits are made.
 * The same in every process.
 */
export function inodeNumber(low: number, high: number): number {
  if (high < 0x100000) return low + high * TWO_32;
  if ((high & 0x1fff00) === 0) return FOLDED + (high >>> 21) * 2 ** 40 + (high & 0xff) * TWO_32 + low;
  return hashedInode(low, high);
}

/** A number of the hashed ones for two words. */
export function hashedInode(low: number, high: number): number {
  const one = mix(low ^ mix(high));
  const other = mix(high ^ mix(low + 0x9e3779b9));
  return FIRST_HASHED_INODE + (one * 2 ** 19 + (other & 0x7ffff)) % HASHED;
}

/** The finalizer of MurmurHash3: every bit of the word counts in every bit of the result. */
function mix(word: number): number {
  let h = word >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
