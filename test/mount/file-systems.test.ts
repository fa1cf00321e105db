// Each file system that can be had here as a branch, above and below, in everyday use (scripts/everyday.py).
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { disk, memory, mountedIn, temporary } from '../helpers/mounted.js';
import { because, missing, noRootMount, program, project, pythonProgram, run, shell, succeed } from '../helpers/process.js';

interface FileSystem {
  /** What else than its name in /proc/filesystems has to be there. */
  needs?: readonly string[];
  kernel?: string;
  /** Mounts it on `directory`, with `contents` in it; `spare` is a directory for what that takes. */
  mount: (directory: string, contents: string, spare: string) => Promise<unknown>;
  /** Steps that it cannot do as the writable branch, and what the user then is told. */
  cannot?: Record<string, string>;
}

/** A file system in a file. `loop` options for mount(8). */
function image(size: string, make: string, mount = 'mount -o loop "$S/image" "$D"'): FileSystem['mount'] {
  return (directory, contents, spare) => inDirectories(directory, contents, spare, `
    truncate -s ${size} "$S/image"; ${make}; ${mount}
    rm -rf "$D/lost+found"; cp -a "$C/." "$D" 2>"$S/cp" || ! grep -v 'failed to preserve' "$S/cp"`);
}

function inDirectories(directory: string, contents: string, spare: string, script: string): Promise<string> {
  return shell(`exec 2>&1; D=${directory} C=${contents} S=${spare}; ${script}`);
}

const sftp = '/usr/lib/openssh/sftp-server';

const fileSystems: Record<string, FileSystem> = {
  tmpfs: { mount: (...where) => inDirectories(...where, 'mount -t tmpfs -o size=64m tsaufs-test "$D"; cp -a "$C/." "$D"') },
  ext4: { mount: image('64M', 'mkfs.ext4 -q "$S/image"') },
  xfs: { needs: ['mkfs.xfs'], kernel: 'xfs', mount: image('320M', 'mkfs.xfs -q "$S/image"') },
  btrfs: { needs: ['mkfs.btrfs'], kernel: 'btrfs', mount: image('160M', 'mkfs.btrfs -q "$S/image"') },
  // Its own parts on a tmpfs: it takes neither another overlayfs nor FUSE above.
  overlayfs: {
    kernel: 'overlay',
    mount: (...where) => inDirectories(...where, `
      mount -t tmpfs tsaufs-test "$S"; mkdir "$S/upper" "$S/work"; cp -a "$C" "$S/lower"
      mount -t overlay -o lowerdir="$S/lower",upperdir="$S/upper",workdir="$S/work" overlay "$D"`),
  },
  squashfs: {
    needs: ['mksquashfs'], kernel: 'squashfs',
    mount: (...where) => inDirectories(...where, 'mksquashfs "$C" "$S/image" -quiet -no-progress; mount -o loop "$S/image" "$D"'),
  },
  squashfuse: {
    needs: ['mksquashfs', 'squashfuse'],
    mount: (...where) => inDirectories(...where, 'mksquashfs "$C" "$S/image" -quiet -no-progress; squashfuse "$S/image" "$D"'),
  },
  // A network file system whose two ends are joined by pipes: no server, no port, no key.
  sshfs: {
    needs: ['sshfs', sftp],
    mount: (directory, contents, spare) => {
      writeFileSync(path.join(spare, 'ssh'), `#!/bin/sh\nexec ${sftp}\n`);
      chmodSync(path.join(spare, 'ssh'), 0o755);
      return inDirectories(directory, contents, spare, 'cp -a "$C" "$S/far"; sshfs "x:$S/far" "$D" -o ssh_command="$S/ssh" </dev/null >/dev/null');
    },
    cannot: { times: 'wrong: 1400000001000000000 is not 1400000001123456789', fifo: 'EPERM', xattr: 'ENOTSUP' },
  },
  // No owners, modes, hard links, symlinks, xattrs; times of seconds; names in UTF-16, of either case.
  exfat: {
    needs: ['mkfs.exfat', 'mount.exfat-fuse'],
    mount: image('64M', 'mkfs.exfat "$S/image"', 'L=$(losetup -f --show "$S/image"); mount.exfat-fuse "$L" "$D" >/dev/null; losetup -d "$L"'),
    cannot: {
      link: 'EPERM', link_lower: 'EPERM', chmod: 'wrong: 511 is not 416', chown: 'EPERM',
      copy_up_owner: 'wrong: (0, 511) is not (1234, 388)', times: 'wrong: 1400000001000000000 is not 1400000001123456789',
      symlink: 'ENOSYS', fifo: 'EIO', xattr: 'ENOTSUP', bytes_in_names: 'EILSEQ',
    },
  },
  tsaufs: {
    mount: (directory, contents, spare) => {
      mkdirSync(path.join(spare, 'upper'));
      return succeed(process.execPath, [program, 'mount', '-o', `br=${spare}/upper:${contents}`, directory]);
    },
  },
  'a directory': { mount: (...where) => inDirectories(...where, 'cp -a "$C/." "$D"') },
};

