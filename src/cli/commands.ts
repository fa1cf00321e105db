// Every command of tsaufs: main.ts finds them here, and help texts, manual pages and completions are made from here.

import type { Command as Parser } from 'commander';

/** What a command's file gives. */
export interface LoadedCommand {
  /** Returns the exit status. */
  run: (args: string[]) => number | Promise<number>;
  parser: () => Parser;
}

export interface Command {
  name: string;
  aliases?: readonly string[];
  /** What it does, in one sentence. */
  summary: string;
  /** What may follow the name: a line a form. */
  usage: readonly string[];
  /** Loads its file, which no other command needs: starting is what a mount takes longest for. */
  load: () => Promise<LoadedCommand>;
}

/** A word with commands of its own, such as `tsaufs image`. */
export interface CommandGroup {
  name: string;
  summary: string;
  commands: readonly Command[];
  /** What all of them have in common. */
  notes?: string;
}

export interface Section {
  title: string;
  commands: readonly (Command | CommandGroup)[];
}

const layer: CommandGroup = {
  name: 'layer',
  summary: 'Container layers, as archives and as branches.',
  commands: [
    {
      name: 'apply',
      summary: 'Make a branch of a layer\'s archive (tar; plain, gzip or zstd). Whiteouts become AUFS\'s files.',
      usage: ['[--into] LAYER DIR'],
      load: () => import('./layer.js').then((file) => ({ run: file.layerApplyCommand, parser: file.layerApplyParser })),
    },
    {
      name: 'pack',
      summary: 'Pack a branch as a layer\'s archive.',
      usage: ['[-o FILE] [--gzip] DIR|MOUNTPOINT'],
      load: () => import('./layer.js').then((file) => ({ run: file.layerPackCommand, parser: file.layerPackParser })),
    },
  ],
};

const image: CommandGroup = {
  name: 'image',
  summary: 'Images, and containers made from them, in a store in the layout of Docker\'s.',
  commands: [
    {
      name: 'import',
      summary: 'Take images into the store: from an archive of docker save, or an OCI layout (a directory or an archive).',
      usage: ['[--name NAME[:TAG]] [--platform OS/ARCH] ARCHIVE|OCI-LAYOUT[:TAG]'],
      load: () => import('./image-import.js').then((file) => ({ run: file.imageImport, parser: file.imageImportParser })),
    },
    {
      name: 'list',
      summary: 'List the images, and the containers made from them.',
      usage: ['[-q] [--json]'],
      load: () => import('./image-list.js').then((file) => ({ run: file.imageList, parser: file.imageListParser })),
    },
    {
      name: 'history',
      summary: 'Show how an image came about, the last step first.',
      usage: ['[--json] NAME'],
      load: () => import('./image-history.js').then((file) => ({ run: file.imageHistory, parser: file.imageHistoryParser })),
    },
    {
      name: 'mount',
      summary: 'Mount an image with a new container layer on top, or a container that there is.',
      usage: ['[--read-only] [--no-init] NAME|CONTAINER MOUNTPOINT'],
      load: () => import('./image-mount.js').then((file) => ({ run: file.imageMount, parser: file.imageMountParser })),
    },
    {
      name: 'commit',
      summary: 'Make an image of what has changed in a container.',
      usage: ['[-m MESSAGE] [-a AUTHOR] [-c INSTRUCTION] MOUNTPOINT|CONTAINER [NAME[:TAG]]'],
      load: () => import('./image-commit.js').then((file) => ({ run: file.imageCommit, parser: file.imageCommitParser })),
    },
    {
      name: 'export',
      summary: 'Write an image for others: as an OCI layout, or as an archive for docker load.',
      usage: ['[--format oci|docker] NAME DESTINATION'],
      load: () => import('./image-export.js').then((file) => ({ run: file.imageExport, parser: file.imageExportParser })),
    },
    {
      name: 'rm',
      summary: 'Remove names, images with the layers that nothing else has, and containers.',
      usage: ['[--force] NAME|CONTAINER…'],
      load: () => import('./image-rm.js').then((file) => ({ run: file.imageRm, parser: file.imageRmParser })),
    },
  ],
  notes: 'All take --store DIRECTORY; without it images are in /var/lib/tsaufs, an ordinary user\'s in ~/.local/share/tsaufs.',
};

