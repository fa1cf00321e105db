import type { OptionSection } from './text.js';

export const policyOptions: OptionSection = {
  title: 'Several writable branches',
  intro: 'Where there is one writable branch these mean nothing: it takes all changes to what lies below it.',
  options: [
    {
      forms: ['create=POLICY', 'create_policy=POLICY'],
      text: 'Which writable branch a new file or directory goes to. SECONDS (at most 3600) is for how long a look at the free space holds; LOW is in bytes.',
      values: [
        { form: 'tdp', also: ['top-down-parent'], text: 'The highest that has the parent directory.', isDefault: true },
        { form: 'rr', also: ['round-robin'], text: 'Each in turn.' },
        { form: 'mfs[:SECONDS]', also: ['most-free-space'], text: 'The one with most free space, looked at every SECONDS (30).' },
        { form: 'mfsrr:LOW[:SECONDS]', text: 'The same, but in turn once none has LOW bytes free.' },
        { form: 'pmfs[:SECONDS]', text: 'As `mfs`, among those that have the parent directory.' },
        { form: 'pmfsrr:LOW[:SECONDS]', text: 'As `mfsrr`, among those that have the parent directory.' },
        { form: 'tdmfs:LOW[:SECONDS]', text: 'As `tdp` as long as that one has LOW bytes free, then as `mfs`.' },
      ],
    },
    {
      forms: ['cpup=POLICY', 'copyup=POLICY', 'copyup_policy=POLICY'],
      text: 'Which writable branch a copy goes to.',
      values: [
        { form: 'tdp', also: ['top-down-parent'], text: 'The highest that has the parent directory.', isDefault: true },
        { form: 'bup', also: ['bottom-up-parent'], text: 'The nearest one above that has the parent directory.' },
        { form: 'bu', also: ['bottom-up'], text: 'The nearest one above.' },
      ],
    },
  ],
};

export const unionOptions: OptionSection = {
  title: 'Options of AUFS',
  options: [
    {
      forms: ['udba=LEVEL'],
      text: 'User\'s direct branch access: whether the union shows what is changed on a branch past it.',
      values: [
        { form: 'reval', text: 'At once; what is cached is watched (inotify).', isDefault: true },
        { form: 'notify', also: ['fsnotify', 'inotify'], text: 'The same.' },
        { form: 'none', text: 'Perhaps never: for branches that only the union changes. The fastest.' },
      ],
    },
    {
      forms: ['diropq=WHEN'],
      text: 'When a new directory is made opaque, so that it shows nothing of the branches below.',
      values: [
        { form: 'w', also: ['whiteouted'], text: 'Where there was a whiteout, which it replaces.', isDefault: true },
        { form: 'a', also: ['always'], text: 'Always.' },
      ],
    },
    {
      forms: ['plink', 'noplink'],
      text: 'Whether the names of a hard-linked file stay one file when it is copied up (pseudo-links). The default is `plink`; with ' +
        '`noplink` the name that is changed gets a copy of its own.',
    },
    {
      forms: ['clean_plink'],
      text: 'With a remount: makes all pseudo-links real. An unmount does that, too; see tsaufs-plink(1).',
    },
    { forms: ['list_plink'], text: 'With a remount: prints the pseudo-links.' },
    {
      forms: ['dirren', 'nodirren'],
      text: 'Whether a directory that has children on lower branches can be renamed. The default is `nodirren`: rename(2) says EXDEV, ' +
        'upon which mv(1) copies. With `dirren` records on the upper branch say where the lower parts are; a mount without it does not ' +
        'look at them.',
    },
    {
      forms: ['dirperm1', 'nodirperm1'],
      text: 'Whose permissions count for a merged directory: those of the highest branch that has it (`dirperm1`), or those of all ' +
        '(`nodirperm1`, the default).',
    },
    {
      forms: ['warn_perm', 'nowarn_perm'],
      text: 'Whether the log tells of a branch whose owner or mode differs from the first one\'s. The default is `warn_perm`.',
    },
    {
      forms: ['shwh', 'noshwh'],
      text: 'Whether whiteouts are shown as files. Only a union that is mounted `ro` can show them. The default is `noshwh`.',
    },
    {
      forms: ['sum', 'wsum', 'nosum'],
      text: 'What statfs(2) and df(1) tell: the first branch (`nosum`, the default), or the sum of all ' +
        '(`sum`, `wsum`), where a file system counts once, however many branches lie on it.',
    },
    {
      forms: ['xino=FILE', 'noxino'],
      text: 'Where inode numbers of copied files are remembered once they are many, as a file that must not exist and has no name while it ' +
        'is used; the default is `.aufs.xino` on the first writable branch. With `noxino` a file may have another number after its ' +
        'copy-up. With a remount, `xino=` moves nothing.',
    },
    {
      forms: ['dio', 'nodio'],
      text: 'Whether a file can be opened with O_DIRECT. The default is `nodio`: EINVAL.',
    },
    {
      forms: ['acl', 'noacl'],
      text: 'Accepted: the POSIX ACLs of the branches count with both.',
    },
    {
      forms: ['verbose', 'v', 'noverbose', 'quiet', 'q', 'silent'],
      text: 'Whether the log tells more. The default is `noverbose`.',
    },
    {
      forms: ['debug', 'debug=N'],
      text: 'The same as `verbose`; `debug=0` the same as `noverbose`.',
    },
    {
      forms: ['droplvl=N', 'ephemeral'],
      text: 'Sets of options, as mount.aufs(8) has them: drops, level by level, what costs time. `ephemeral` is `droplvl=3`.',
      values: [
        { form: '1', text: '`noatime`, `dirperm1`, `udba=none`, `nodirren`.' },
        { form: '2', text: 'Besides, `notrunc_xino` and `notrunc_xib`.' },
        { form: '3', text: 'Besides, `noplink` and `noxino`.' },
        { form: '-1', text: '`relatime`, `nodirperm1`, `udba=reval`.' },
        { form: '-2', text: 'Besides, `notrunc_xino` and `notrunc_xib`.' },
        { form: '-3', text: 'Besides, `plink` and `xino` in its default place.' },
      ],
    },
  ],
};

