// What several manual pages say.
import type { Block } from './roff.js';

export const exitStatuses: Block[] = [
  { kind: 'item', forms: ['0'], text: 'It was done.' },
  { kind: 'item', forms: ['1'], text: 'It could not be done; one line on standard error says why, and what to do.' },
  { kind: 'item', forms: ['2'], text: 'The command line, or a mount option, is wrong. Nothing was done.' },
];

export const environment: Block[] = [
  { kind: 'section', title: 'Environment' },
  { kind: 'item', forms: ['XDG_RUNTIME_DIR'], text: 'Where the state of an ordinary user\'s mounts is kept, in a directory `tsaufs`; without it, in /tmp/tsaufs- and the user\'s number.' },
  { kind: 'item', forms: ['XDG_DATA_HOME'], text: 'Where an ordinary user\'s images are kept, in a directory `tsaufs`; without it, ~/.local/share.' },
  { kind: 'item', forms: ['TMPDIR'], text: 'Where large intermediate files of image exports go; without it, /tmp.' },
  { kind: 'item', forms: ['NO_COLOR'], text: 'If it is set, nothing is coloured.' },
  { kind: 'item', forms: ['TSAUFS_DEBUG'], text: 'If it is set, an error is followed by where in the program it came about; for reports.' },
];
