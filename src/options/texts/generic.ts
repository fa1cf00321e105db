import type { OptionSection } from './text.js';

export const genericOptions: OptionSection = {
  title: 'Options of any mount',
  intro: 'As in mount(8). With a remount only root can change flags.',
  options: [
    { forms: ['ro', 'rw'], text: 'The union as a whole is only read, or changed (the default).' },
    { forms: ['remount'], text: 'After mount: changes a union that is mounted, as `tsaufs remount` does.' },
    {
      forms: ['noatime', 'relatime', 'strictatime', 'atime', 'norelatime', 'nostrictatime'],
      text: 'When reading changes the time of access: never; now and then (the default); always. The others are the default.',
    },
    { forms: ['nodiratime', 'diratime'], text: 'The same, of directories only.' },
    { forms: ['nosuid', 'suid'], text: 'Whether set-user-id bits and file capabilities mean nothing. What an ordinary user mounts is always `nosuid`.' },
    { forms: ['nodev', 'dev'], text: 'Whether device files cannot be opened. What an ordinary user mounts is always `nodev`.' },
    { forms: ['noexec', 'exec'], text: 'Whether programs cannot be run.' },
    { forms: ['sync', 'async'], text: 'Whether writes are waited for.' },
    { forms: ['dirsync'], text: 'The same, of directories.' },
    {
      forms: ['allow_other'],
      text: 'Others may use the mount, too. What root mounts they always may; an ordinary user needs `user_allow_other` in /etc/fuse.conf.',
    },
    { forms: ['allow_root'], text: 'Refused: give `allow_other`.' },
    { forms: ['fsname=SOURCE'], text: 'What is shown as the source in /proc/mounts, instead of the one on the command line.' },
    { forms: ['context=LABEL'], text: 'The SELinux label of all files, where SELinux is on; in double quotes if it has commas.' },
    {
      forms: [
        'defaults', 'auto', 'noauto', 'user', 'nouser', 'users', 'nousers', 'owner', 'noowner', 'group', 'nogroup', 'nofail', '_netdev',
        'loud', 'comment=TEXT', 'nomand', 'noiversion', 'nolazytime', 'private', 'rprivate', 'user=NAME', 'uhelper=NAME', 'helper=NAME', 'subtype=NAME',
      ],
      text: 'Accepted: they are for mount(8), fstab(5) and systemd; so are all that begin with `x-`.',
    },
    {
      forms: ['default_permissions', 'nonempty', 'big_writes', 'auto_cache', 'user_id=N', 'group_id=N', 'rootmode=N', 'max_read=N'],
      text: 'Accepted: of FUSE, and done in any case.',
    },
    { forms: ['mand', 'iversion', 'lazytime', 'auto_unmount'], text: 'Accepted with a warning: without effect.' },
  ],
};

export const nativeOptions: OptionSection = {
  title: 'Options of the adapter fuse-native',
  intro: 'With `--adapter fuse-native` only; with the other one they are accepted with a warning.',
  options: [
    { forms: ['own_new_files'], text: 'New files belong to the one who mounted, whoever makes them. Root must say so to be given `allow_other`.' },
    {
      forms: ['entry_timeout=SECONDS', 'attr_timeout=SECONDS', 'negative_timeout=SECONDS'],
      text: 'For how long the kernel keeps names, attributes, and that there is no such name. 0 each; with more, what is changed on a branch ' +
        'or through another name is seen late.',
    },
    { forms: ['kernel_cache'], text: 'The kernel keeps the content of a file from one open to the next.' },
  ],
};