const kernelHas = new Set(readFileSync('/proc/filesystems', 'latin1').split(/\s+/));

function unavailable(name: string): string | undefined {
  const { needs = [], kernel } = fileSystems[name];
  if (kernel !== undefined && !kernelHas.has(kernel)) return `no ${kernel} in this kernel`;
  const files = needs.filter((need) => need.startsWith('/') && !existsSync(need));
  return files.length > 0 ? `no ${files.join(', ')}` : missing(...needs.filter((need) => !need.startsWith('/')));
}

/** What scripts/everyday.py expects on the lower branch. */
const plant = `
  mkdir list d d/sub tree
  for i in $(seq -w 0 199); do : > list/n$i; done
  for i in 1 2 3; do printf x > tree/$i; done
  printf lower > f; printf a > d/a; printf b > d/b; printf c > d/sub/c; printf r1 > r1; printf r2 > r2; printf tttt > t
  for name in low-held l c o xattr theirs; do printf $name > $name; done
  head -c 10000 /dev/zero | tr '\\0' m > m
  chown 1234:1234 theirs; chmod 604 theirs`;

async function everyday(mnt: string, half: 'first' | 'again'): Promise<Record<string, string>> {
  const script = path.join(project, 'test/mount/scripts/everyday.py');
  const results = JSON.parse(await succeed(pythonProgram, [script, mnt, half])) as Record<string, string>;
  return Object.fromEntries(Object.entries(results).filter(([, result]) => result !== 'ok'));
}

/** Mounts file systems on `upper` and `lower` of a temporary directory, the lower one with the contents planted. */
async function withFileSystems(upper: string, lower: string, use: (root: string) => Promise<void>): Promise<void> {
  await temporary(upper === 'tsaufs' || lower === 'overlayfs' ? memory : disk, undefined, async (root) => {
    for (const name of ['upper', 'lower', 'upper-parts', 'lower-parts', 'contents', 'nothing']) mkdirSync(path.join(root, name));
    await shell(plant, { cwd: path.join(root, 'contents') });
    try {
      await fileSystems[lower].mount(path.join(root, 'lower'), path.join(root, 'contents'), path.join(root, 'lower-parts'));
      await fileSystems[upper].mount(path.join(root, 'upper'), path.join(root, 'nothing'), path.join(root, 'upper-parts'));
      await use(root);
    } finally {
      for (const name of ['upper', 'lower']) {
        const type = name === 'upper' ? upper : lower;
        if (type === 'tsaufs') await run(process.execPath, [program, 'umount', path.join(root, name)]);
        else if (type !== 'a directory') await run('umount', [path.join(root, name)]);
      }
    }
  });
}

const noMount = noRootMount();

