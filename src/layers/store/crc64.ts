/**
 * CRC-64-ISO, which tar-split keeps of each file. Its polynomial x⁶⁴+x⁴+x³+x+1 has its low terms so close together that
 * what 32 bits shifted out leave behind never reaches the end within these 32 shifts: a word is taken in one step,
 * without a table.
 */
export class Crc64 {
  #high = -1;
  #low = -1;

  update(bytes: Buffer): void {
    let high = this.#high;
    let low = this.#low;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const words = bytes.length & ~3;
    let at = 0;
    for (; at < words; at += 4) {
      const out = low ^ view.getInt32(at, true);
      low = high ^ (out << 31) ^ (out << 29) ^ (out << 28);
      high = out ^ (out >>> 1) ^ (out >>> 3) ^ (out >>> 4);
    }
    for (; at < bytes.length; at++) {
      const out = (low ^ bytes[at]) & 0xff;
      low = (low >>> 8) | (high << 24);
      high = (high >>> 8) ^ (out << 24) ^ (out << 23) ^ (out << 21) ^ (out << 20);
    }
    this.#high = high;
    this.#low = low;
  }

  /** Eight bytes, big-endian, as Go's crc64 gives them. */
  digest(): Buffer {
    const sum = Buffer.alloc(8);
    sum.writeInt32BE(~this.#high, 0);
    sum.writeInt32BE(~this.#low, 4);
    return sum;
  }
}
