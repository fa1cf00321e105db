// Buildah and Podman with tsaufs as their mount program: images are built, run and committed for real. Each test has a
// mount, PID and, through --root and --runroot, a container world of its own, which ends with it.
import { chownSync, copyFileSync, mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { disk, temporary } from '../helpers/mounted.js';
import { because, missing, noRootMount, noUserMount, nobody, program, python, shell, succeed } from '../helpers/process.js';

const reason = noRootMount() ?? missing('buildah', 'busybox', 'unshare', 'mount', 'python3');
const withoutFuseOverlayfs = reason ?? missing('fuse-overlayfs');
const withoutPodman = reason ?? missing('podman', 'conmon', 'runc');
const withoutUsers = reason ?? noUserMount() ?? withoutPodman ?? missing('fuse-overlayfs', 'newuidmap', 'newgidmap');

/** Adds, deletes and replaces files and directories. A shell of the image's own, and no network. */
const containerfile = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
RUN mkdir -p /d/sub /e /keep /moves /one/two/three && echo one > /d/one && echo two > /d/sub/two && echo e > /e/e && \\
  echo k > /keep/k && ln -s one /d/link && ln /d/one /d/hard && chmod 750 /one/two && chown 5:6 /e/e && echo s > /moves/setuid && chmod 4711 /moves/setuid && mkfifo -m 600 /keep/fifo && \\
  echo m > /moves/m && echo t > /one/two/three/t && chmod 1777 /moves && echo f > /file && ln /file /other
RUN rm /file && rm -r /e && echo new > /keep/new && echo changed >> /keep/k && mv /moves/m /moves/n && rm -r /one/two/three && \\
  chmod 700 /d/sub && rm /d/link && mkdir /d/link && echo l > /d/link/l && rm -r /keep/fifo && ln /other /again
RUN rm -r /keep && echo file > /keep && rm -r /d/link && ln -s /nowhere /d/link && mkdir /e && echo back > /e/back && \\
  mkdir -p /one/two/three && rm /moves/n && chown 7:8 /other
`;

/** What fuse-overlayfs 1.10 loses: a directory that two layers have, deleted and made again. */
const madeAgain = `FROM localhost/base
RUN rm /d/one
RUN rm -r /d && mkdir /d && echo again > /d/again
RUN rm -r /d && mkdir -p /d/sub
`;

type Entry = [name: string, type: string, mode: string, owner: string, size: number, link: string, content: string, xattrs: string[]];

/** Every entry of every layer of the image in an OCI layout, sorted by name within its layer. */
const readLayers = `
import json, sys, tarfile, hashlib
def blob(digest): return sys.argv[1] + '/blobs/' + digest.replace(':', '/')
manifest = json.load(open(sys.argv[1] + '/index.json'))['manifests'][0]['digest']
layers = []
for layer in json.load(open(blob(manifest)))['layers']:
    with tarfile.open(blob(layer['digest'])) as tar:
        layers.append(sorted([e.name, e.type.decode(), oct(e.mode & 0o7777), '%d:%d' % (e.uid, e.gid), e.size, e.linkname,
            hashlib.sha256(tar.extractfile(e).read()).hexdigest() if e.isreg() else '', sorted(k for k in e.pax_headers if 'xattr' in k)]
            for e in tar))
print(json.dumps(layers))
`;

/** Waits until nothing of tsaufs is left, and tells what is. An ordinary user's last mount takes the states' directory along. */
const nothingLeft = `
  left() { if [ -e "$states" ]; then ls "$states"; fi; }
  for i in $(seq 100); do [ -n "$(left)" ] || break; sleep 0.1; done
  left; ! grep fuse.tsaufs /proc/mounts
`;

/** Functions for scripts: \`with PROGRAM STORE COMMAND…\` runs buildah or podman with a mount program and a store. */
const prelude = `
  with() {
    local program=$1 store=$2 command=$3; shift 3
    local options=(--root "$PWD/$store" --runroot "$PWD/run-$store" --storage-driver overlay)
    [ "$program" = none ] || options+=(--storage-opt "overlay.mount_program=$program")
    [ "$command" != podman ] || options+=(--runtime runc --cgroup-manager cgroupfs)
    command $command "\${options[@]}" "$@"
  }
  tsaufs=$PWD/bin/tsaufs
  contents() { "$@" sh -c 'cd /; find ./[!bdeprs]* ./d ./e -exec stat -c "%n %F %a %u:%g" {} + | sort; cat keep /e/back'; }
  limits='--network none --ulimit nofile=1024:1024 --ulimit nproc=1024:1024'
`;

/** Gives a directory with a context to build from, and runs scripts there, of which nothing stays. */
async function inWorkshop(use: (run: (script: string) => Promise<string>, directory: string) => Promise<void>): Promise<void> {
  await temporary(disk, undefined, async (directory) => {
    mkdirSync(path.join(directory, 'context'));
    mkdirSync(path.join(directory, 'bin'));
    copyFileSync(realpathSync('/bin/busybox'), path.join(directory, 'context/busybox'));
    writeFileSync(path.join(directory, 'context/Containerfile'), containerfile);
    writeFileSync(path.join(directory, 'context/Again'), madeAgain);
    writeFileSync(path.join(directory, 'bin/tsaufs'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
    // Instead of the machine's; every command names its own store.
    writeFileSync(path.join(directory, 'bin/storage.conf'), `[storage]\ndriver = "overlay"\ngraphroot = "${directory}/none"\nrunroot = "${directory}/none"\n`);
    const run = (script: string): Promise<string> => succeed('unshare', [
      '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc', 'bash', '-euo', 'pipefail', '-c', `
        # Those of others, whose processes would not end as long as we have them.
        for mount in $(awk '$3 ~ /^fuse/ { print $2 }' /proc/mounts); do umount -l $mount || true; done
        mkdir -p /var/lib/containers
        for place in /run /dev/shm /var/lib/containers; do mount -t tmpfs none $place; done
        mkdir /run/tsaufs; states=/run/tsaufs; export HOME=$PWD CONTAINERS_STORAGE_CONF=$PWD/bin/storage.conf
        ${prelude}
        ${script}
      `,
    ], { cwd: directory, timeout: 220_000 });
    try {
      await use(run, directory);
    } finally {
      // Podman's control groups outlive its containers; those in use stay.
      await shell("find /sys/fs/cgroup -depth -type d -path '*/libpod_parent*' -exec rmdir {} + 2>/dev/null || true");
    }
  });
}

const layersOf = (directory: string, name: string): Promise<Entry[][]> => python<Entry[][]>(readLayers, [path.join(directory, name)]);

/** Names and, of whiteouts, nothing more: \`d/.wh.one\`. */
const names = (layer: Entry[] | undefined): string[] => (layer ?? []).map(([name]) => name);

describe.skipIf(reason !== undefined)(`Buildah${because(reason)}`, { timeout: 240_000 }, () => {
  test.skipIf(withoutFuseOverlayfs !== undefined)(
    `an image gets the layers that fuse-overlayfs gives it${because(withoutFuseOverlayfs)}`, async () => {
      await inWorkshop(async (run, directory) => {
        await run(`
          build() {
            with $1 $2 buildah bud -q --isolation chroot --layers -t t context >/dev/null
            with $1 $2 buildah push -q t oci:$PWD/oci-$2:t
          }
          build $tsaufs ours & build $(command -v fuse-overlayfs) theirs & wait -n; wait -n
          ${nothingLeft}
        `);
        const ours = await layersOf(directory, 'oci-ours');
        expect(ours).toEqual(await layersOf(directory, 'oci-theirs'));
        expect(ours).toHaveLength(5);
        expect(names(ours[3])).toEqual([
          '.wh.e', '.wh.file', 'again', 'd', 'd/link', 'd/link/l', 'd/sub', 'keep', 'keep/.wh.fifo', 'keep/k', 'keep/new', 'moves',
          'moves/.wh.m', 'moves/n', 'one', 'one/two', 'one/two/.wh.three',
        ].sort());
        expect(names(ours[4])).toContain('moves/.wh.n');
      });
    });

  test('directories that were deleted and made again hold nothing of old', async () => {
    await inWorkshop(async (run, directory) => {
      const printed = await run(`
        with $tsaufs s buildah bud -q --isolation chroot -t base context >/dev/null
        with $tsaufs s buildah bud -q --isolation chroot --layers -t t -f context/Again context >/dev/null
        c=$(with $tsaufs s buildah from t)
        with $tsaufs s buildah run --isolation chroot $c ls -R /d
        with $tsaufs s buildah rm $c >/dev/null
        with $tsaufs s buildah push -q t oci:$PWD/oci:t
        ${nothingLeft}
      `);
      expect(printed).toBe('/d:\nsub\n\n/d/sub:\n');
      const layers = await layersOf(directory, 'oci');
      expect(layers.slice(1).map(names)).toEqual([
        ['d', 'd/.wh.one'], ['d', 'd/.wh.hard', 'd/.wh.link', 'd/.wh.sub', 'd/again'], ['d', 'd/.wh.again', 'd/sub'],
      ]);
    });
  });

  test('a store of overlayfs\'s is gone on with, its whiteouts being devices', async () => {
    await inWorkshop(async (run) => {
      const printed = await run(`
        mkdir s run-s; mount -t tmpfs none s
        with none s buildah bud -q --isolation chroot --layers -t base context >/dev/null
        with none s buildah bud -q --isolation chroot --layers -t t -f context/Again context >/dev/null
        c=$(with none s buildah from base); d=$(with none s buildah from t)
        with none s buildah run --isolation chroot $c sh -c 'rm /again; rm -r /e; mkdir /e; touch /e/back'
        look() { contents with $1 s buildah run --isolation chroot $2; }
        look none $c; look none $d
        devices=$(find s/overlay/*/diff -type c | wc -l); opaque=$(getfattr -PRd -m trusted.overlay.opaque s/overlay 2>/dev/null | grep -c opaque= || true)
        echo === ; look $tsaufs $c; look $tsaufs $d
        echo === ; test $devices -gt 5; test $opaque -gt 0
        with $tsaufs s buildah run --isolation chroot $c sh -c 'echo a > /again; rm -r /e; echo e > /e; cat /again /e'
        with $tsaufs s buildah rm $c $d >/dev/null; umount s/overlay 2>/dev/null || true
        ${nothingLeft}
      `);
      const [theirs, ours, rest] = printed.split('===\n');
      expect(theirs.split('\n').length).toBeGreaterThan(10);
      expect(ours).toBe(theirs);
      expect(rest).toBe('a\ne\n');
    });
  });
});

describe.skipIf(withoutUsers !== undefined)(`as an ordinary user${because(withoutUsers)}`, { timeout: 240_000 }, () => {
  test('Buildah builds the same layers and Podman runs them, in user namespaces with owners of their own', async () => {
    await inWorkshop(async (run, directory) => {
      for (const name of ['home', 'home/run']) {
        mkdirSync(path.join(directory, name), { mode: 0o700 });
        chownSync(path.join(directory, name), nobody.uid, nobody.gid);
      }
      const printed = await run(`
        for file in /etc/subuid /etc/subgid; do echo 'nobody:1000000:65536' > bin/ids; mount --bind bin/ids $file; done
        cat > bin/user <<'END'
          ${prelude}
          cd home; tsaufs=$(realpath ../bin/tsaufs)
          build() {
            with $1 $2 buildah bud -q --isolation chroot --layers -t t ../context >/dev/null
            with $1 $2 buildah push -q t oci:$PWD/oci-$2:t
          }
          build $tsaufs s; build $(command -v fuse-overlayfs) theirs
          c=$(with $tsaufs s buildah from t)
          export -f with; export tsaufs c
          buildah unshare bash -c 'set -e; m=$(with $tsaufs s buildah mount $c); stat -c "%u:%g" $m/other; echo x > $m/new; chown 3:4 $m/new
            stat -c "%u:%g" $m/new; grep -o fuse.tsaufs /proc/mounts; with $tsaufs s buildah umount $c >/dev/null'
          stat -c "%u:%g" s/overlay/*/diff/new
          with $tsaufs s buildah rm $c >/dev/null
          with $tsaufs s podman run --name worker --uidmap 0:1:1000 --gidmap 0:1:1000 $limits localhost/t sh -c '
            stat -c "%u:%g" /other /bin/sh; echo o >> /other; stat -c "%u:%g" /other; echo n > /made; chown 5:6 /made; stat -c "%u:%g" /made'
          buildah unshare sh -c 'stat -c "%u:%g" s/overlay/*/diff/other s/overlay/*/diff/made' | sort -u
          with $tsaufs s podman rm worker >/dev/null
END
        setpriv --reuid ${nobody.uid} --regid ${nobody.gid} --clear-groups env HOME=$PWD/home XDG_RUNTIME_DIR=$PWD/home/run bash -euo pipefail bin/user
        states=home/run/tsaufs
        ${nothingLeft}
      `);
      expect(printed).toBe('7:8\n3:4\nfuse.tsaufs\n1000002:1000003\n'
        + '7:8\n0:0\n7:8\n5:6\n'
        // Under the image's and the container's layer: as in the container, whatever it is mapped to.
        + '0:0\n5:6\n7:8\n');
      expect(await layersOf(directory, 'home/oci-s')).toEqual(await layersOf(directory, 'home/oci-theirs'));
    });
  });
});

describe.skipIf(withoutPodman !== undefined)(`Podman${because(withoutPodman)}`, { timeout: 240_000 }, () => {
  test('containers change, delete and keep files; their changes are listed and become an image', async () => {
    await inWorkshop(async (run, directory) => {
      const printed = await run(`
        with $tsaufs s buildah bud -q --isolation chroot -t t context >/dev/null
        podman() { with $tsaufs s podman "$@"; }
        podman run --name worker $limits localhost/t sh -c 'cat /keep; rm /keep; echo n > /new; rm -r /e; echo more >> /d/one; rm -r /one; mkdir /one'
        podman diff worker | grep -v ' /etc\\| /run' | sort
        podman commit -q worker changed >/dev/null; podman rm worker >/dev/null
        podman run --rm $limits localhost/changed sh -c 'cat /new /d/one /d/hard; ls /one; ls -d /e /keep' 2>&1 || true
        podman run --rm --uidmap 0:100000:65536 --gidmap 0:100000:65536 $limits localhost/t sh -c 'chown 5:6 /keep; stat -c "%u:%g" /other /keep'
        mkdir volume; echo v > volume/v
        podman run --rm -v $PWD/volume:/volume:O $limits localhost/t sh -c 'echo w > /volume/w; rm /volume/v; ls /volume; grep -c fuse.tsaufs /proc/mounts'
        ls volume
        podman push -q changed oci:$PWD/oci:t
        umount s/overlay 2>/dev/null || true
        ${nothingLeft}
      `);
      expect(printed).toBe(`file
A /new
C /d
C /d/hard
C /d/one
C /one
D /e
D /keep
D /one/two
n
one
more
one
more
ls: /e: No such file or directory
ls: /keep: No such file or directory
7:8
5:6
w
2
v
`);
      const changed = names((await layersOf(directory, 'oci')).at(-1)).filter((name) => !/^(etc|run)/.test(name));
      expect(changed).toEqual(['.wh.e', '.wh.keep', 'd', 'd/hard', 'd/one', 'new', 'one', 'one/.wh.two']);
    });
  });
});
