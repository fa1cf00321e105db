// What sessions of the documents begin with and no command of theirs makes: `prop NAME PLACE` in a set-up.
import { copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { archive } from '../layers/archive.js';
import { graphStore } from '../layers/docker-stores.js';
import { dockerArchive, layerOf, tarOf } from '../layers/images.js';

const props: Record<string, (place: string) => void> = {
  /** /var/lib/docker as Docker 1.9 left it. */
  'old-docker': (place) => {
    mkdirSync(place, { recursive: true });
    graphStore(place);
  },

  /** `docker save` of an image with a shell, which was built in two steps. */
  'image': (place) => {
    const root = mkdtempSync('/tmp/prop-');
    for (const name of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp']) mkdirSync(path.join(root, name));
    copyFileSync('/bin/busybox', path.join(root, 'bin/busybox'));
    for (const name of ['sh', 'ls', 'cat']) symlinkSync('busybox', path.join(root, 'bin', name));
    writeFileSync(path.join(root, 'etc/passwd'), 'root::0:0::/:/bin/sh\n');
    const history = [
      { created: '2026-11-20T08:59:00Z', created_by: 'COPY rootfs / # buildkit' },
      { created: '2026-11-20T09:00:00Z', created_by: 'RUN /bin/sh -c echo hello > /etc/motd; rm /etc/passwd' },
      { created: '2026-11-20T09:00:00Z', created_by: 'CMD ["/bin/sh"]', empty_layer: true },
    ];
    dockerArchive(place, [{
      layers: [tarOf(root), layerOf({ 'etc/motd': 'hello\n', 'etc/.wh.passwd': '' })], names: ['demo:1'],
      more: { created: '2026-11-20T09:00:00Z', history },
    }]);
  },

  /** A layer that would write outside of itself. */
  'hostile-layer': (place) => writeFileSync(place, archive({ name: '../../etc/cron.d/x', content: '* * * * * root reboot\n' })),
};

const [name, place] = process.argv.slice(2);
const prop = props[name] as ((place: string) => void) | undefined;
if (!prop) throw new Error(`no prop "${name}"; there are ${Object.keys(props).join(', ')}`);
prop(path.resolve(place));
