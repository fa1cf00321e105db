/** The programs of aufs-util, where links of such names lead to this one: the command, and its arguments in our order. */
export const oldNames: Readonly<Record<string, (args: string[]) => string[]>> = {
  auchk: (args) => ['check', ...args],
  auplink: (args) => args.length < 2 ? ['plink', ...args] : ['plink', ...args.slice(1), args[0]],
  aumvdown: (args) => ['mvdown', ...args],
  // copy|move MOUNTPOINT UPPER LOWER; -i and -w are not needed here.
  aubrsync: (args) => {
    const [flags, rest] = [args.filter((arg) => arg.startsWith('-')), args.filter((arg) => !arg.startsWith('-'))];
    const ours = flags.map((flag) => flag === '--dry_run' ? '--dry-run' : flag).filter((flag) => !['-i', '--inotify', '-w', '--wh'].includes(flag));
    if (rest.length !== 4 || !/^(copy|move|move_w|move_with_wh)$/.test(rest[0])) return ['sync', ...ours, ...rest];
    return ['sync', `--${rest[0].slice(0, 4)}`, ...ours, '--upper', rest[2], rest[1], rest[3]];
  },
  // Which has -v for more than the process ids.
  aubusy: (args) => ['busy', ...(args[0] === '-v' ? args.slice(1) : ['--pids', ...args])],
};
