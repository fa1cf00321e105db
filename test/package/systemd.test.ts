import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { because, missing, noRootMount, project, succeed } from '../helpers/process.js';
import { noMachine, noSystemd, onMachine, onSystemd } from './machine.js';
import { makeScratch, type Scratch } from './scratch.js';

let scratch: Scratch;
let shared: string;

beforeEach(async () => {
  scratch = await makeScratch();
  shared = path.join(scratch.root, 'shared');
  mkdirSync(shared);
});

afterEach(() => scratch.clear());

const units = readdirSync(path.join(project, 'systemd'));

const unverifiable = noRootMount() ?? missing('systemd-analyze') ?? await noMachine();

test.skipIf(unverifiable !== undefined)(`systemd-analyze verify finds nothing wrong with the units${because(unverifiable)}`, async () => {
  await succeed('cp', ['-r', path.join(project, 'systemd'), shared]);
  const output = await onMachine(scratch.root, shared, `
    [ -e /usr/bin/tsaufs ] || ln -s /bin/true /usr/bin/tsaufs
    mkdir -p /etc/tsaufs /etc/systemd/system
    cp /srv/shared/systemd/* /etc/systemd/system/
    cd /etc/systemd/system
    ln -s tsaufs@.service tsaufs@union.service
    systemd-analyze verify --man=no ${units.map((name) => name.replace('@.', '@union.')).join(' ')} 2>&1 | grep -F -e union -e tsaufs || echo nothing`);
  expect(units.length).toBeGreaterThan(1);
  expect(output).toBe('nothing\n');
});

const unbootable = await noSystemd();

test.skipIf(unbootable !== undefined)(`systemd mounts the union by the mount unit, and by the service${because(unbootable)}`, async () => {
  await succeed('cp', ['-r', path.join(project, 'systemd'), shared]);
  const output = await onSystemd(scratch.root, shared, `
    tsaufs helpers install >/dev/null
    cp /srv/shared/systemd/* /etc/systemd/system/
    mkdir -p /srv/upper /srv/lower /mnt/union /etc/tsaufs
    echo low >/srv/lower/file; ln /srv/lower/file /srv/lower/link
    printf 'BRANCHES=/srv/upper=rw:/srv/lower=ro\nMOUNTPOINT=/mnt/union\n' >/etc/tsaufs/union.conf
    systemctl daemon-reload

    systemctl start mnt-union.mount
    systemctl is-active mnt-union.mount
    findmnt -n -o SOURCE,FSTYPE /mnt/union
    echo more >>/mnt/union/file
    systemctl stop mnt-union.mount
    findmnt /mnt/union || echo unmounted
    systemctl is-failed mnt-union.mount || true
    stat -c %h /srv/upper/file; cat /srv/upper/link; rm /srv/upper/file /srv/upper/link

    systemctl start tsaufs@union
    cat /mnt/union/file
    systemctl show -P Type -P StatusText tsaufs@union
    systemctl stop tsaufs@union
    findmnt /mnt/union || echo unmounted
    systemctl is-failed tsaufs@union || true
    echo 'BRANCHES=' >>/etc/tsaufs/union.conf
    systemctl start tsaufs@union 2>/dev/null || echo refused`);
  expect(output).toBe('active\nnone   fuse.tsaufs\nunmounted\ninactive\n2\nlow\nmore\nlow\nnotify\nmounted on /mnt/union\nunmounted\ninactive\nrefused\n');
});
