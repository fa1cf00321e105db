import { createReadStream, createWriteStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { applyLayer, type AppliedLayer } from '../../src/layers/apply.js';
import { type LayerSummary, packLayer, type PackOptions } from '../../src/layers/pack.js';
import { because, nobody, python, shell, succeed } from '../helpers/process.js';
import { describeTree, treeDifference } from '../helpers/tree.js';
import { streamOf } from './archive.js';
import { isRoot, scratchDirectory } from './scratch.js';

const scratch = scratchDirectory();

async function packTo(directory: string, file: string, options: PackOptions = {}): Promise<LayerSummary> {
  const layer = packLayer(directory, options);
  await pipeline(layer, createWriteStream(file));
  return layer.summary;
}

const apply = (file: string, directory: string): Promise<AppliedLayer> => applyLayer(createReadStream(file), directory);

const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A branch with one of everything that a layer can hold; what only root may make is left out for others. */
const everything = `
import os, socket, struct, sys
os.umask(0)
os.chdir(sys.argv[1])
root = os.geteuid() == 0
def put(name, content=b'', mode=0o644):
    with open(name, 'wb') as file: file.write(content)
    os.chmod(name, mode)
os.mkdir('d', 0o750)
put('d/file', b'content\\n' * 1000)
put('d/empty')
put('setuid', b'x', 0o4755)
put('setgid', b'x', 0o2755)
put('unreadable', b'x', 0o000 if root else 0o400)
os.mkdir('sticky', 0o1777)
os.mkdir('closed', 0o555 if root else 0o755)
put('closed/in' , b'x')
os.link('d/file', 'hard')
os.link('d/file', 'd/hard too')
os.symlink('../somewhere/else', 'd/symlink')
os.symlink('/' + 't' * 150, 'long symlink')
os.link('d/symlink', 'hard symlink', follow_symlinks=False)
os.mkfifo('fifo', 0o620)
put(b'not-utf8-\\xff\\xfe-name', b'x')
put('umlaut-\\u00e4\\u00f6', b'x')
put('new\\nline', b'x')
os.makedirs('/'.join(['directory-%02d' % i for i in range(20)]))
put('/'.join(['directory-%02d' % i for i in range(20)]) + '/' + 'n' * 200, b'deep')
put('N' * 99, b'x'); put('N' * 100, b'x'); put('N' * 101, b'x')
os.setxattr('d/file', 'user.text', b'text')
os.setxattr('d/file', 'user.binary', bytes(range(256)))
os.setxattr('d/file', 'user.empty', b'')
os.setxattr('d', 'user.of-directory', b'=\\n=')
put('.wh.deleted'); put('d/.wh.deleted too')
os.link('.wh.deleted', 'd/.wh.third')
put('d/.wh..wh..opq')
acl = lambda entries: struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *entry) for entry in entries)
os.setxattr('d/empty', 'system.posix_acl_access', acl([(1, 6, 0xffffffff), (2, 4, 1234), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 0, 0xffffffff)]))
os.setxattr('d', 'system.posix_acl_default', acl([(1, 7, 0xffffffff), (2, 5, 1234), (4, 5, 0xffffffff), (16, 5, 0xffffffff), (32, 0, 0xffffffff)]))
put('d/no acl', b'x', 0o640)
with open('sparse', 'wb') as file:
    file.seek(5000000); file.write(b'end')
if root:
    os.mknod('char', 0o20666, os.makedev(1, 3))
    os.mknod('block', 0o60660, os.makedev(259, 500000))
    os.chown('d/file', 1000, 100)
    os.chown('d/symlink', 70000, 2**31 + 5, follow_symlinks=False)
    put('capable', b'x', 0o755)
    os.setxattr('capable', 'security.capability', bytes.fromhex('0100000200280000' + '00' * 4 + '00ff0000' + '00' * 0)[:20].ljust(20, b'\\0'))
    os.setxattr('capable', 'trusted.mine', b'\\xff\\0')
    os.chown('setuid', 5, 6); os.chmod('setuid', 0o4755)
for name, when in (('d/empty', 0), ('d/file', 1234567890123456789), ('hard symlink', 999999999), ('fifo', 4102444800 * 10**9 * 2), ('sticky', -86400 * 10**9 - 1), ('setgid', -1), ('d', 1000000000 * 10**9 + 1)):
    os.utime(name, ns=(0, when), follow_symlinks=False)
print('null')
`;

/** Lines of Python's description: all but inode numbers and change times. */
async function described(directory: string): Promise<string[]> {
  const lines = await describeTree(directory, 'exact');
  return lines.map((line) => line.replace(/ ino \d+/, '').replace(/ ctime \d+/, ''));
}

/** A directory's link count is the file system's own affair, and that of a whiteout AUFS's. */
const comparable = (lines: string[]): string[] => lines.map((line) => /(^|\/)\.wh\.| 4\d{4} /.test(line) ? line.replace(/ nlink \d+/, '') : line);

describe('pack, apply, pack', () => {
  it.each([['none'], ['gzip']] as const)('gives the same digest and the same tree (%s)', async (compression) => {
    mkdirSync(scratch.at('branch'));
    await python(everything, [scratch.at('branch')]);
    const packed = await packTo(scratch.at('branch'), scratch.at('1.tar'), { compression });
    const bytes = readFileSync(scratch.at('1.tar'));
    expect(packed).toMatchObject({ digest: sha256(bytes), blobSize: bytes.length });

    const applied = await apply(scratch.at('1.tar'), scratch.at('again'));
    expect(applied).toMatchObject({
      compression, diffId: packed.diffId, digest: packed.digest, size: packed.size, archiveSize: packed.archiveSize, entries: packed.entries, whiteouts: 4,
    });
    expect(treeDifference(comparable(await described(scratch.at('branch'))), comparable(await described(scratch.at('again'))))).toEqual([]);
    expect(await packTo(scratch.at('again'), scratch.at('2.tar'), { compression })).toEqual(packed);
    expect(readFileSync(scratch.at('2.tar')).equals(bytes)).toBe(true);
  });

  it.skipIf(!isRoot)(`GNU tar unpacks it to the same tree${because(isRoot ? undefined : 'not root')}`, async () => {
    mkdirSync(scratch.at('branch'));
    await python(everything, [scratch.at('branch')]);
    await packTo(scratch.at('branch'), scratch.at('1.tar'));
    mkdirSync(scratch.at('by tar'));
    await succeed('tar', ['--extract', '--file', scratch.at('1.tar'), '--directory', scratch.at('by tar'), '--same-permissions', '--numeric-owner', '--xattrs', '--xattrs-include=*']);
    // GNU tar leaves ACLs to another option, of another form, and does not know the record for so large a device number.
    const without = (lines: string[]): string[] => comparable(lines).filter((line) => !line.startsWith('./block ')).map((line) => line.replace(/ system\.posix_acl_\w+=\w+/g, ''));
    expect(treeDifference(without(await described(scratch.at('branch'))), without(await described(scratch.at('by tar'))))).toEqual([]);
  });

  it.each([['gnu'], ['posix'], ['pax --sparse'], ['ustar'], ['v7']])('takes what GNU tar packs: --format=%s', async (format) => {
    mkdirSync(scratch.at('branch'));
    await python(everything, [scratch.at('branch')]);
    const short = /ustar|v7/.test(format) ? 'rm -rf directory-* N* long* umlaut* fifo; chown -h 0:0 d/symlink 2>/dev/null || :; rm -f char block;' : '';
    const xattrs = /posix|pax/.test(format) ? '--xattrs --xattrs-include=*' : '';
    // Whole seconds, and nothing before 1970 or after 2242: what the old forms have no room for is not to be compared.
    const times = xattrs === '' ? 'find . -print0 | xargs -0 touch -h -d @1000000000; setfattr -x user.of-directory d; for f in d/file; do for a in text binary empty; do setfattr -x user.$a $f; done; done; setfattr -h -x security.capability capable 2>/dev/null || :; setfattr -x trusted.mine capable 2>/dev/null || :;' : '';
    await shell(`cd ${scratch.at('branch')}; ${short} ${times} setfacl -R -b -k . ; tar --create --format=${format} ${xattrs} --numeric-owner --file ${scratch.at('1.tar')} .`);
    await apply(scratch.at('1.tar'), scratch.at('again'));
    expect(treeDifference(comparable(await described(scratch.at('branch'))), comparable(await described(scratch.at('again'))))).toEqual([]);
  });

  it('leaves AUFS\'s own records out, and sockets, and says so', async () => {
    mkdirSync(scratch.at('branch'));
    await shell(`cd ${scratch.at('branch')}; mkdir .wh..wh.plnk .wh..wh.orph d; touch .wh..wh.aufs .wh..wh.hino d/.wh..wh..dr.2_x .wh.x .wh..wh.plnk/12.34 .wh..wh.orph/x f`);
    await python('import socket, sys\nsocket.socket(socket.AF_UNIX).bind(sys.argv[1] + "/socket")\nprint("null")', [scratch.at('branch')]);
    const warnings: string[] = [];
    await packTo(scratch.at('branch'), scratch.at('1.tar'), { onWarning: (message) => void warnings.push(message) });
    const names = await succeed('tar', ['tf', scratch.at('1.tar')]);
    expect(names).toBe('./\n.wh.x\nd/\nf\n');
    expect(warnings).toEqual([expect.stringMatching(/^the branch has 1 pseudo-links: .*clean_plink/), 'socket left out: a socket, which layers do not have']);
  });

  it('says which directory there is not', async () => {
    const layer = packLayer(scratch.at('nowhere'));
    await expect(pipeline(layer, createWriteStream(scratch.at('x')))).rejects.toThrow(/^ENOENT: no such file or directory, .*nowhere$/);
    await expect(layer.summary).rejects.toThrow(/^ENOENT/);
  });

  it('ends, and closes what it has open, when nobody reads on', async () => {
    mkdirSync(scratch.at('branch'));
    for (let i = 0; i < 20; i++) writeFileSync(scratch.at(`branch/${i}`), Buffer.alloc(1 << 20));
    const before = await openDescriptors();
    const layer = packLayer(scratch.at('branch'));
    for await (const _piece of layer) break;
    await expect(layer.summary).rejects.toThrow();
    await expect.poll(openDescriptors).toBe(before);
  });
});

function openDescriptors(): Promise<number> {
  return Promise.resolve(readdirLength(`/proc/${process.pid}/fd`));
}

function readdirLength(directory: string): number {
  return readdirSync(directory).length;
}

describe('as an ordinary user', () => {
  const skip = isRoot ? undefined : 'not root, who steps down';
  const program = new URL('../../dist/cli/main.js', import.meta.url).pathname;
  const asNobody = async (args: string[]): Promise<{ status: number | null; stdout: string; stderr: string }> => {
    const { run } = await import('../helpers/process.js');
    return run(process.execPath, [program, ...args], { as: nobody, cwd: scratch.path });
  };

  it.skipIf(skip !== undefined)(`files become his own; devices are refused or left out${because(skip)}`, async () => {
    await shell(`chmod 777 ${scratch.path}; mkdir ${scratch.at('branch')}; cd ${scratch.at('branch')}; mkdir d; echo x > d/f; chown 5:6 d/f; mknod null c 1 3; setfattr -n trusted.x -v y d; chmod 4755 d/f; chmod 500 d`);
    await packTo(scratch.at('branch'), scratch.at('1.tar'));

    const refused = await asNobody(['layer', 'apply', '1.tar', 'again']);
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toMatch(/^tsaufs: warning: [^\n]*\n?tsaufs: null: a device, which only root may make; [^\n]*--skip-unsupported\)\n$|^tsaufs: null: a device, which only root may make; [^\n]*--skip-unsupported\)\n$/);
    expect(scratch.names()).toEqual(['1.tar', 'branch']);

    const { status, stderr } = await asNobody(['layer', 'apply', '--skip-unsupported', '1.tar', 'again']);
    expect(status).toBe(0);
    expect(stderr).toBe('tsaufs: warning: null left out: a device, which only root may make\n' +
      'tsaufs: warning: d/: the extended attribute trusted.x cannot be set: EPERM: operation not permitted\n');
    expect(await shell(`cd ${scratch.path}; stat -c '%n %a %u' again/d again/d/f; ls again`)).toBe('again/d 500 65534\nagain/d/f 4755 65534\nd\n');
  });

  it.skipIf(skip !== undefined)(`in a directory that is not his, it is refused${because(skip)}`, async () => {
    writeFileSync(scratch.at('1.tar'), Buffer.alloc(1024));
    expect(await asNobody(['layer', 'apply', '1.tar', 'again'])).toEqual({
      status: 1, stdout: '', stderr: `tsaufs: ${scratch.path}: EACCES: permission denied\n`,
    });
  });
});

describe('compression', () => {
  it('an empty layer', async () => {
    const empty = Buffer.alloc(1024);
    expect(await applyLayer(streamOf(empty), scratch.at('layer'))).toMatchObject({ entries: 0, size: 0, diffId: sha256(empty) });
    expect(await shell(`stat -c %a ${scratch.at('layer')}`)).toBe('755\n');
  });

  it('gzip of several members, in pieces of one byte', async () => {
    mkdirSync(scratch.at('branch'));
    writeFileSync(scratch.at('branch/f'), 'content');
    await packTo(scratch.at('branch'), scratch.at('1.tar'));
    const bytes = readFileSync(scratch.at('1.tar'));
    const zipped = Buffer.concat([gzipSync(bytes.subarray(0, 700)), gzipSync(bytes.subarray(700))]);
    const applied = await applyLayer(streamOf(zipped, 1), scratch.at('layer'), { digest: sha256(zipped), diffId: sha256(bytes) });
    expect(applied).toMatchObject({ compression: 'gzip', archiveSize: bytes.length });
    expect(readFileSync(scratch.at('layer/f'), 'utf8')).toBe('content');
  });
});