const docker: CommandGroup = {
  name: 'docker',
  summary: 'The images and containers of Docker\'s AUFS storage driver.',
  commands: [
    {
      name: 'inspect',
      summary: 'List the images and containers in Docker\'s store, or describe one of them.',
      usage: ['[--root DIRECTORY] [--all] [--json] [IMAGE|CONTAINER]'],
      load: () => import('./docker.js').then((file) => ({ run: file.dockerInspectCommand, parser: file.dockerInspectParser })),
    },
    {
      name: 'mount',
      summary: 'Mount an image or container of Docker\'s store, read-only unless changes have another place to go.',
      usage: ['[--root DIRECTORY] [--scratch DIRECTORY] IMAGE|CONTAINER MOUNTPOINT'],
      load: () => import('./docker.js').then((file) => ({ run: file.dockerMountCommand, parser: file.dockerMountParser })),
    },
    {
      name: 'export',
      summary: 'Write an image or container of Docker\'s store as an image for others.',
      usage: ['[--root DIRECTORY] [--format oci|docker] IMAGE|CONTAINER DESTINATION'],
      load: () => import('./docker.js').then((file) => ({ run: file.dockerExportCommand, parser: file.dockerExportParser })),
    },
  ],
  notes: 'Reads what Docker up to 1.9 has written (graph/), and what later ones have (image/aufs/). Docker need not run,\n' +
    'and nothing in its directory is changed.',
};

const helpers: CommandGroup = {
  name: 'helpers',
  summary: 'The programs that mount(8) and umount(8) run, and AUFS\'s commands by their names, as links to this one.',
  commands: [
    {
      name: 'install',
      summary: 'Make the links for mount -t tsaufs and -t fuse.tsaufs, and others on request.',
      usage: ['[--aufs] [--tools] [--prefix DIR] [-n] [--json]'],
      load: () => import('./helpers.js').then((file) => ({ run: file.helpersInstall, parser: file.helpersInstallParser })),
    },
    {
      name: 'remove',
      summary: 'Remove them, all that there are.',
      usage: ['[--prefix DIR] [-n] [--json]'],
      load: () => import('./helpers.js').then((file) => ({ run: file.helpersRemove, parser: file.helpersRemoveParser })),
    },
    {
      name: 'status',
      summary: 'Show which there are.',
      usage: ['[--prefix DIR] [--json]'],
      load: () => import('./helpers.js').then((file) => ({ run: file.helpersStatus, parser: file.helpersStatusParser })),
    },
  ],
};

