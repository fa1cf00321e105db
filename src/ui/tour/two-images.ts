import type { Lesson } from './lesson.js';

/** The classic walk-through of AUFS: two directories united, and what a write, a delete and a new directory do. */
export const twoImages: Lesson = {
  id: 'two-images',
  title: 'Two images and a container',
  text: 'Two directories are united in a third. The upper one takes all changes, the lower one is only read: copy-on-write.',
  steps: [
    {
      title: 'Two branches, one union',
      text: 'image1 and image2 are ordinary directories. Mounted, container shows both at once.\n\n' +
        'The first branch of br= is the top one. It is writable by default (rw), the others are read-only (ro).',
      command: [
        'mkdir image1 image2 container',
        'echo image1 > image1/001; echo image1 > image1/002',
        'echo image2 > image2/002; echo image2 > image2/003',
        'tsaufs mount -o br=./image1:./image2 ./container',
      ].join('\n'),
      look: ['/'],
    },
    {
      title: 'The merged view',
      text: 'Every name that any branch has is there, once. 002 is on both branches; 003 only on the lower one.',
      command: 'ls container',
      look: ['/'],
    },
    {
      title: 'The upper one is seen',
      text: 'Of 002 the union shows what image1 has. The one of image2 is still there, but hidden.',
      command: 'cat container/002 image2/002',
      look: ['/002'],
    },
    {
      title: 'A write where the file is already on top',
      text: '001 lies on image1, which is writable: the write goes straight to it, and nothing is copied.',
      command: 'echo container >> container/001\ncat image1/001',
      look: ['/001'],
    },
    {
      title: 'A write to a lower file: copy-up',
      text: '003 is only on image2, which may not be changed. So at the moment of the first write the whole file is copied up ' +
        'to image1, and the copy is written to.\n\nimage2 keeps what it had, now hidden by the copy.',
      command: 'echo container >> container/003\ncat image1/003\ncat image2/003',
      look: ['/003'],
    },
    {
      title: 'A delete: whiteout',
      text: '002 is removed from image1. But image2 has a 002 as well, which would appear again; it cannot be removed there. ' +
        'So image1 gets a mark, an empty file .wh.002, a whiteout: the search for 002 ends here.\n\n' +
        'The other names with .wh..wh. are what AUFS itself needs on a branch that it writes to.',
      command: 'rm container/002\nls container\nls -A image1 image2',
      look: ['/002'],
    },
    {
      title: 'A directory where something was: opaque',
      text: 'A new directory takes the deleted name. The whiteout goes, but whatever lies below under this name must stay ' +
        'out of sight. So the directory is marked opaque, by a file .wh..wh..opq in it: nothing below shows through.',
      command: 'mkdir container/002\nls -A image1 image1/002',
      look: ['/002'],
    },
    {
      title: 'All branches read-only',
      text: 'The branches can change while the union is in use. With both read-only there is nowhere to copy up to: ' +
        'reading works, every write fails with EROFS.',
      command: 'tsaufs remount -o mod=./image1=ro,mod=./image2=ro ./container\ncat container/003\necho more >> container/003',
      look: ['/', '/003'],
    },
    {
      title: 'All branches writable',
      text: 'With both writable no copy is needed: a file is written where it lies. 004 is on image2, and stays there.',
      command: 'tsaufs remount -o mod=./image1=rw,mod=./image2=rw ./container\necho image2 > image2/004\n' +
        'echo container >> container/004\ncat image2/004\nls image1',
      look: ['/004'],
    },
  ],
};
