/** A word that can stand at the cursor, and what it means. */
export interface Candidate {
  /** The whole word, not only what is missing of it. */
  word: string;
  text?: string;
}

/** What a shell is to offer. */
export interface Offer {
  candidates: readonly Candidate[];
  /** The word goes on: no space is to follow it. */
  open?: boolean;
  /** What the shell completes itself, if there are no candidates or beside them. */
  also?: 'files' | 'directories';
}

export const nothing: Offer = { candidates: [] };

export function startingWith(candidates: readonly Candidate[], typed: string): Candidate[] {
  return candidates.filter(({ word }) => word.startsWith(typed));
}

/** The same after what has been typed of a longer word. */
export function after(before: string, candidates: readonly Candidate[]): Candidate[] {
  return candidates.map(({ word, ...rest }) => ({ ...rest, word: before + word }));
}
