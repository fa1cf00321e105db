// A union given in overlayfs's words, as container tools and mount(8) do.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { memory, temporary } from '../helpers/mounted.js';
import { because, found, missing, noRootMount, program, succeed } from '../helpers/process.js';

const reason = noRootMount() ?? missing('mount', 'unshare');

describe.skipIf(reason !== undefined)(`lowerdir=, upperdir= and workdir=${because(reason)}`, () => {
  /**
   * Runs a script beside the directories l1, l2, u, w and m, where mount(8) finds tsaufs: it looks in the system's
   * directories only. What it mounts and starts ends with it.
   */
  const sandboxed = async (script: string): Promise<string> => {
    let output = '';
    await temporary(memory, undefined, async (root) => {
      for (const name of ['l1', 'l2', 'u', 'w', 'm']) mkdirSync(path.join(root, name));
      output = await succeed('unshare', [
        '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', '-euo', 'pipefail', '-c', `
          mount -t tmpfs none /run; mount -t tmpfs none /usr/local/sbin
          printf '#!/bin/sh\\nexec %s %s "$@"\\n' '${process.execPath}' '${program}' > /usr/local/sbin/tsaufs
          chmod 755 /usr/local/sbin/tsaufs
          ${script}
          umount m
        `,
      ], { cwd: root });
    });
    return output;
  };

  test('through mount(8): the upper one is written, whiteouts of lower ones count', async () => {
    expect(await sandboxed(`
      echo one > l1/a; echo two > l2/a; echo hidden > l2/b; touch l1/.wh.b; echo two > l2/c
      mount -t fuse.tsaufs none m -o noatime,lowerdir=l1:l2,upperdir=u,workdir=w,index=off,xino=off,userxattr
      ls m; cat m/a; echo more >> m/c; cat u/c; rm m/a; ls -A l1 w; test -e u/.wh.a
      grep -o "$PWD/m fuse.tsaufs rw.*noatime" /proc/mounts | grep -c .
    `)).toBe('a\nc\none\ntwo\nmore\nl1:\n.wh.b\na\n\nw:\n1\n');
  });

  test('lower ones alone are read only', async () => {
    expect(await sandboxed(`
      echo one > l1/a
      mount -t fuse.tsaufs none m -o lowerdir=l1:l2
      cat m/a; echo x 2> /dev/null > m/a && echo written; mkdir m/d 2> error || grep -o Read-only error
    `)).toBe('one\nRead-only\n');
  });

  test('paths with colons, commas and backslashes, escaped as for overlayfs', async () => {
    expect(await sandboxed(String.raw`
      mkdir 'x:y' 'x,y' 'x\y'; echo colon > x:y/a; echo comma > x,y/b
      mount -t fuse.tsaufs none m -o 'lowerdir=x\:y:x\,y,upperdir=x\\y,workdir=w'
      cat m/a m/b; touch m/c; ls 'x\y'
    `)).toBe('colon\ncomma\nc\n');
  });

  test('a directory of a lower one is not renamed, and mv copies it; with redirect_dir=on it is', async () => {
    const rename = "python3 -c 'import os, sys; os.rename(sys.argv[1], sys.argv[2])'";
    expect(await sandboxed(`
      mkdir -p l1/empty l1/d/e
      mount -t fuse.tsaufs none m -o lowerdir=l1,upperdir=u,workdir=w
      for d in empty d d/e; do ${rename} m/$d m/other 2> error || grep -o cross-device error; done
      mkdir m/new; ${rename} m/new m/newer; mv m/d m/moved; find m -type d | sort
      umount m
      mount -t fuse.tsaufs none m -o lowerdir=l1,upperdir=u,workdir=w,redirect_dir=on
      ${rename} m/empty m/other; ls m
    `)).toBe('cross-device\ncross-device\ncross-device\nm\nm/empty\nm/moved\nm/moved/e\nm/newer\nmoved\nnewer\nother\n');
  });

  /** Lists a union's whole tree: type, mode, path, and the contents of files. */
  const tree = 'cd m; find . -printf "%y %m %P\\n" | sort -k3; find . -type f | sort | xargs -r tail -n +1; cd ..';

  const overlay = 'mount -t overlay overlay m -o lowerdir=l2:l1,upperdir=u,workdir=w,index=off,metacopy=off';
  const changes = 'rm m/gone m/d/x; echo new > m/d/new; rm -r m/e; mkdir m/e; echo again > m/e/again; rm -r m/f; echo file > m/f; '
    + 'chmod 700 m/kept; rm -r m/whole; mv m/a m/b';
  const lower = `
    for f in gone d/x d/y e/e f/f kept/k whole/w a z; do mkdir -p l1/$(dirname $f); echo $f > l1/$f; done
    mkdir -p l2/d; echo two > l2/d/two; mknod l2/z c 0 0
  `;

  test('layers that the kernel\'s overlayfs has written are understood, and can be written on', async () => {
    const kernel = await sandboxed(`${lower}
      ${overlay}; ${changes}; ${tree}; umount m
      echo ===; mount -t fuse.tsaufs none m -o lowerdir=u:l2:l1; ${tree}; umount m
      echo ===; mount -t fuse.tsaufs none m -o lowerdir=l2:l1,upperdir=u,workdir=w; ${tree}
      echo back > m/gone; mkdir m/whole; echo == > m/whole/w2; rm -r m/e m/d; mkdir m/d; ls m m/d m/whole
    `);
    const [first, readonly, onTop] = kernel.split('===\n');
    expect(first).toContain('again');
    expect(readonly).toBe(first);
    const rest = onTop.slice(first.length);
    expect(onTop.slice(0, first.length)).toBe(first);
    expect(rest).toBe('m:\nb\nd\nf\ngone\nkept\nwhole\n\nm/d:\n\nm/whole:\nw2\n');
  });

  test.skipIf(!found('fuse-overlayfs'))(`so are those of fuse-overlayfs, and it understands ours${because(missing('fuse-overlayfs'))}`, async () => {
    const fuse = 'fuse-overlayfs m -o lowerdir=l2:l1,upperdir=u,workdir=w 2> /dev/null';
    const parts = (await sandboxed(`${lower}
      ${fuse}; ${changes}; ${tree}; umount m
      echo ===; mount -t fuse.tsaufs none m -o lowerdir=l2:l1,upperdir=u,workdir=w; ${tree}
      rm -r m/d; mkdir m/d; echo second > m/d/second; rm m/b; echo gone > m/gone; ${tree}; umount m
      echo ===; ${fuse}; ${tree}
    `)).split('===\n');
    const [first, ours, theirs] = parts;
    expect(ours.slice(0, first.length)).toBe(first);
    expect(ours.slice(first.length)).toBe(theirs);
    expect(theirs).toContain('second');
  });

  test('owners are mapped', async () => {
    expect(await sandboxed(`
      touch l1/root l1/user l1/other; chown 1000:100 l1/user; chown 70000:70000 l1/other
      mount -t fuse.tsaufs none m -o lowerdir=l1,upperdir=u,uidmapping=0:100000:65536,gidmapping=0:200000:65536,volatile
      stat -c '%u %g %n' m/*; setpriv --reuid 100007 --regid 200008 --clear-groups true
      chmod 777 m; chown 100005 m/root
      setpriv --reuid 100007 --regid 200008 --clear-groups touch m/made; stat -c '%u %g %n' m/made u/made u/root; sync -f m
    `)).toBe('65534 65534 m/other\n100000 200000 m/root\n101000 200100 m/user\n100007 200008 m/made\n7 8 u/made\n5 0 u/root\n');
  });

  test('what cannot be done is refused in one line, and nothing is mounted', async () => {
    expect(await sandboxed(`
      mount -t fuse.tsaufs none m -o lowerdir=l1,upperdir=u,uidmapping=0:100000 2> error && echo mounted
      grep -c . error; grep -o 'tsaufs: .*' error; mountpoint -q m && echo mounted
      mount -t fuse.tsaufs none m -o lowerdir=l1
    `)).toMatch(/^1\ntsaufs: .*uidmapping=0:100000: must be .*\n$/);
  });
});
