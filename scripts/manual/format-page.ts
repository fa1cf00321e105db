// tsaufs(5).
import { environment } from './common.js';
import { branchBlocks, optionBlocks } from './option-blocks.js';
import type { Block, Page } from './roff.js';

const branchFiles: Block[] = [
  { kind: 'section', title: 'Files on branches' },
  {
    kind: 'paragraph',
    text: 'All that a union needs to know is on its branches, in AUFS\'s form: with nothing mounted they can be read, copied and archived, and ' +
      'mounted again, by tsaufs or by AUFS. A name that begins with `.wh.` belongs to the union: it is not shown in it, and cannot be made ' +
      'there (EPERM). Other names may be 242 bytes long.',
  },
  { kind: 'item', forms: ['.wh.NAME'], text: 'A whiteout: an empty file that hides NAME on this branch and on those below.' },
  { kind: 'item', forms: ['.wh..wh..opq'], text: 'The directory that it is in is opaque: of the branches below nothing is shown in it.' },
  { kind: 'item', forms: ['.wh..wh.aufs'], text: 'In the root of a writable branch: what whiteouts are hard links of.' },
  { kind: 'item', forms: ['.wh..wh.plnk'], text: 'In the root of a writable branch: pseudo-links, copies of hard-linked files by their inode numbers.' },
  { kind: 'item', forms: ['.wh..wh.orph'], text: 'In the root of a writable branch: open files without a name, and copies in the making. The next mount empties it.' },
  { kind: 'item', forms: ['.wh..wh..dr.BRANCH', '.wh..wh..dr_path.BRANCH', '.wh..wh.hino'], text: 'With `dirren`: where lower branches have their parts of a renamed directory.' },
  { kind: 'item', forms: ['.wh..wh.rename'], text: 'The rename of the moment. After a crash the next mount finishes or undoes it.' },
  { kind: 'paragraph', text: 'Whiteouts and opaque marks count on branches that are `rw` or have `wh`. `tsaufs check` finds what is wrong with them.' },
];

const state: Block[] = [
  { kind: 'section', title: 'State' },
  {
    kind: 'paragraph',
    text: 'Each mount has a directory `si_ID`, after AUFS\'s /sys/fs/aufs/si_ID: root\'s in /run/tsaufs, an ordinary user\'s in ' +
      '$XDG_RUNTIME_DIR/tsaufs or in /tmp/tsaufs- and his number. It goes when the mount ends.',
  },
  { kind: 'item', forms: ['br0', 'br1', '…'], text: 'The branches from the top down, as `PATH=PERMISSION`.' },
  { kind: 'item', forms: ['brid0', 'brid1', '…'], text: 'Their numbers, which they keep while the union is mounted.' },
  { kind: 'item', forms: ['xi_path'], text: 'Where AUFS has inode numbers; empty with `noxino`.' },
  { kind: 'item', forms: ['mount'], text: 'What `tsaufs list --json` shows: mount point, options, process, log. JSON.' },
  { kind: 'item', forms: ['log'], text: 'The log: one JSON object a line, with `time`, `level` and `msg`.' },
  { kind: 'item', forms: ['control'], text: 'A socket, through which commands speak with the process. For its owner only.' },
];

export const formatPage: Page = {
  name: 'tsaufs',
  section: 5,
  blocks: [
    { kind: 'section', title: 'Name' },
    { kind: 'paragraph', text: 'tsaufs - mount options and branches of unions' },
    { kind: 'section', title: 'Synopsis' },
    {
      kind: 'synopsis',
      lines: [
        'tsaufs mount -o br=PATH[=PERMISSION[+ATTRIBUTE]…][:PATH…][,OPTION…] MOUNTPOINT',
        'mount -t fuse.tsaufs -o br=PATH:PATH[,OPTION…] none MOUNTPOINT',
      ],
    },
    { kind: 'section', title: 'Description' },
    {
      kind: 'paragraph',
      text: 'What follows `-o` of tsaufs-mount(1) and tsaufs-remount(1), and stands in the fourth field of fstab(5): options separated by commas. ' +
        'They are those of aufs(5), those of overlayfs, and those of any mount. An option that is not known is an error; one that is known and ' +
        'means nothing here is accepted, with a line in the log.',
    },
    ...branchBlocks(),
    ...optionBlocks(),
    ...branchFiles,
    ...state,
    ...environment,
    { kind: 'section', title: 'Files' },
    { kind: 'item', forms: ['/etc/fstab'], text: 'Mounts at the start of the system, of the type `fuse.tsaufs`.' },
    { kind: 'item', forms: ['/etc/fuse.conf'], text: 'Whether ordinary users may give `allow_other`.' },
    { kind: 'item', forms: ['/proc/sys/fs/inotify/max_user_watches'], text: 'How many cached names can be watched for changes on the branches; beyond it names are kept for 50 ms only.' },
    { kind: 'section', title: 'Examples' },
    { kind: 'paragraph', text: 'A container\'s layers, as Docker mounts them:' },
    { kind: 'example', lines: ['tsaufs mount -o br=/c/rw=rw:/c/layer2=ro+wh:/c/layer1=ro+wh /mnt'] },
    { kind: 'paragraph', text: 'New files in turn on two disks:' },
    { kind: 'example', lines: ['tsaufs mount -o br=/disk1=rw:/disk2=rw,create=rr /mnt'] },
    { kind: 'paragraph', text: 'A read-only system below a directory in memory, at the start of the system (/etc/fstab):' },
    { kind: 'example', lines: ['none /srv/www fuse.tsaufs br=/run/www:/usr/share/www=ro,noatime 0 0'] },
    { kind: 'paragraph', text: 'The same union in the words of overlayfs:' },
    { kind: 'example', lines: ['tsaufs mount -o lowerdir=/usr/share/www,upperdir=/run/www,workdir=/run/work /srv/www'] },
    { kind: 'paragraph', text: 'A path with a colon:' },
    { kind: 'example', lines: ['tsaufs mount -o \'br=/upper:/a\\:b\' /mnt'] },
    { kind: 'section', title: 'Notes' },
    {
      kind: 'paragraph',
      text: 'On a new mount flags are carried out first and branches after them, in whatever order they are written; on a remount all options are ' +
        'carried out from left to right, and the first that fails is the last.',
    },
    {
      kind: 'paragraph',
      text: 'mount(8) clears the environment of its helpers: `tsaufs` and `node` must be in one of the system\'s directories, such as /usr/local/bin.',
    },
    { kind: 'section', title: 'See also' },
    { kind: 'paragraph', text: 'tsaufs(1), tsaufs-mount(1), tsaufs-remount(1), tsaufs-check(1), mount(8), fstab(5), fuse(4), inotify(7)' },
  ],
};
