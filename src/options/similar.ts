/** What was probably meant: the nearest of the words, if it is near; with a question around it, for a message. */
export function didYouMean(written: string, words: readonly string[]): string {
  const most = Math.min(2, Math.floor(written.length / 3));
  let best: string | undefined;
  let least = most + 1;
  for (const word of words) {
    const distance = distanceOf(written, word);
    if (distance < least) [best, least] = [word, distance];
  }
  return best === undefined ? '' : `; did you mean ${best}?`;
}

/** How many letters must be put in, left out, replaced or swapped with the next (Damerau, Levenshtein). */
function distanceOf(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = above[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? before[j - 2] + 1 : Infinity;
      row.push(Math.min(replaced, above[j] + 1, row[j - 1] + 1, swapped));
    }
    [before, above] = [above, row];
  }
  return above[b.length];
}
