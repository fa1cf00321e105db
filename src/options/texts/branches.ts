import type { OptionSection, ValueText } from './text.js';

/** How a branch is written, between the table of options and those of permissions and attributes. */
export const branchFormat: readonly string[] = [
  'A branch is a directory, and what may be done to it: `PATH[=PERMISSION[+ATTRIBUTE]…]`. Branches are joined by colons, from the top ' +
    'down; the highest branch that has a name shows it, and directories of one name are merged. A path is relative to the working ' +
    'directory of who mounts.',
  'In a path, a backslash before a comma, colon, equals sign or backslash makes that a part of the path; so do double quotes around the ' +
    'whole value for commas. The last equals sign is the one before the permission.',
  'A branch that is missing, is given twice or lies inside another is refused. There may be up to 32,767. Any file system can be a branch; ' +
    'one that is itself a union (tsaufs, AUFS, fuse-overlayfs) only for reading. A directory should be the writable branch of one union ' +
    'at a time; read-only branches can be shared.',
  'An unknown permission counts as `ro`, and an unknown attribute as nothing, with those after it; both with a warning.',
];

export const permissions: readonly ValueText[] = [
  { form: 'rw', text: 'Takes changes. The default of the first branch, unless the union is mounted `ro`.' },
  { form: 'ro', text: 'Is only read; its whiteouts do not count, unless it has `wh`. The default of the other branches.' },
  {
    form: 'rr',
    text: 'Is only read, and can change by nobody: a branch on a read-only medium. The default on iso9660, cramfs, romfs and squashfs.',
  },
];

export const attributes: readonly ValueText[] = [
  {
    form: 'wh',
    of: ['ro', 'rr'],
    text: 'whiteouts and opaque marks on it count. For a branch that was the writable one of another union, such as the ' +
      'layer of an image.',
  },
  { form: 'nolwh', of: ['rw'], text: 'a whiteout is a file of its own, not a hard link of `.wh..wh.aufs`. For file systems without hard links.' },
  {
    form: 'coo_reg',
    text: 'Copy-up on open: a regular file of this branch is copied to the nearest writable branch above when it is opened, not when it ' +
      'is first changed.',
  },
  { form: 'coo_all', text: 'The same, of directories, too.' },
  {
    form: 'moo',
    of: ['rw'],
    text: 'move-up on open: the same as `coo_reg`, and the original is removed. Of `coo_reg`, `coo_all` and `moo` the last one ' +
      'written counts.',
  },
  { form: 'icex', text: 'A copy-up to this branch goes on where it cannot copy an extended attribute. All of the following.' },
  { form: 'icexsec', text: 'The same, of `security.*` (labels, capabilities).' },
  { form: 'icexsys', text: 'The same, of `system.*` (POSIX ACLs).' },
  { form: 'icextr', text: 'The same, of `trusted.*`.' },
  { form: 'icexusr', text: 'The same, of `user.*`.' },
  { form: 'icexoth', text: 'The same, of any other class.' },
  { form: 'unpin', text: 'Accepted, without effect: the directory of a branch can be renamed in any case.' },
  { form: 'fhsm', text: 'Accepted, without effect: there is no hierarchical storage management.' },
];

export const branchOptions: OptionSection = {
  title: 'Branches',
  intro: 'With a new mount `br=` comes first and the other ones after it, from left to right; with a remount all options are carried out ' +
    'from left to right. In place of the first colon there may be an equals sign. BRANCH is `PATH[=PERMISSION[+ATTRIBUTE]…]`.',
  options: [
    {
      forms: ['br=BRANCH[:BRANCH…]', 'dirs=BRANCH[:BRANCH…]'],
      text: 'The branches of a new union, from the top down. With a remount it may only repeat what is there, as mount(8) does with the ' +
        'options of fstab(5).',
    },
    { forms: ['append:BRANCH'], text: 'One more branch, at the bottom.' },
    { forms: ['prepend:BRANCH'], text: 'One more branch, at the top.' },
    { forms: ['add:INDEX:BRANCH', 'ins:INDEX:BRANCH'], text: 'One more branch, above the one that has this index; the top one has 0.' },
    {
      forms: ['mod:PATH=PERMISSION[+ATTRIBUTE]…'],
      text: 'Another permission, or other attributes. On a branch that becomes `rw` AUFS\'s own entries are made; they are removed from one ' +
        'that becomes `ro`. Where files are open on it for writing that the kernel serves by itself, it stays `rw` unless the union is ' +
        'mounted with `passthrough=none`.',
    },
    {
      forms: ['del:PATH'],
      text: 'Takes a branch away. Refused (EBUSY) while something of it is in use, with the names of what is; `tsaufs busy` shows by whom.',
    },
  ],
};
