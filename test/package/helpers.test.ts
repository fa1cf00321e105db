import { copyFileSync, existsSync, linkSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { because, noRootMount, noUserMount, program, run, succeed } from '../helpers/process.js';
import { makeScratch, withHelpers, type Scratch } from './scratch.js';

const mountHelpers = ['mount.tsaufs', 'mount.fuse.tsaufs', 'umount.tsaufs', 'umount.fuse.tsaufs'];

let scratch: Scratch;
let root: string;
let prefix: string;

beforeEach(async () => {
  scratch = await makeScratch();
  root = scratch.root;
  prefix = path.join(root, 'prefix');
});

afterEach(() => scratch.clear());

const helpers = (...args: string[]) => run(process.execPath, [program, 'helpers', ...args, '--prefix', prefix]);

async function states(): Promise<Record<string, string>> {
  const found = JSON.parse((await helpers('status', '--json')).stdout) as { name: string; state: string }[];
  return Object.fromEntries(found.map(({ name, state }) => [name, state]));
}

describe('tsaufs helpers', () => {
  test('installs what mount(8) runs, the rest on request, and removes all of it', async () => {
    const rehearsed = await helpers('install', '--dry-run');
    expect(rehearsed.stdout).toBe(mountHelpers.map((name) => `${prefix}/sbin/${name} would be made\n`).join(''));
    expect(existsSync(prefix)).toBe(false);

    expect((await helpers('install')).stdout).toBe(mountHelpers.map((name) => `${prefix}/sbin/${name} made\n`).join(''));
    expect(readdirSync(path.join(prefix, 'sbin')).sort()).toEqual([...mountHelpers].sort());
    expect((await helpers('install', '--aufs', '--tools')).stdout).toContain(`${prefix}/sbin/mount.tsaufs kept\n${prefix}/sbin/mount.fuse.tsaufs kept\n`);
    const installed = await states();
    expect(Object.keys(installed)).toEqual(expect.arrayContaining([...mountHelpers, 'mount.aufs', 'umount.aufs', 'auchk', 'auplink', 'aubusy']));
    expect(new Set(Object.values(installed))).toEqual(new Set(['installed']));
    expect((await run(path.join(prefix, 'usr/local/bin/auchk'), ['--help'])).stdout).toContain('tsaufs check');

    const removed = JSON.parse((await helpers('remove', '--json')).stdout) as { dryRun: boolean; helpers: { done: string }[] };
    expect(removed.dryRun).toBe(false);
    expect(removed.helpers.map(({ done }) => done)).toEqual(Object.keys(installed).map(() => 'removed'));
    expect(readdirSync(path.join(prefix, 'sbin'))).toEqual([]);
    expect((await helpers('remove')).stdout).toBe('nothing to remove\n');
  });

  test('puts its own right, and never touches those of others', async () => {
    mkdirSync(path.join(prefix, 'sbin'), { recursive: true });
    symlinkSync('/no/such/tsaufs/dist/cli/main.js', path.join(prefix, 'sbin/mount.tsaufs'));
    writeFileSync(path.join(prefix, 'sbin/mount.aufs'), '#!/bin/sh\n# of aufs-tools\n');
    symlinkSync('/bin/true', path.join(prefix, 'sbin/umount.aufs'));
    expect(await states()).toMatchObject({ 'mount.tsaufs': 'outdated', 'mount.aufs': 'foreign', 'umount.aufs': 'foreign', 'umount.tsaufs': 'absent' });

    const refused = await helpers('install', '--aufs');
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toBe(`tsaufs: ${prefix}/sbin/mount.aufs belongs to another program: nothing was installed; remove that program, or do without mount.aufs\n`);
    expect(await states()).toMatchObject({ 'mount.tsaufs': 'outdated', 'umount.tsaufs': 'absent' });

    expect((await helpers('install')).stdout).toContain(`${prefix}/sbin/mount.tsaufs replaced\n`);
    expect(await states()).toMatchObject({ 'mount.tsaufs': 'installed', 'mount.aufs': 'foreign' });
    await helpers('remove');
    expect(readdirSync(path.join(prefix, 'sbin')).sort()).toEqual(['mount.aufs', 'umount.aufs']);
    expect(readFileSync(path.join(prefix, 'sbin/mount.aufs'), 'utf8')).toBe('#!/bin/sh\n# of aufs-tools\n');
  });

  test('are scripts where node is not found without PATH, as mount(8) has it', async () => {
    const node = path.join(root, "node's own", 'node');
    mkdirSync(path.dirname(node));
    try {
      linkSync(process.execPath, node);
    } catch {
      copyFileSync(process.execPath, node);
    }
    await succeed(node, [program, 'helpers', 'install', '--prefix', prefix]);
    const helper = path.join(prefix, 'sbin/mount.tsaufs');
    expect(lstatSync(helper).isFile()).toBe(true);
    // An empty environment, as far as a shell leaves it so.
    const shown = await run('env', ['-i', helper, '--help']);
    expect(shown).toMatchObject({ status: 0, stderr: '' });
    expect(shown.stdout).toMatch(/^Usage: mount\.tsaufs SOURCE MOUNTPOINT /);
    // By another node they are made anew, as that one needs them.
    expect(await states()).toMatchObject({ 'mount.tsaufs': 'outdated' });
    await helpers('install');
    expect(await states()).toMatchObject({ 'mount.tsaufs': 'installed' });
  });
});

const obstacle = noRootMount();

describe.skipIf(obstacle !== undefined)(`mount(8)${because(obstacle)}`, () => {
  const clean = 'trap \'for m in m container; do umount -il "$m" 2>/dev/null || true; done\' EXIT';

  test('mounts by the commands of the seed, with relative paths, and umount(8) unmounts', async () => {
    const output = await withHelpers(scratch, `${clean}
      mkdir image1 image2 container
      echo image1 > image1/001 && echo image1 > image1/002
      echo image2 > image2/002 && echo image2 > image2/003
      mount -t aufs -o br=./image1:./image2 none ./container
      ls container
      echo "container" >> container/001
      echo "container" >> container/003
      cat image1/001 image1/003 image2/003
      findmnt -n -o SOURCE,FSTYPE "$PWD/container"
      mount -o remount,ro container
      findmnt -n -o VFS-OPTIONS "$PWD/container"
      umount ./container
      ls container
      mkdir image01 image02
      mount -t aufs -o br=./image01=ro:./image02=ro none ./container
      touch container/x 2>/dev/null || echo refused
      umount container
      mount -t aufs -o br=./image01=rw:./image02=rw none ./container
      touch container/x && ls image01
      umount container`);
    expect(output).toBe('001\n002\n003\nimage1\ncontainer\nimage2\ncontainer\nimage2\nnone   fuse.tsaufs\nro,relatime\nrefused\nx\n');
  });

  test('an fstab: mount -a, once; remount; umount -a', async () => {
    const options = `br=${root}/a:${root}/b,users,nofail,_netdev,auto,defaults,x-systemd.requires=b.service,comment=mine,uhelper=other`;
    writeFileSync(path.join(root, 'fstab'), ['tsaufs', 'fuse.tsaufs', 'aufs']
      .map((type, index) => `union ${root}/m${index} ${type} ${options.replace('/a:', `/a${index}:`)}${index === 2 ? ',noauto' : ''} 0 0\n`).join(''));
    // umount -a would run our helper for the mounts of others, too, whose copies are here.
    const output = await withHelpers(scratch, `
      findmnt -n -l -o TARGET -t fuse.tsaufs | xargs -r umount -il 2>/dev/null || true
      trap 'for m in m0 m1 m2; do umount -il $m 2>/dev/null || true; done' EXIT
      mkdir a0 a1 a2 b m0 m1 m2; echo low > b/low
      mount -T fstab -a
      mount -T fstab -a -v | sed 's/ *:/:/'
      mount -T fstab $PWD/m2
      cat m0/low m1/low m2/low
      mount -T fstab -o remount,ro,exec $PWD/m0
      findmnt -n -o SOURCE,VFS-OPTIONS $PWD/m0
      umount -a -t fuse.tsaufs
      grep -F ' fuse.tsaufs ' /proc/self/mountinfo || echo gone`);
    expect(output).toBe([
      `${root}/m0: already mounted`, `${root}/m1: already mounted`, `${root}/m2: ignored`, 'low', 'low', 'low',
      'union  ro,nosuid,nodev,relatime', 'gone', '',
    ].join('\n'));
  });

  test('-f checks and mounts nothing, -s passes over unknown options, and the exit status is mount(8)\'s', async () => {
    const output = await withHelpers(scratch, `${clean}
      mkdir a b m
      mount -f -t tsaufs -o br=a:b none m; findmnt $PWD/m || echo nothing
      mount -f -t tsaufs -o br=a:gone none m || echo $?
      mount -f -t tsaufs -o br=a:a/c none m || echo $?
      mount -t tsaufs -o br=a:gone none m || echo $?
      mount -t tsaufs -o br=a:b,frob=1 none m || echo $?
      ls -A a
      mount -s -t tsaufs -o br=a:b,frob=1 none m; findmnt -n -o SOURCE $PWD/m
      mount -f -o remount,mod:$PWD/a=ro m; mount -f -o remount,frob m || echo $?
      umount m
      mount.tsaufs none 2>&1 | sed 's/.*: //' || true
      umount.tsaufs m || echo $?`);
    expect(output).toBe([
      `tsaufs: would mount ${root}/a=rw:${root}/b=ro on ${root}/m`, 'nothing',
      `tsaufs: branch ${root}/gone does not exist; make the directory first`, '32',
      `tsaufs: branch ${root}/a/c lies inside branch ${root}/a`, '32',
      `tsaufs: branch ${root}/gone does not exist; make the directory first`, '32',
      'tsaufs: unknown mount option "frob=1"; see tsaufs(5) for those there are', '1',
      'tsaufs: warning: unknown mount option "frob=1" passed over', 'none',
      `tsaufs: would remount ${root}/m`, 'tsaufs: unknown mount option "frob"; see tsaufs(5) for those there are', '1',
      `missing required argument 'mountpoint'; see mount.tsaufs --help`.replace(/.*: /, ''),
      `tsaufs: ${root}/m is not mounted; see tsaufs list`, '32', '',
    ].join('\n'));
  });

  test('-N mounts and unmounts in another namespace', async () => {
    const output = await withHelpers(scratch, `
      mkdir a b m; echo low > b/low
      unshare --mount --propagation private sleep 60 & other=$!
      trap 'nsenter -t $other -m umount -il $PWD/m 2>/dev/null || true; kill $other' EXIT
      until [ "$(readlink /proc/$other/ns/mnt)" != "$(readlink /proc/self/ns/mnt)" ]; do sleep 0.01; done
      mount -N $other -t tsaufs -o br=$PWD/a:$PWD/b none $PWD/m
      findmnt $PWD/m || echo not here
      nsenter -t $other -m cat $PWD/m/low
      umount -N $other $PWD/m
      nsenter -t $other -m findmnt $PWD/m || echo not there
      mount.tsaufs none $PWD/m -N /no/such -o br=$PWD/a || echo $?`);
    expect(output).toBe('not here\nlow\nnot there\n'
      + 'tsaufs: there is no mount namespace /no/such; give a process id or a file such as /proc/PID/ns/mnt\n1\n');
  });

  test('umount(8) flushes pseudo-links, waits for the end, and has -r, -l and copies of a namespace', async () => {
    const output = await withHelpers(scratch, `${clean}
      mkdir a b m container; echo one > b/x; ln b/x b/y
      mount -t tsaufs -o br=a:b none m
      echo more >> m/x
      ls a
      umount m
      ls a; stat -c %h a/x
      mount -t tsaufs -o br=a:b none m
      exec 3< m/x
      umount -r m; findmnt -n -o VFS-OPTIONS $PWD/m
      umount m || echo $?
      umount -l m; findmnt $PWD/m || echo detached
      exec 3<&-
      mount -t tsaufs -o br=a:b none m
      unshare --mount --propagation private umount m | sed 's/process [0-9]*/process N/'
      ls m
      umount m`.replace(' | sed', ' 2>&1 | sed'));
    const busy = `tsaufs: ${root}/m is busy; `;
    expect(output).toBe(['x', 'x', 'y', '2', `${busy}it is read-only now`, 'ro,relatime',
      `${busy}see who uses it with lsof ${root}/m, or detach it with tsaufs umount -l ${root}/m`, '32', 'detached',
      `tsaufs: ${root}/m is unmounted; its process N goes on, as it serves ${root}/m, too`, 'x', 'y', ''].join('\n'));
  });

  test('the mount helpers lead to this program', async () => {
    await withHelpers(scratch, 'mount.tsaufs --help');
    const helper = path.join(prefix, 'sbin/mount.tsaufs');
    expect(lstatSync(helper).isSymbolicLink() ? readlinkSync(helper) : readFileSync(helper, 'utf8')).toContain(program);
  });
});

const noUser = noUserMount();

test.skipIf(noUser !== undefined)(`a user mounts what fstab lets him, and unmounts it${because(noUser)}`, async () => {
  writeFileSync(path.join(root, 'fstab'), `none ${root}/m tsaufs br=${root}/a:${root}/b,user,noauto 0 0\n`);
  const output = await withHelpers(scratch, `
    mkdir a b m; echo low > b/low; chown nobody a m
    trap 'umount -il m 2>/dev/null || true' EXIT
    mount --bind fstab /etc/fstab
    as_user() { setpriv --reuid nobody --regid nogroup --clear-groups "$@"; }
    as_user mount $PWD/m
    as_user findmnt -n -o VFS-OPTIONS,FS-OPTIONS $PWD/m | grep -o 'user_id=[0-9]*\\|nosuid\\|noexec'
    as_user cp m/low m/new; stat -c %U a/new
    setpriv --reuid 1 --regid 1 --clear-groups umount $PWD/m 2>/dev/null || echo refused
    as_user umount $PWD/m; findmnt $PWD/m || echo gone
    mount -t tsaufs -o br=a:b none m; as_user umount $PWD/m 2>/dev/null || echo refused; umount m`);
  expect(output).toBe('nosuid\nnoexec\nuser_id=65534\nnobody\nrefused\ngone\nrefused\n');
});
