/** The programs of aufs-util, where links of such names lead to this one: the command, and its arguments in our order. */
export const oldNames: Readonly<Record<string, (args: string[]) => string[]>> = {
  auchk: (args) => ['check', ...args],
  auplink: (args) => args.length < 2 ? ['plink', ...args] : ['plink', ...args.slice(1), args[0]],
  aumvdown: (args) => ['mvdown', ...args],
  // Which has -v for more than the process ids.
  aubusy: (args) => ['busy', ...(args[0] === '-v' ? args.slice(1) : ['--pids', ...args])],
};
