import type { OptionSection } from './text.js';

export const overlayOptions: OptionSection = {
  title: 'Options of overlayfs',
  intro: 'For tools that speak to overlayfs or fuse-overlayfs. They mean this in a union that is given by `lowerdir=` or `upperdir=`, not ' +
    'by `br=`. What is written is AUFS\'s format.',
  options: [
    {
      forms: ['lowerdir=PATH[:PATH…]', 'lowerdir+=PATH'],
      text: 'Branches `ro+wh`, from the top down; the second form adds one. Without `upperdir=` the union is read-only.',
    },
    { forms: ['upperdir=PATH'], text: 'The branch above them, `rw`.' },
    { forms: ['workdir=PATH'], text: 'Accepted: temporary names are kept in the branch itself.' },
    {
      forms: ['fsync=HOW'],
      text: 'As `volatile`, in the words of fuse-overlayfs.',
      values: [
        { form: 'volatile', also: ['0'], text: 'Nothing is synchronised.' },
        { form: 'auto', also: ['strict', '1'], text: 'It is.', isDefault: true },
      ],
    },
    {
      forms: ['index=HOW', 'nfs_export=HOW', 'uuid=HOW', 'xino=HOW', 'userxattr'],
      text: 'Accepted with the values that overlayfs has (`on`, `off`, `auto`, `null`): done in any case, or about what overlayfs writes ' +
        'into its layers. With `br=`, `xino=` names a file.',
    },
    { forms: ['metacopy=HOW'], text: '`off` is accepted; so is `on`, with a warning: data is copied up with the rest.' },
    { forms: ['verity=HOW'], text: '`off` is accepted; `on` and `require` are refused.' },
    {
      forms: [
        'threaded=N', 'fast_ino=N', 'fast_ino_check=N', 'timeout=SECONDS', 'writeback=N', 'max_threads=N', 'max_idle_threads=N', 'clone_fd',
        'static_nlink', 'ino32_t', 'sync', 'attr_timeout=SECONDS', 'entry_timeout=SECONDS', 'negative_timeout=SECONDS',
      ],
      text: 'Accepted, without effect: about threads and caches of fuse-overlayfs.',
    },
    {
      forms: ['datadir+=PATH', 'fscontext=LABEL', 'defcontext=LABEL', 'rootcontext=LABEL', 'plugins=PATH'],
      text: 'Refused: there are no data-only layers, and files keep the labels of their branches.',
    },
    { forms: ['xattr_permissions=N', 'noxattrs=N'], text: 'Refused, but for 0.' },
  ],
};
