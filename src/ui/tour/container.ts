import type { Lesson } from './lesson.js';

/** How Docker's aufs driver described the reads and writes of a container. */
export const container: Lesson = {
  id: 'container',
  title: 'A container’s reads and writes',
  text: 'An image is a stack of read-only layers. A container adds one writable layer on top, and everything it changes is there.',
  steps: [
    {
      title: 'An image of two layers, and a container layer',
      text: 'base and update are the image: read-only, and shared by all containers that run from it. layer is the container’s own.\n\n' +
        'Layers of an image are ro+wh: what an upper layer deleted of a lower one is marked by whiteouts, and they count.',
      command: [
        'mkdir -p base/etc base/docs update/etc layer container',
        'echo "hosts of base" > base/etc/hosts; echo "motd of base" > base/etc/motd',
        'echo "motd of update" > update/etc/motd; echo old > base/docs/guide',
        'head -c 1048576 /dev/zero > base/data',
        'tsaufs mount -o br=./layer=rw:./update=ro+wh:./base=ro+wh ./container',
      ].join('\n'),
      look: ['/', '/etc'],
    },
    {
      title: 'Read: a file that only the image has',
      text: 'The container layer has no etc/hosts. The search goes down layer by layer, and the file is read where it is found: in base.',
      command: 'cat container/etc/hosts\nls -A layer',
      look: ['/etc/hosts'],
    },
    {
      title: 'Read: a file that only the container layer has',
      text: 'What the container makes is made in its own layer, and read from there.',
      command: 'echo started > container/run.log\ncat container/run.log\nls -A layer',
      look: ['/run.log'],
    },
    {
      title: 'Read: a file that both have',
      text: 'After this write etc/motd lies in all three layers. The container layer is on top, and obscures the others. ' +
        'The directory etc is made in it first, like the one below.',
      command: 'echo "motd of the container" >> container/etc/motd\ncat container/etc/motd\ncat update/etc/motd base/etc/motd',
      look: ['/etc/motd'],
    },
    {
      title: 'The first write to a file: copy-up of the whole of it',
      text: 'One byte is appended to a file of a megabyte. The whole file is copied up before: layers share files, not parts ' +
        'of files. With large files, and many layers to search, it is felt; but only once for each file.',
      command: 'printf x >> container/data\nwc -c layer/data base/data',
      look: ['/data'],
    },
    {
      title: 'The second write: no copy',
      text: 'Now the container has its own copy, and writes to that.',
      command: 'printf y >> container/data\nwc -c layer/data',
      look: ['/data'],
    },
    {
      title: 'Delete a file: a whiteout',
      text: 'The image cannot be changed. A whiteout in the container layer hides the file from this container; others still see it.',
      command: 'rm container/etc/hosts\nls -A layer/etc\nls base/etc',
      look: ['/etc/hosts'],
    },
    {
      title: 'Delete a directory, and make it anew: opaque',
      text: 'A directory is deleted by one whiteout of its name. Made anew it is opaque, so that nothing of the old one comes back.',
      command: 'rm -r container/docs\nls -A layer\nmkdir container/docs\nls -A layer/docs\nls -A container/docs',
      look: ['/docs'],
    },
    {
      title: 'Rename a directory: EXDEV',
      text: 'The lower parts of a directory stay where they are, so it cannot be renamed as a whole: rename(2) fails with EXDEV, ' +
        '"cross-device link". Programs must be ready to copy and delete instead.',
      command: 'node -e "try { fs.renameSync(\'container/etc\', \'container/conf\') } catch (error) { console.log(error.code) }"',
      look: ['/etc'],
    },
    {
      title: 'mv(1) copies instead',
      text: 'mv(1) is ready for it: it makes the directory anew under its new name, in the container layer, and deletes the old one.',
      command: 'mv container/etc container/conf\nls container/conf\nls -A layer',
      look: ['/', '/conf'],
    },
    {
      title: 'What the container has changed',
      text: 'This is all there is of the container: the image is as it was. Packed into an archive, whiteouts and all, it is a new ' +
        'layer for an image; that is what docker commit does, and tsaufs layer pack.',
      command: 'tsaufs diff container',
      look: ['/'],
    },
  ],
};
