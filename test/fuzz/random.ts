/** Random numbers that come again with their seed. */
export class Random {
  private state: number;

  constructor(seed: number) {
    this.state = seed >>> 0;
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    // mulberry32
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below);
  }

  /** True once in `times`. */
  once(times: number): boolean {
    return this.below(times) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)];
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** A copy with a few bytes changed, removed, added or doubled. */
  mutate(data: Buffer): Buffer {
    let out = Buffer.from(data);
    for (let i = this.below(4); i >= 0; i--) {
      const at = this.below(out.length + 1);
      switch (this.below(5)) {
        case 0: if (at < out.length) out[at] = this.below(256); break;
        case 1: if (at < out.length) out[at] ^= 1 << this.below(8); break;
        case 2: out = Buffer.concat([out.subarray(0, at), out.subarray(at + 1 + this.below(8))]); break;
        case 3: out = Buffer.concat([out.subarray(0, at), this.bytes(this.below(8)), out.subarray(at)]); break;
        default: out = Buffer.concat([out, out.subarray(at)]);
      }
    }
    return out;
  }
}