export const sections: readonly Section[] = [
  {
    title: 'Unions',
    commands: [
      {
        name: 'mount',
        summary: 'Mount a union of directories, described by options in the manner of aufs(5).',
        usage: ['[-f|--ui] [-v] -o OPTIONS [SOURCE] MOUNTPOINT'],
        load: () => import('./mount.js').then((file) => ({ run: file.mountCommand, parser: file.mountParser })),
      },
      {
        name: 'remount',
        summary: 'Change a mounted union: its branches and options.',
        usage: ['[-v] -o OPTIONS MOUNTPOINT'],
        load: () => import('./remount.js').then((file) => ({ run: file.remountCommand, parser: file.remountParser })),
      },
      {
        name: 'umount',
        aliases: ['unmount'],
        summary: 'Unmount unions, and wait until their processes have cleaned up.',
        usage: ['[-l] [-i] MOUNTPOINT…'],
        load: () => import('./umount.js').then((file) => ({ run: file.umountCommand, parser: file.umountParser })),
      },
      {
        name: 'list',
        summary: 'Show the mounted unions: yours and those of root.',
        usage: ['[-v [--gc]] [--json]'],
        load: () => import('./list.js').then((file) => ({ run: file.listCommand, parser: file.listParser })),
      },
    ],
  },
  {
    title: 'Seeing copy-on-write',
    commands: [
      {
        name: 'explain',
        summary: 'Tell which branch a path of a union comes from, what hides the others, and what a change would do.',
        usage: ['[--json] [-o OPTIONS] PATH…'],
        load: () => import('./explain.js').then((file) => ({ run: file.explainCommand, parser: file.explainParser })),
      },
      {
        name: 'tree',
        summary: 'Show the merged tree of a union, and the branch that each name comes from.',
        usage: ['[-L LEVELS] [-a] [--json] DIRECTORY', '-o OPTIONS [DIRECTORY]'],
        load: () => import('./tree.js').then((file) => ({ run: file.treeCommand, parser: file.treeParser })),
      },
      {
        name: 'trace',
        summary: 'Show what happens in a mounted union as it happens: a line an event.',
        usage: ['[-k KIND,…] [-x KIND,…] [-p PATH]… [--json] [-v] MOUNTPOINT'],
        load: () => import('./trace.js').then((file) => ({ run: file.traceCommand, parser: file.traceParser })),
      },
      {
        name: 'ui',
        summary: 'Show a mounted union as a page in the browser: its layers, what happens in it, and a tour of copy-on-write.',
        usage: ['[--port PORT] [--open] [-v] MOUNTPOINT', '[--port PORT] [--open] [-v] --tour'],
        load: () => import('./ui.js').then((file) => ({ run: file.uiCommand, parser: file.uiParser })),
      },
      {
        name: 'diff',
        summary: 'List what a branch changes of the branches below it, as docker diff does.',
        usage: ['[--json] MOUNTPOINT', '[--json] [--below DIR[:DIR…]] DIR'],
        load: () => import('./diff.js').then((file) => ({ run: file.diffCommand, parser: file.diffParser })),
      },
    ],
  },
  {
    title: 'Tools for branches',
    commands: [
      {
        name: 'check',
        summary: 'Look for what is wrong with branches: marks that hide nothing, and what was left by interrupted mounts.',
        usage: ['[--below DIR[:DIR…]] [--repair] [-w|-r|-s] [-n] [-q] [--json] BRANCH…'],
        load: () => import('./check.js').then((file) => ({ run: file.checkCommand, parser: file.checkParser })),
      },
      {
        name: 'plink',
        summary: 'Show pseudo-links, the hard links that reach across branches, or make them real.',
        usage: ['list|cpup|flush [-n] [--json] MOUNTPOINT'],
        load: () => import('./plink.js').then((file) => ({ run: file.plinkCommand, parser: file.plinkParser })),
      },
      {
        name: 'mvdown',
        summary: 'Move files of a mounted union down, to a lower branch: the opposite of a copy-up.',
        usage: ['[-b BRANCH] [-B BRANCH] [-k] [-o] [-r] [-R] [-i] [-n] [-v] [--json] PATH…'],
        load: () => import('./mvdown.js').then((file) => ({ run: file.mvdownCommand, parser: file.mvdownParser })),
      },
      {
        name: 'sync',
        summary: 'Make a lower branch show what the upper one shows, whiteouts applied; and perhaps empty the upper one.',
        usage: ['[--copy|--move] [-u BRANCH] [--live] [-n] [-v] [--json] MOUNTPOINT DEST…', '[--copy|--move] -u BRANCH [-n] [-v] [--json] DEST…'],
        load: () => import('./sync.js').then((file) => ({ run: file.syncCommand, parser: file.syncParser })),
      },
      {
        name: 'busy',
        summary: 'Show which processes use files of a branch through its union.',
        usage: ['[-p] [--json] MOUNTPOINT BRANCH'],
        load: () => import('./busy.js').then((file) => ({ run: file.busyCommand, parser: file.busyParser })),
      },
    ],
  },
  {
    title: 'Containers',
    commands: [
      layer,
      image,
      docker,
      {
        name: 'graphdriver',
        summary: 'Serve Docker Engine as a storage driver, until ended by a signal (SIGTERM, ^C).',
        usage: ['[-v] [--socket PATH]'],
        load: () => import('./graphdriver.js').then((file) => ({ run: file.graphdriverCommand, parser: file.graphdriverParser })),
      },
    ],
  },
  {
    title: 'This machine',
    commands: [helpers],
  },
  {
    title: 'Help',
    commands: [
      {
        name: 'doctor',
        summary: 'Tell what this machine can do, whether unions can be mounted on it, and what to change.',
        usage: ['[--no-mount] [--json] [DIR…]'],
        load: () => import('./doctor.js').then((file) => ({ run: file.doctorCommand, parser: file.doctorParser })),
      },
      {
        name: 'help',
        summary: 'Show what commands there are, or the help of one.',
        usage: ['[COMMAND]'],
        load: () => import('./help.js').then((file) => ({ run: file.helpCommand, parser: file.helpParser })),
      },
      {
        name: 'completion',
        summary: 'Print the script with which a shell completes commands, options, branches and mount points.',
        usage: ['bash|zsh|fish'],
        load: () => import('./completion.js').then((file) => ({ run: file.completionCommand, parser: file.completionParser })),
      },
    ],
  },
];

export const commands: readonly (Command | CommandGroup)[] = sections.flatMap((section) => section.commands);

export function isGroup(entry: Command | CommandGroup): entry is CommandGroup {
  return 'commands' in entry;
}

/** Commands are also found by their aliases. */
export function findEntry<Entry extends Command | CommandGroup>(entries: readonly Entry[], name: string): Entry | undefined {
  return entries.find((entry) => entry.name === name || (!isGroup(entry) && (entry.aliases ?? []).includes(name)));
}

/** `name`: with the word before it, such as `layer apply`. */
export function findCommand(name: string): Command {
  const [first, second = ''] = name.split(' ');
  const entry = findEntry(commands, first);
  const found = entry !== undefined && isGroup(entry) ? findEntry(entry.commands, second) : entry;
  if (found === undefined) throw new Error(`"${name}" is not in src/cli/commands.ts`);
  return found;
}
