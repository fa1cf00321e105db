/**
 * Cases in which tsaufs does not yet do what kernel AUFS did, and why. A case that comes to agree fails its
 * test until it is taken off this list.
 */
export const knownDifferences: Readonly<Partial<Record<string, string>>> = {
};
