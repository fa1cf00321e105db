/** One line on a terminal that tells how far something is; nothing elsewhere. */
export class ProgressLine {
  private next = 0;

  /** `total`: bytes in all; undefined where that is not known. */
  constructor(private readonly what: string, private readonly total?: number) {}

  /** As an option for those who take a function, which saves them the calls where nobody looks. */
  get onProgress(): ((bytes: number) => void) | undefined {
    return process.stderr.isTTY ? (bytes) => this.show(bytes) : undefined;
  }

  private show(bytes: number): void {
    const now = performance.now();
    if (now < this.next) return;
    this.next = now + 100;
    const part = this.total === undefined || this.total === 0 ? '' : `  ${Math.min(100, Math.floor(bytes / this.total * 100))} %`;
    process.stderr.write(`\r\u001b[K${this.what}  ${(bytes / 1e6).toFixed(1)} MB${part}`.slice(0, process.stderr.columns));
  }

  /** Takes the line away: before anything else is written, and at the end. */
  clear(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001b[K');
  }
}
