// tsaufs(1).
import { isGroup, sections } from '../../src/cli/commands.js';
import { mountForms } from '../../src/cli/help.js';
import { synopsis } from './command-pages.js';
import { environment, exitStatuses } from './common.js';
import type { Block, Page } from './roff.js';

export function overviewPage(): Page {
  return {
    name: 'tsaufs',
    section: 1,
    blocks: [
      { kind: 'section', title: 'Name' },
      { kind: 'paragraph', text: 'tsaufs - union of directories, AUFS in user space' },
      { kind: 'section', title: 'Synopsis' },
      { kind: 'synopsis', lines: ['tsaufs COMMAND [ARGUMENTS]', ...mountForms, 'tsaufs --help|--version'] },
      { kind: 'section', title: 'Description' },
      {
        kind: 'paragraph',
        text: 'Mounts several directories, called branches, as one. The highest branch that has a name shows it. What is read stays where it ' +
          'is; the first change of a file on a branch that takes none copies it to one that does (copy-up), and what is deleted there is ' +
          'hidden by an empty file `.wh.NAME` above it (a whiteout). Options, the form of the branches and behaviour are those of AUFS, the ' +
          'union file system of Linux; it runs on any Linux with FUSE, for root and for ordinary users.',
      },
      { kind: 'paragraph', text: 'Without a command, the forms of mount(8) mount: the program can be a mount helper, and serve entries of fstab(5).' },
      { kind: 'paragraph', text: 'Options of mounts and the format of branches are described in tsaufs(5).' },
      { kind: 'section', title: 'Commands' },
      ...sections.flatMap(({ title, commands }): Block[] => [
        { kind: 'subsection', title },
        ...commands.flatMap((entry): Block[] => {
          const page = entry.name === 'help' ? '' : ` See tsaufs-${entry.name}(1).`;
          if (!isGroup(entry)) return [{ kind: 'item', forms: synopsis(entry), stacked: true, text: entry.summary + page }];
          return entry.commands.map((command, index) => ({
            kind: 'item', forms: synopsis(command, `${entry.name} `), stacked: true, text: command.summary + (index === 0 ? page : ''),
          }));
        }),
      ]),
      { kind: 'section', title: 'Exit status' },
      ...exitStatuses,
      { kind: 'paragraph', text: 'Some commands have more; their pages tell.' },
      ...environment,
      { kind: 'section', title: 'Files' },
      { kind: 'item', forms: ['/run/tsaufs/si_ID'], text: 'The state of a mount, see tsaufs(5). `log` in it is the log of the mount.' },
      { kind: 'item', forms: ['/etc/fuse.conf'], text: 'With a line `user_allow_other`, ordinary users may let others use what they mount (`allow_other`).' },
      { kind: 'item', forms: ['/var/lib/tsaufs, ~/.local/share/tsaufs'], text: 'Images and containers, of root and of an ordinary user.' },
      { kind: 'section', title: 'Examples' },
      { kind: 'paragraph', text: 'Two directories as one; what is changed goes to the first:' },
      { kind: 'example', lines: ['tsaufs mount -o br=./image1:./image2 ./container'] },
      { kind: 'paragraph', text: 'One more, below them; then the list of what is mounted, and the end:' },
      { kind: 'example', lines: ['tsaufs remount -o append:./image3 ./container', 'tsaufs list', 'tsaufs umount ./container'] },
      { kind: 'paragraph', text: 'Which branch does a file come from, and what has been changed?' },
      { kind: 'example', lines: ['tsaufs explain ./container/002', 'tsaufs diff ./container'] },
      { kind: 'paragraph', text: 'In /etc/fstab:' },
      { kind: 'example', lines: ['none /mnt fuse.tsaufs br=/rw:/ro,noatime 0 0'] },
      { kind: 'section', title: 'Notes' },
      {
        kind: 'paragraph',
        text: 'A mount is served by a process of its own in the background. If it is killed, the mount answers nothing more (ENOTCONN) until ' +
          '`tsaufs umount` removes it; nothing on the branches is lost.',
      },
      { kind: 'paragraph', text: 'Whether this machine has what a mount needs, and what to change where it has not, tells `tsaufs doctor`.' },
      { kind: 'section', title: 'See also' },
      {
        kind: 'paragraph',
        text: [
          'tsaufs(5)', ...sections.flatMap(({ commands }) => commands).filter(({ name }) => name !== 'help').map(({ name }) => `tsaufs-${name}(1)`),
          'fusermount3(1)', 'mount(8)', 'umount(8)', 'fstab(5)', 'fuse(4)',
        ].join(', '),
      },
    ],
  };
}
