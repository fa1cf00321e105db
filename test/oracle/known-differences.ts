/**
 * Cases in which tsaufs does not do what kernel AUFS did, and why. A case that comes to agree fails its test
 * until it is taken off this list. docs/aufs-compatibility.md tells the ones that are meant to stay.
 */
export const knownDifferences: Readonly<Partial<Record<string, string>>> = {
  ...because('AUFS loses the new name of a lower file that is linked with noplink', ['hardlink-noplink']),

  // Which errno comes first. The kernel checks the kind of file before it asks a FUSE file system.
  ...because('EROFS where the kernel sees a wrong kind of file first (EISDIR, ENOTDIR)', randoms([
    13, 20, 48, 69, 83, 97, 104, 111, 118, 139, 153, 160, 167, 181, 188, 202, 209, 216, 244, 258,
    265, 272, 279, 286, 307, 321, 328, 335, 349, 356, 363, 370, 384, 398,
  ])),
  ...because('AUFS links a file of a read-only branch into a writable one below it, so that both share an inode', randoms([
    76, 90, 146, 195, 230,
  ])),
  ...because('with opaque marks on two branches AUFS shows what the upper one hides', randoms([
    131, 269, 285,
  ])),
  ...because('the time shown of a directory after a change on another branch', randoms([12, 60, 151])),
};

function because(reason: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, reason]));
}

function randoms(numbers: readonly number[]): string[] {
  return numbers.map((number) => `random-${number}`);
}