describe.skipIf(noMount !== undefined)(`file systems as branches${because(noMount)}`, { timeout: 240_000 }, () => {
  // Every one above and below once, where it can be.
  const pairs = [
    ['tmpfs', 'ext4'], ['ext4', 'xfs'], ['xfs', 'btrfs'], ['btrfs', 'squashfs'], ['overlayfs', 'squashfuse'], ['tmpfs', 'overlayfs'],
    ['sshfs', 'a directory'], ['a directory', 'sshfs'], ['exfat', 'tmpfs'], ['a directory', 'exfat'], ['a directory', 'tsaufs'],
  ] as const;
  for (const [upper, lower] of pairs) {
    const reason = unavailable(upper) ?? unavailable(lower);
    test.skipIf(reason !== undefined)(`${upper} over ${lower}${because(reason)}`, () => withFileSystems(upper, lower, async (root) => {
      const branches = [['upper', 'rw'], ['lower', 'ro']] as const;
      const cannot: Record<string, string> = { ...fileSystems[upper].cannot };
      // What has no owners and modes has none to be copied up either.
      if (lower === 'exfat') cannot['copy_up_owner'] = 'wrong: (0, 511) is not (1234, 388)';
      await mountedIn(root, { branches }, async (union) => {
        expect(await everyday(union.mnt, 'first')).toEqual(cannot);
        const log = readFileSync(path.join(union.daemon.directory, 'log'), 'utf8');
        expect([log.includes('does not tell upper from lower case'), log.includes('cannot hold all owners')]).toEqual([upper === 'exfat', upper === 'exfat']);
      });
      expect(readdirSync(path.join(root, 'upper', '.wh..wh.orph'))).toEqual([]);
      await mountedIn(root, { branches }, async (union) => expect(await everyday(union.mnt, 'again')).toEqual({}));
    }));
  }

  test('a union as the lower branch has no whiteouts to be looked for (ro+wh)', () => withFileSystems('a directory', 'tsaufs', (root) =>
    mountedIn(root, { branches: [['upper', 'rw'], ['lower', 'ro+wh']] }, (union) => {
      expect(readFileSync(union.at('f'), 'latin1')).toBe('lower');
    })));

  const noFuseOverlay = missing('fuse-overlayfs');
  for (const [name, reason, start] of [
    ['tsaufs', undefined, fileSystems['tsaufs'].mount],
    ['fuse-overlayfs', noFuseOverlay, (directory: string, contents: string, spare: string) => inDirectories(directory, contents, spare,
      'mkdir "$S/u" "$S/w"; fuse-overlayfs -o lowerdir="$C",upperdir="$S/u",workdir="$S/w" "$D" >/dev/null')],
  ] as const) {
    test.skipIf(reason !== undefined)(`${name} as the writable branch is refused in words${because(reason)}`, () => temporary(memory, undefined, async (root) => {
      for (const directory of ['upper', 'lower', 'parts', 'mnt']) mkdirSync(path.join(root, directory));
      const upper = path.join(root, 'upper');
      await start(upper, path.join(root, 'lower'), path.join(root, 'parts'));
      try {
        const refused = await run(process.execPath, [program, 'mount', '-o', `br=${upper}:${root}/lower`, path.join(root, 'mnt')]);
        expect(refused).toEqual({ status: 1, stdout: '', stderr: `tsaufs: branch ${upper} cannot be written by a union: its file system refuses `
          + `names that begin with .wh., being a union itself; give it as ${upper}=ro, or give its own branches\n` });
      } finally {
        if (name === 'tsaufs') await run(process.execPath, [program, 'umount', upper]);
        else await run('umount', [upper]);
      }
    }));
  }

  const noBtrfs = unavailable('btrfs') ?? missing('btrfs');
  test.skipIf(noBtrfs !== undefined)(`files of btrfs subvolumes with the same inode number are two files${because(noBtrfs)}`, () =>
    withFileSystems('a directory', 'btrfs', async (root) => {
      await shell('btrfs -q subvolume create one; echo one > one/a; btrfs -q subvolume create two; echo two > two/b', { cwd: path.join(root, 'lower') });
      await mountedIn(root, {}, async (union) => {
        expect(await shell('cat one/a two/b one/a; echo more >> one/a; cat one/a two/b; ls one two', { cwd: union.mnt }))
          .toBe('one\ntwo\none\none\nmore\ntwo\none:\na\n\ntwo:\nb\n');
      });
    }));

  const noOverlay = unavailable('overlayfs');
  test.skipIf(noOverlay !== undefined)(`files of an overlayfs whose inode numbers do not fit into 53 bits are two files${because(noOverlay)}`, () =>
    temporary(memory, undefined, async (root) => {
      for (const name of ['upper', 'lower', 'parts/one', 'parts/two']) mkdirSync(path.join(root, name), { recursive: true });
      await shell(`
        mount -t ext4 -o loop $(truncate -s 16M image; mkfs.ext4 -q image; echo image) parts/one
        mount -t ext4 -o loop $(truncate -s 16M image2; mkfs.ext4 -q image2; echo image2) parts/two
        for i in 1 2 3 4 5 6; do echo one$i > parts/one/a$i; echo two$i > parts/two/b$i; done
        mount -t overlay -o lowerdir=parts/one:parts/two,xino=on overlay lower`, { cwd: root });
      await mountedIn(root, {}, async (union) => {
        expect((await shell('cat a? b?', { cwd: union.mnt })).trimEnd().split('\n'))
          .toEqual(['one', 'two'].flatMap((part) => [1, 2, 3, 4, 5, 6].map((i) => `${part}${String(i)}`)));
      });
    }));
});
