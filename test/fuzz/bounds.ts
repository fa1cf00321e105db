/** In CI the first few seeds; by hand (`npm run fuzz -- --seed N --rounds M`) one seed and as many rounds as asked for. */
const seed = process.env['FUZZ_SEED'];
const rounds = process.env['FUZZ_ROUNDS'];

export function seeds(usual: readonly number[]): readonly number[] {
  return seed === undefined ? usual : [Number(seed)];
}

export function roundsOf(usual: number): number {
  return rounds === undefined ? usual : Number(rounds);
}

/** Milliseconds for a test of so many rounds: none is lost by being slow. */
export function timeFor(roundsDone: number): number {
  return 120_000 + roundsDone * 20;
}
