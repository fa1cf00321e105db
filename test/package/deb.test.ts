import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { because, project, run, succeed } from '../helpers/process.js';
import { noMachine, onMachine } from './machine.js';
import { noNpm, npmSettings, pack } from './package-file.js';
import { makeScratch, type Scratch } from './scratch.js';

const obstacle = noNpm ?? await noMachine('dpkg-deb', 'apt-get', 'findmnt');

let scratch: Scratch;
let debs: string;
let packed: string;
let file: string;

beforeAll(async () => {
  if (obstacle !== undefined) return;
  scratch = await makeScratch();
  debs = scratch.root;
  packed = await pack(debs);
  file = await build();
}, 300_000);

afterAll(async () => {
  if (obstacle === undefined) await scratch.clear();
});

async function build(...options: string[]): Promise<string> {
  // Not packed as small as it can be, which takes long.
  const env = { ...npmSettings(), DPKG_DEB_COMPRESSOR_TYPE: 'gzip', DPKG_DEB_COMPRESSOR_LEVEL: '1', npm_config_prefer_offline: 'true' };
  return (await succeed(path.join(project, 'scripts/build-deb'), ['--from', packed, ...options, debs], { env })).trim();
}

/** Debian 12's Node.js is too old, and this machine's need not be a package: then a package says that there is one. */
const giveNode = `
  if ! dpkg-query -W -f '\${Version}' nodejs 2>/dev/null | grep -Eq '^(2[0-9]|[3-9][0-9])\\.'; then
    mkdir -p /node/DEBIAN /node/usr/bin
    ln -s ${process.execPath} /node/usr/bin/node
    printf 'Package: nodejs\\nVersion: ${process.versions.node}\\nArchitecture: all\\nMaintainer: test <test@example.org>\\nDescription: this one\\n' >/node/DEBIAN/control
    dpkg-deb --build /node /nodejs.deb >/dev/null
    dpkg --force-overwrite -i /nodejs.deb >/dev/null
  fi`;

const quiet = 'export DEBIAN_FRONTEND=noninteractive; apt() { apt-get -qq -y --no-install-recommends "$@" >/tmp/apt.log 2>&1 || { cat /tmp/apt.log; return 1; }; }';

// Packing and apt are slow on a busy machine.
describe.skipIf(obstacle !== undefined)(`the Debian package${because(obstacle)}`, { timeout: 300_000 }, () => {
  test('depends on Node.js 20, and has the program, the helpers of mount(8), manual pages and completions', async () => {
    expect(await succeed('dpkg-deb', ['-f', file, 'Package', 'Architecture', 'Depends'])).toMatch(
      /^Package: tsaufs\nArchitecture: amd64\nDepends: nodejs \(>= 20\), fuse3, libc6 /);
    const names = (await succeed('dpkg-deb', ['-c', file])).split('\n').map((line) => line.replace(/^.* \.\//, ''));
    expect(names).toEqual(expect.arrayContaining(['mount.tsaufs', 'mount.fuse.tsaufs', 'umount.tsaufs', 'umount.fuse.tsaufs']
      .map((name) => `usr/sbin/${name} -> ../lib/tsaufs/dist/cli/main.js`)));
    expect(names).toEqual(expect.arrayContaining(['usr/bin/tsaufs -> ../lib/tsaufs/dist/cli/main.js', 'usr/share/doc/tsaufs/copyright',
      'usr/share/doc/tsaufs/docs/usage.md', 'usr/share/man/man1/tsaufs.1.gz', 'usr/share/man/man5/tsaufs.5.gz',
      'usr/share/bash-completion/completions/tsaufs', 'usr/share/zsh/vendor-completions/_tsaufs', 'usr/share/fish/vendor_completions.d/tsaufs.fish']));
    // Of this machine only.
    expect(names.filter((name) => name.endsWith('.node'))).toEqual(['usr/lib/tsaufs/dist/vendor/@koromix/koffi-linux-x64/linux_x64/koffi.node']);
  });

  test('is installed by apt, used, replaced and removed with a union mounted, and leaves nothing', async () => {
    const output = await onMachine(debs, debs, `
      ${giveNode}
      ${quiet}
      find /usr /etc /var/lib /var/cache /var/log -name '*aufs*' | sort >/tmp/before
      cd /srv/shared
      apt install ./tsaufs_0.1.0_amd64.deb
      tsaufs --version
      env -i /usr/sbin/mount.tsaufs --help | sed -n 1p
      tsaufs helpers status | grep -c 'part of the Debian package'
      tsaufs helpers install --aufs --tools >/dev/null
      auchk --help | sed -n 1p
      mkdir -p /union/image1 /union/image2 /union/container
      cd /union; echo low >image2/file; ln image2/file image2/link
      mount -t aufs -o br=./image1:./image2 none ./container
      echo more >>container/file
      findmnt -n -o FSTYPE /union/container
      apt install --reinstall /srv/shared/${path.basename(file)}
      cat container/link
      apt remove tsaufs
      grep -o 'unions are mounted, and stay\\|/union/container' /tmp/apt.log
      echo after >container/new
      umount container
      until [ -z "$(ls /run/tsaufs)" ]; do sleep 0.05; done
      ls image1
      apt purge tsaufs
      find /usr /etc /var/lib /var/cache /var/log -name '*aufs*' | sort | diff /tmp/before - && echo nothing left`);
    expect(output.split('\n')).toEqual([
      expect.stringMatching(/^tsaufs \d/), 'Usage: mount.tsaufs SOURCE MOUNTPOINT [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]', '4',
      expect.stringMatching(/^Usage: tsaufs check /), 'fuse.tsaufs', 'low', 'more',
      'unions are mounted, and stay', '/union/container',
      'file', 'link', 'new', 'nothing left', '',
    ]);
  });

  test('carries Node.js on request, and needs no other', async () => {
    const carrying = await build('--with-node=22'); // scripts/build-deb --with-node=22
    expect(path.basename(carrying)).toMatch(/^tsaufs_[\d.]+\+node22\.[\d.]+_amd64\.deb$/);
    expect(await succeed('dpkg-deb', ['-f', carrying, 'Depends'])).not.toContain('nodejs');
    const output = await onMachine(debs, debs, `
      ${quiet}
      apt install /srv/shared/${path.basename(carrying)}
      rm -f /usr/bin/node /usr/local/bin/node
      mkdir a b m; echo low >b/file
      PATH=/usr/sbin:/usr/bin mount -t tsaufs -o br=/a:/b none /m
      cat /m/file
      readlink "/proc/$(tsaufs list --json | grep -o '"pid": [0-9]*' | head -n 1 | grep -o '[0-9]*')/exe"
      umount /m`);
    expect(output).toBe('low\n/usr/lib/tsaufs/node\n');
  });

  test('is built for arm64 by the same script; a wrong option is told', async () => {
    const arm = await build('--arch', 'arm64');
    const names = await succeed('dpkg-deb', ['-c', arm]);
    expect(names.match(/\S+\.node$/gm)).toEqual(['./usr/lib/tsaufs/dist/vendor/@koromix/koffi-linux-arm64/linux_arm64/koffi.node']);
    expect(await succeed('dpkg-deb', ['-f', arm, 'Architecture'])).toBe('arm64\n');
    const before = readdirSync(debs);
    expect(await run(path.join(project, 'scripts/build-deb'), ['--arch', 'vax'])).toMatchObject({ status: 2, stderr: 'build-deb: vax is not amd64 or arm64\n' });
    expect(readdirSync(debs)).toEqual(before);
  });
});
