import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { disk, isRunning, mountsIn } from '../helpers/mounted.js';
import { shell, succeed, until } from '../helpers/process.js';
import { client, Engine, makeRootFileSystem, noEngine } from './engine.js';

const obstacle = noEngine();

describe.skipIf(obstacle !== undefined)(`Docker Engine on tsaufs${obstacle === undefined ? '' : ` (skipped: ${obstacle})`}`, { timeout: 300_000 }, () => {
  let root: string;
  let engine: Engine;

  beforeAll(async () => {
    root = mkdtempSync(path.join(disk, 'tsaufs-docker-'));
    engine = new Engine(root);
    await engine.startContainerd();
    await engine.startPlugin();
    await engine.startDaemon();
    const base = path.join(root, 'base');
    makeRootFileSystem(base);
    writeFileSync(path.join(base, 'etc/motd'), 'hello\n');
    writeFileSync(path.join(base, 'etc/passwd'), 'root::0:0::/:/bin/sh\n');
    writeFileSync(path.join(base, 'dir/one'), '1\n');
    writeFileSync(path.join(base, 'dir/two'), '2\n');
    await shell(`tar -C ${base} -c . | ${client} -H unix://${root}/docker.sock import - base`);
  }, 300_000);

  afterAll(async () => {
    await engine.end();
    expect(mountsIn(root)).toEqual([]);
    rmSync(root, { recursive: true });
  }, 300_000);

  /** The id of a container's layer: the name of its files in the store. */
  async function layerOf(container: string): Promise<string> {
    const data = JSON.parse(await engine.docker('inspect', '--format', '{{json .GraphDriver.Data}}', container)) as { MergedDir: string };
    return path.basename(data.MergedDir);
  }

  test('the engine names it as its storage driver', async () => {
    expect(await engine.docker('info', '--format', '{{.Driver}}')).toBe(engine.driver);
    expect(await engine.docker('info', '--format', '{{json .DriverStatus}}'))
      .toContain(JSON.stringify(['Root Dir', engine.home]));
  });

  test('what a container changes and deletes is in its layer alone, and docker diff tells it', async () => {
    await engine.run('changed', 'base', 'echo more >> /etc/motd; rm /dir/one; echo n > /new; chmod 700 /dir/two; mv /tmp /moved; mkdir /tmp');
    const told = await engine.docker('diff', 'changed');
    expect(told.split('\n')).toEqual([
      'C /dir', 'D /dir/one', 'C /dir/two', 'C /etc', 'C /etc/motd', 'A /moved', 'A /new', 'C /tmp',
    ]);
    const layer = await layerOf('changed');
    expect(engine.store('diff', layer, 'dir')).toEqual(['.wh.one', 'two']);
    // Nothing is mounted for a container that does not run.
    expect(engine.store('mnt', layer)).toEqual([]);
    await engine.docker('commit', 'changed', 'second');
    expect(await engine.run('seen', 'second', 'cat /etc/motd /new; ls /dir; stat -c %a /dir/two')).toBe('hello\nmore\nn\ntwo\n700');
    expect(await engine.run('unseen', 'base', 'cat /etc/motd; ls /dir')).toBe('hello\none\ntwo');
  });

  test('while a container runs its union is mounted, and the store looks as under AUFS', async () => {
    await engine.start('long', 'second', 'echo x > /x');
    const layer = await layerOf('long');
    expect(readFileSync('/proc/mounts', 'utf8')).toContain(`none ${engine.home}/mnt/${layer} fuse.tsaufs rw,`);
    // The container itself sees it, with devices and set-id files that count.
    const inside = (await engine.docker('exec', 'long', 'mount')).split('\n')[0];
    expect(inside).toMatch(/^none on \/ type fuse\.tsaufs \(rw,relatime,/);
    expect(inside).not.toMatch(/nodev|nosuid/);
    const below = readFileSync(path.join(engine.home, 'layers', layer), 'latin1').trim().split('\n');
    expect(below).toHaveLength(3);
    expect(below[0]).toBe(`${layer}-init`);
    expect(readFileSync(path.join(engine.home, 'layers', below[1]), 'latin1')).toBe(`${below[2]}\n`);
    expect(readFileSync(path.join(engine.home, 'layers', below[2]), 'latin1')).toBe('');
    const [mount] = await engine.mounts();
    expect(mount.branches.map(({ text }) => text)).toEqual([
      `${engine.home}/diff/${layer}=rw`, ...below.map((id) => `${engine.home}/diff/${id}=ro+wh`),
    ]);
    expect(engine.store('mnt', layer)).toEqual(['.dockerenv', 'bin', 'dev', 'dir', 'etc', 'moved', 'new', 'proc', 'sys', 'tmp', 'x']);
    expect(engine.store('diff', layer)).toEqual(['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk', 'x']);
    expect(engine.store('diff', `${layer}-init`)).toEqual(expect.arrayContaining(['.dockerenv', 'dev', 'etc']));
    for (const kind of ['diff', 'layers', 'mnt'] as const) expect(engine.store(kind)).toEqual(expect.arrayContaining([layer, ...below]));
  });

  test('devices, set-id files and users in containers are as anywhere', async () => {
    await engine.run('privileges', 'base', `
      mknod /null c 1 3 && echo lost > /null && chmod 666 /null
      chmod 4755 /bin/busybox; echo secret > /secret; chmod 600 /secret; touch /tmp/user; chown 1000:1000 /tmp/user`);
    await engine.docker('commit', 'privileges', 'privileged');
    const said = await engine.run('user', 'privileged', `
      stat -c '%F %t:%T %a' /null; echo lost > /null; stat -c '%a %u:%g' /bin/busybox /tmp/user
      cat /secret 2>&1; touch /x 2>&1; echo own > /tmp/user; cat /tmp/user`, '--user', '1000:1000');
    expect(said.split('\n')).toEqual([
      'character special file 1:3 666', '4755 0:0', '644 1000:1000',
      `cat: can't open '/secret': Permission denied`, 'touch: /x: Permission denied', 'own',
    ]);
    // busybox takes the rights of its owner for su alone.
    expect(await engine.run('su', 'privileged', 'id -u; su -c "id -u" root', '--user', '1000:1000')).toBe('1000\n0');
  });

  test('a running container with hard links of the image can be committed', async () => {
    await engine.run('links', 'base', 'ln /etc/motd /etc/same; ln -s motd /etc/soft');
    await engine.docker('commit', 'links', 'linked');
    await engine.start('linking', 'linked', 'echo more >> /etc/same');
    await engine.docker('commit', 'linking', 'linked-again');
    expect(await engine.run('linked', 'linked-again', 'cat /etc/motd /etc/soft; stat -c %h /etc/motd')).toBe('hello\nmore\nhello\nmore\n2');
    await engine.docker('rm', '-f', 'linking');
  });

  test('an image is built in steps, and squashed to one layer that hides the same files', async () => {
    const context = path.join(root, 'context');
    mkdirSync(context);
    writeFileSync(path.join(context, 'file'), 'from the context\n');
    writeFileSync(path.join(context, 'Dockerfile'), [
      'FROM second',
      'RUN rm -r /dir && mkdir /dir && echo three > /dir/three',
      'RUN rm /new && mkdir /new && echo a > /new/a && rm -r /moved',
      'COPY file /etc/file',
      'RUN rm -r /new && echo again > /new && mkdir /moved && ln /etc/file /etc/link',
    ].join('\n'));
    await engine.build('built', context);
    await engine.build('squashed', context, '--squash');
    const depth = (image: string): Promise<string> => engine.docker('inspect', '--format', '{{len .RootFS.Layers}}', image);
    expect([await depth('second'), await depth('built'), await depth('squashed')]).toEqual(['2', '6', '3']);
    const look = 'ls / /dir /moved; cat /new /etc/link; stat -c %h /etc/link';
    const built = await engine.run('of-steps', 'built', look);
    expect(built).toMatch(/\/dir:\nthree\n\n\/moved:\nagain\nfrom the context\n2$/);
    expect(await engine.run('of-one', 'squashed', look)).toBe(built);
    const archive = path.join(root, 'squashed.tar');
    await engine.docker('save', '--output', archive, 'squashed');
    await engine.docker('rm', 'of-one');
    await engine.docker('rmi', 'squashed');
    await engine.docker('load', '--input', archive);
    expect(await engine.run('loaded', 'squashed', look)).toBe(built);
  });

  test('BuildKit builds in stages', async () => {
    const context = path.join(root, 'stages');
    mkdirSync(context);
    writeFileSync(path.join(context, 'Dockerfile'), [
      'FROM base AS first',
      'RUN rm -r /dir && mkdir /dir && echo three > /dir/three',
      'FROM base',
      'COPY --from=first /dir /dir',
      'RUN rm /etc/motd /dir/one',
    ].join('\n'));
    await engine.buildWithBuildKit('stages', context);
    expect(await engine.run('staged', 'stages', 'ls /dir; cat /dir/three; test -e /etc/motd || echo gone')).toBe('three\ntwo\nthree\ngone');
  });

  test('a container goes on when the plugin is started again, and when it is killed', async () => {
    await engine.start('steady', 'base', 'echo 1 > /count');
    const layer = await layerOf('steady');
    expect(await engine.stopPlugin('SIGTERM')).toBe(0);
    expect(existsSync(engine.pluginSocket)).toBe(false);
    expect(readFileSync(path.join(engine.home, 'mnt', layer, 'count'), 'latin1')).toBe('1\n');
    await engine.startPlugin();
    await engine.stopPlugin('SIGKILL');
    expect(existsSync(engine.pluginSocket)).toBe(true);
    await engine.startPlugin();
    expect(statSync(engine.pluginSocket).mode & 0o7777).toBe(0o600);
    await engine.docker('exec', 'steady', 'sh', '-c', 'echo 2 >> /count');
    // Another use of the layer, which must not unmount it when it is over.
    await engine.docker('cp', 'steady:/count', path.join(root, 'count'));
    expect(readFileSync(path.join(root, 'count'), 'latin1')).toBe('1\n2\n');
    expect(await engine.docker('exec', 'steady', 'cat', '/count')).toBe('1\n2');
    await engine.docker('stop', '--time', '0', 'steady');
    expect((await engine.mounts()).map(({ mountpoint }) => path.basename(mountpoint))).not.toContain(layer);
    await engine.docker('start', 'steady');
    expect(await engine.docker('exec', 'steady', 'cat', '/count')).toMatch(/^1/);
  });

  test('a union whose process was killed is mounted anew', async () => {
    const layer = await layerOf('steady');
    const mount = (await engine.mounts()).find(({ mountpoint }) => mountpoint.endsWith(layer))!;
    process.kill(mount.pid, 'SIGKILL');
    await until(() => !isRunning(mount.pid));
    await engine.docker('restart', '--time', '0', 'steady');
    expect(await engine.docker('exec', 'steady', 'cat', '/etc/motd')).toBe('hello');
  });

  test('the engine ends and is started again: unions are gone meanwhile, and containers have what they had', async () => {
    await engine.docker('exec', 'long', 'sh', '-c', 'echo kept > /kept');
    expect((await engine.mounts()).length).toBeGreaterThan(0);
    await engine.stopDaemon('SIGTERM');
    expect(await engine.mounts()).toEqual([]);
    expect(existsSync(engine.pluginState)).toBe(false);
    await engine.startDaemon();
    await engine.docker('start', 'long');
    expect(await engine.docker('exec', 'long', 'cat', '/kept')).toBe('kept');
    expect((await engine.docker('diff', 'changed')).split('\n')).toContain('D /dir/one');
  });

  test('with --live-restore a container outlives the engine, and its union goes when it is stopped', async () => {
    await engine.stopDaemon('SIGTERM');
    await engine.startDaemon('--live-restore');
    await engine.docker('start', 'long');
    const [before] = await engine.mounts();
    await engine.stopDaemon('SIGTERM');
    expect((await engine.mounts()).map(({ pid }) => pid)).toEqual([before.pid]);
    await engine.startDaemon('--live-restore');
    expect(await engine.docker('exec', 'long', 'cat', '/kept')).toBe('kept');
    await engine.docker('stop', '--time', '0', 'long');
    expect(await engine.mounts()).toEqual([]);
    await engine.stopDaemon('SIGTERM');
    await engine.startDaemon();
  });

  test('the engine is killed: what its containers had mounted is found again', async () => {
    await engine.docker('start', 'long');
    const layer = await layerOf('long');
    await engine.stopDaemon('SIGKILL');
    await engine.startDaemon();
    await engine.docker('rm', '-f', 'long');
    expect(await engine.mounts()).toEqual([]);
    for (const kind of ['diff', 'layers', 'mnt'] as const) expect(engine.store(kind)).not.toContain(layer);
  });

  test('a container is removed while somebody stands in its union', async () => {
    await engine.start('busy', 'base', ':');
    const layer = await layerOf('busy');
    const [mount] = await engine.mounts();
    const bystander = spawn('sleep', ['1000'], { cwd: path.join(engine.home, 'mnt', layer), stdio: 'ignore' });
    try {
      await engine.docker('rm', '-f', 'busy');
      expect(engine.store('mnt')).not.toContain(layer);
      expect(isRunning(mount.pid)).toBe(true);
    } finally {
      bystander.kill();
    }
    await until(() => !isRunning(mount.pid));
  });

  test('an image of as many layers as Docker allows', async () => {
    const image = path.join(root, 'deep');
    mkdirSync(image);
    // 125 layers, and two of the container's: a line of mount options for them would be 20 kB.
    await shell(`
      tar -C ../base -cf 0.tar .
      for i in $(seq 124); do mkdir l; echo $i > l/top; echo $i > l/f$i; [ $i = 1 ] || touch l/.wh.f$((i-1)); tar -C l -cf $i.tar .; rm -r l; done
      printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":[' > config.json
      sha256sum $(seq -f %g.tar 0 124) | awk '{printf "%s\\"sha256:%s\\"", (NR>1?",":""), $1}' >> config.json
      printf ']}}' >> config.json
      printf '[{"Config":"config.json","RepoTags":["deep:latest"],"Layers":["%s"]}]' "$(seq -f %g.tar 0 124 | paste -sd, | sed 's/,/","/g')" > manifest.json
      tar -cf ../deep.tar .`, { cwd: image });
    await engine.docker('load', '--input', path.join(root, 'deep.tar'));
    expect(await engine.run('deep', 'deep', 'cat /top; ls / | grep f; cat /etc/motd')).toBe('124\nf124\nhello');
    expect(readFileSync(path.join(engine.home, 'layers', await layerOf('deep')), 'latin1').trim().split('\n')).toHaveLength(126);
    await engine.docker('rm', 'deep');
    await engine.docker('rmi', 'deep');
  });

  test('removed containers and images leave nothing in the store', async () => {
    await succeed('sh', ['-c', `${client} rm -f $(${client} ps -aq); ${client} rmi -f $(${client} images -aq); ${client} builder prune -af`], { env: { DOCKER_HOST: `unix://${root}/docker.sock` } });
    for (const kind of ['diff', 'layers', 'mnt'] as const) expect(engine.store(kind)).toEqual([]);
    expect(await engine.mounts()).toEqual([]);
    await engine.stopDaemon('SIGTERM');
    expect(existsSync(engine.pluginState)).toBe(false);
    expect(await engine.stopPlugin('SIGTERM')).toBe(0);
  });
});