export const ownOptions: OptionSection = {
  title: 'Options of tsaufs',
  options: [
    {
      forms: ['passthrough=WHICH'],
      text: 'Which files the kernel reads and writes by itself (FUSE passthrough, since Linux 6.9; only for what root mounts).',
      values: [
        {
          form: 'own', isDefault: true,
          text: 'Those that stay on their branch while they are open: files of writable branches, and all files of a union without one.',
        },
        { form: 'all', text: 'Reads of all. As with overlayfs, a descriptor opened before a copy-up goes on reading the old file.' },
        { form: 'none', text: 'None.' },
      ],
    },
    {
      forms: ['volatile'],
      text: 'fsync(2) and sync(2) do nothing: after a crash of the machine the writable branches are lost.',
    },
    {
      forms: ['redirect_dir=HOW'],
      text: 'Renaming directories, in the words of overlayfs.',
      values: [
        { form: 'on', text: 'As `dirren`.' },
        { form: 'off', also: ['nofollow'], text: 'A directory that a lower branch has cannot be renamed, not even where it is empty there. The default with `lowerdir=`.' },
        { form: 'follow', text: 'As `off`: redirections that overlayfs wrote are not followed.' },
      ],
    },
    {
      forms: ['whiteouts=WHOSE'],
      text: 'Which whiteouts and opaque marks count.',
      values: [
        { form: 'aufs', text: 'AUFS\'s. The default, but for unions given by `lowerdir=`.' },
        {
          form: 'overlay',
          text: 'Those of overlayfs and fuse-overlayfs, too: devices 0:0, and the extended attributes `trusted.overlay.opaque`, ' +
            '`user.overlay.opaque` and `user.fuseoverlayfs.opaque`, which are not shown then.',
        },
      ],
    },
    {
      forms: ['uidmapping=ON_BRANCH:SHOWN:COUNT[:…]', 'gidmapping=ON_BRANCH:SHOWN:COUNT[:…]'],
      text: 'Owners (groups) from ON_BRANCH on, COUNT of them, are shown as SHOWN and on, and what is made by those or given to them is ' +
        'stored so; also in ACLs. Others are shown as 65534.',
    },
    {
      forms: ['squash_to_root', 'squash_to_uid=N', 'squash_to_gid=N'],
      text: 'Everything is shown to belong to root, or to N.',
    },
  ],
};

export const idleOptions: OptionSection = {
  title: 'Accepted, without effect',
  intro: 'Options of AUFS for what tsaufs does in another way. With a value that makes no sense they are refused all the same.',
  options: [
    {
      forms: ['trunc_xino', 'notrunc_xino', 'trunc_xib', 'notrunc_xib'],
      text: 'The table of inode numbers takes no room where nothing is remembered.',
    },
    { forms: ['trunc_xino=PATH', 'trunc_xino_path=PATH', 'itrunc_xino=INDEX'], text: 'The same; with a remount only.' },
    { forms: ['dirwh=N'], text: 'A directory full of whiteouts is moved out of sight at once, and removed in the same call.' },
    { forms: ['rdblk=N', 'rdhash=N', 'rdcache=SECONDS', 'rdmax=N', 'fhsm_sec=SECONDS'], text: 'They tune memory that tsaufs does not use.' },
    { forms: ['si=ID'], text: 'Told by the kernel\'s AUFS of a mount; means nothing in a new one.' },
    { forms: ['nodlgt', 'delete=VALUE', 'imap=VALUE'], text: 'AUFS ignores them, too.' },
  ],
};
