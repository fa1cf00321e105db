/** What lies on the branches; see branches.ts. */
export type Tree = 'tree' | 'flat' | 'small' | 'large' | 'source' | 'removed' | 'repository';

/** One thing to be measured: a command of client.c, run in a union that was mounted just for it. */
export interface Workload {
  /** For --only and JSON. */
  readonly id: string;
  readonly title: string;
  /** Of the client; `store` has the files that are read from outside the union. */
  readonly command: (store: string) => readonly string[];
  /** The trees of the lower branch that it works on: what a plain directory has to be given a copy of. */
  readonly lower?: readonly Tree[];
  /** The trees that lie on the writable branch before the union is mounted. */
  readonly upper?: readonly Tree[];
  /** How many lower branches there are; where this is left out, the one with the trees. */
  readonly depth?: number;
  /** A plain directory has nothing like it. */
  readonly onlyUnions?: true;
  /** A program that it takes, and its Debian package. */
  readonly needs?: { readonly program: string; readonly debian: string };
}
