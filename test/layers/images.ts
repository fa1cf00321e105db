// Images for tests, made without our own code: GNU tar packs the layers, and the documents are written by hand.
import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { python } from '../helpers/process.js';

export function sha256(bytes: Buffer | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A directory as a layer's archive. */
export function tarOf(directory: string): Buffer {
  return execFileSync('tar', [
    '--xattrs', '--xattrs-include=*', '--format=pax', '--pax-option=delete=atime,delete=ctime', '--numeric-owner', '--sort=name', '-C', directory, '-cf', '-', '.',
  ], { maxBuffer: 1 << 30 });
}

/** A layer of some files, by their paths; a path that ends with a slash is a directory. */
export function layerOf(files: Readonly<Record<string, string>>): Buffer {
  const directory = mkdtempSync('/dev/shm/tsaufs-layer-');
  try {
    for (const [name, content] of Object.entries(files)) {
      const place = path.join(directory, name);
      mkdirSync(name.endsWith('/') ? place : path.dirname(place), { recursive: true });
      if (!name.endsWith('/')) writeFileSync(place, content);
    }
    return tarOf(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

export interface TestImage {
  /** From the lowest up. */
  layers: readonly Buffer[];
  names?: readonly string[];
  config?: object;
  /** Of the whole configuration. */
  more?: object;
  architecture?: string;
}

export function configOf({ layers, config, architecture, more }: TestImage): Buffer {
  return Buffer.from(JSON.stringify({
    created: '2026-01-02T03:04:05Z', architecture: architecture ?? 'amd64', os: 'linux',
    config: { Cmd: ['/bin/sh'], Env: ['PATH=/bin'], ...config },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => `sha256:${sha256(layer)}`) },
    history: [
      ...layers.map((_, index) => ({ created: '2026-01-02T03:04:05Z', created_by: `step ${index}` })),
      { created: '2026-01-02T03:04:05Z', created_by: 'CMD ["/bin/sh"]', empty_layer: true },
    ],
    ...more,
  }));
}

export function imageId(image: TestImage): string {
  return `sha256:${sha256(configOf(image))}`;
}

/** As docker save wrote it until Docker 24: a directory a layer, and a link where a layer is there already. */
export function dockerArchive(file: string, images: readonly TestImage[], change?: (directory: string) => void): void {
  withDirectory((directory) => {
    const places = new Map<string, string>();
    const manifest = images.map((image, number) => {
      const config = configOf(image);
      writeFileSync(path.join(directory, `${sha256(config)}.json`), config);
      const layers = image.layers.map((layer, index) => {
        const name = `${sha256(`${number} ${index}`)}/layer.tar`;
        mkdirSync(path.join(directory, path.dirname(name)));
        const known = places.get(sha256(layer));
        if (known === undefined) writeFileSync(path.join(directory, name), layer);
        else symlinkSync(`../${known}`, path.join(directory, name));
        places.set(sha256(layer), known ?? name);
        return name;
      });
      return { Config: `${sha256(config)}.json`, RepoTags: image.names ?? null, Layers: layers };
    });
    writeFileSync(path.join(directory, 'manifest.json'), JSON.stringify(manifest));
    change?.(directory);
    pack(directory, file);
  });
}

export function writeBlob(directory: string, content: Buffer | string): { digest: string; size: number } {
  const blobs = path.join(directory, 'blobs/sha256');
  mkdirSync(blobs, { recursive: true });
  writeFileSync(path.join(blobs, sha256(content)), content);
  return { digest: `sha256:${sha256(content)}`, size: Buffer.byteLength(content) };
}

export interface LayoutOptions {
  compress?: boolean;
  annotations?: (name: string) => object;
}

/** One image's manifest and blobs; the descriptor of its manifest. */
export function writeManifest(directory: string, image: TestImage, { compress = true }: LayoutOptions = {}): object {
  const layers = image.layers.map((layer) => ({
    mediaType: `application/vnd.oci.image.layer.v1.tar${compress ? '+gzip' : ''}`,
    ...writeBlob(directory, compress ? gzipSync(layer) : layer),
  }));
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', ...writeBlob(directory, configOf(image)) };
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  return { mediaType, ...writeBlob(directory, JSON.stringify({ schemaVersion: 2, mediaType, config, layers })) };
}

export function writeIndex(directory: string, manifests: readonly object[]): void {
  writeFileSync(path.join(directory, 'oci-layout'), '{"imageLayoutVersion": "1.0.0"}');
  writeFileSync(path.join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

/** An OCI layout whose names are tags, as skopeo and Buildah write them. */
export function ociLayout(directory: string, images: readonly TestImage[], options: LayoutOptions = {}): void {
  mkdirSync(directory, { recursive: true });
  const annotate = options.annotations ?? ((name: string): object => ({ 'org.opencontainers.image.ref.name': name }));
  writeIndex(directory, images.flatMap((image) => {
    const manifest = writeManifest(directory, image, options);
    return image.names === undefined ? [manifest] : image.names.map((name) => ({ ...manifest, annotations: annotate(name) }));
  }));
}

/** As docker save writes it since Docker 25: an OCI layout with uncompressed layers, and manifest.json. */
export function newDockerArchive(file: string, image: TestImage): void {
  withDirectory((directory) => {
    ociLayout(directory, [image], {
      compress: false,
      annotations: (name) => ({
        'io.containerd.image.name': `docker.io/library/${name}`, 'org.opencontainers.image.ref.name': name.slice(name.indexOf(':') + 1),
      }),
    });
    const blob = (content: Buffer): string => `blobs/sha256/${sha256(content)}`;
    writeFileSync(path.join(directory, 'manifest.json'), JSON.stringify([
      { Config: blob(configOf(image)), RepoTags: image.names ?? null, Layers: image.layers.map(blob) },
    ]));
    pack(directory, file);
  });
}

export function pack(directory: string, file: string): void {
  execFileSync('tar', ['-C', directory, '-cf', file, '.']);
}

function withDirectory(use: (directory: string) => void): void {
  const directory = mkdtempSync('/dev/shm/tsaufs-archive-');
  try {
    use(directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const filesScript = `
import os, socket, struct, sys
root = os.fsencode(sys.argv[1]) + b'/'
def make(name, mode, uid=0, gid=0, content=None, mtime=1_000_000_000_123_456_789):
    path = root + name
    if content is None: os.makedirs(path, exist_ok=True)
    else:
        with open(path, 'wb') as file: file.write(content)
    os.chown(path, uid, gid); os.chmod(path, mode)
    return path
times = []
def timed(path, ns): times.append((path, ns))
for name, mode, uid, gid in ((b'bin', 0o755, 0, 0), (b'etc', 0o750, 3, 4), (b'home', 0o755, 0, 0), (b'home/user', 0o700, 1000, 1000),
                             (b'tmp', 0o1777, 0, 0), (b'closed', 0o000, 0, 0), (b'old', 0o755, 0, 0), (b'old/deep', 0o755, 5, 5), (b'empty', 0o2775, 0, 50)):
    timed(make(name, mode, uid, gid), 1_000_000_000_000_000_001 + mode)
big = bytes(range(256)) * 1200
timed(make(b'bin/tool', 0o4755, 0, 0, big), 1_100_000_000_111_111_111)
os.link(root + b'bin/tool', root + b'bin/alias'); os.link(root + b'bin/tool', root + b'home/third')
os.setxattr(root + b'bin/tool', 'security.capability', struct.pack('<IIIII', 0x02000001, 0x400, 0, 0, 0))
make(b'etc/passwd', 0o644, 0, 0, b'root:x:0:0\\n'); make(b'etc/gone', 0o600, 0, 0, b'gone'); make(b'etc/empty', 0o644, 0, 0, b'')
make(b'home/user/note', 0o640, 1000, 1001, b'note' * 300)
os.setxattr(root + b'home/user/note', 'user.comment', b'a\\0binary\\xff value')
os.setxattr(root + b'home', 'trusted.thing', b'of a directory')
timed(make(b'old/file', 0o644, 70000, 4294967294, b'x'), -1_500_000_000)
make(b'old/deep/one', 0o644, 0, 0, b'1'); make(b'old/deep/two', 0o644, 0, 0, b'2')
make(b'n\\xe4me \\xff\\n', 0o644, 0, 0, b'not UTF-8')
make(b'l' * 200, 0o644, 0, 0, b'long')
os.symlink('/no/such ' + 'p' * 150, root + b'link'); os.lchown(root + b'link', 7, 8)
os.mkfifo(root + b'fifo', 0o620)
os.mknod(root + b'null', 0o020666, os.makedev(1, 3)); os.chmod(root + b'null', 0o666)
os.chmod(root, 0o751)
for path, ns in reversed(times): os.utime(path, ns=(ns, ns), follow_symlinks=False)
os.utime(root, ns=(10**18, 10**18))
print('null')
`;

/** A tree with all that a layer can have: kinds of files, owners, modes, times, xattrs, hard links, names of any bytes. */
export async function fillTree(root: string): Promise<void> {
  mkdirSync(root, { recursive: true });
  await python(filesScript, [root]);
}

const describeScript = `
import hashlib, json, os, stat, sys
root = os.fsencode(sys.argv[1])
lines, names = [], {}
def visit(path, relative):
    st = os.lstat(path)
    parts = [relative.decode('latin1'), '%o' % st.st_mode, '%d:%d' % (st.st_uid, st.st_gid), 'mtime %d' % st.st_mtime_ns]
    if stat.S_ISREG(st.st_mode):
        with open(path, 'rb') as file: parts += [str(st.st_size), hashlib.sha1(file.read()).hexdigest()]
    if stat.S_ISLNK(st.st_mode): parts.append(os.readlink(path).decode('latin1'))
    if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode): parts.append('device %d' % st.st_rdev)
    if not stat.S_ISDIR(st.st_mode) and st.st_nlink > 1: parts.append('is ' + names.setdefault((st.st_dev, st.st_ino), relative.decode('latin1')))
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        parts.append('%s=%s' % (name, os.getxattr(path, name, follow_symlinks=False).hex()))
    lines.append(' '.join(parts))
    if stat.S_ISDIR(st.st_mode):
        for name in sorted(os.listdir(path)): visit(os.path.join(path, name), os.path.join(relative, name))
visit(root, b'.')
print(json.dumps(lines))
`;

/** A line for each entry: all that an image keeps, which of the names are one file, and the times. */
export function describeFiles(root: string): Promise<string[]> {
  return python<string[]>(describeScript, [root]);
}
