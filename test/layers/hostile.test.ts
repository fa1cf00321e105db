import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { applyLayer, type ApplyOptions } from '../../src/layers/apply.js';
import { LayerError } from '../../src/layers/error.js';
import { archive, entryBytes, gnuLong, type RawEntry, streamOf } from './archive.js';
import { scratchDirectory } from './scratch.js';

const scratch = scratchDirectory();

async function refusal(bytes: Buffer, options?: ApplyOptions): Promise<string> {
  const error: unknown = await applyLayer(streamOf(bytes), scratch.at('layer'), options).then(
    () => new Error('it was applied'), (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(LayerError);
  const { message } = error as LayerError;
  expect(message).toMatch(/^[\x20-\x7e…]+$/);
  // Nothing is left behind: not the directory, and not what it was made in.
  expect(scratch.names()).toEqual([]);
  return message;
}

const dir = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({ name, type: '5', mode: 0o755, ...more });
const file = (name: string, content = 'x'): RawEntry => ({ name, content });
const symlink = (name: string, link: string): RawEntry => ({ name, type: '2', link });
const hardLink = (name: string, link: string): RawEntry => ({ name, type: '1', link });

describe('names that lead out of the layer', () => {
  it.each([
    ['..', /\.\.: a path with "\.\."/],
    ['../x', /a path with "\.\."/],
    ['a/../../x', /a path with "\.\."/],
    ['a/..', /a path with "\.\."/],
    ['./../x', /a path with "\.\."/],
    ['/etc/passwd', /\/etc\/passwd: an absolute path/],
    ['//x', /an absolute path/],
  ])('%s', async (name, message) => {
    expect(await refusal(archive(file('before'), file(name)))).toMatch(message);
    expect(await refusal(archive(file('before'), dir(name)))).toMatch(message);
    expect(await refusal(archive(file('before'), { name: 'y', content: 'x', pax: { path: name } }))).toMatch(message);
    expect(await refusal(Buffer.concat([gnuLong('L', name), archive(file('y'))]))).toMatch(message);
  });

  it.each([['../x'], ['/etc/passwd'], ['a/../../etc/passwd'], ['..']])('a hard link to %s', async (target) => {
    expect(await refusal(archive(dir('a'), hardLink('x', target)))).toMatch(/a path with|an absolute path/);
    expect(await refusal(archive(dir('a'), { name: 'x', type: '1', pax: { linkpath: target } }))).toMatch(/a path with|an absolute path/);
  });

  it('a NUL in an extended header', async () => {
    expect(await refusal(archive({ name: 'y', pax: { path: 'a\0/../../x' } }))).toBe('a\\x00/../../x: a name with a NUL');
    expect(await refusal(archive({ name: 'y', type: '2', pax: { linkpath: 'a\0b' } }))).toMatch(/^y: EINVAL/);
  });

  it('no name', async () => {
    expect(await refusal(archive(file('')))).toBe('an entry without a name');
  });

  it('the root as a file, a symlink or a hard link', async () => {
    expect(await refusal(archive(file('./')))).toMatch(/the root/);
    expect(await refusal(archive(symlink('.', '/etc')))).toMatch(/the root/);
    expect(await refusal(archive(file('a'), hardLink('b', './')))).toMatch(/no file of the layer/);
  });

  it('names too long for a file system', async () => {
    expect(await refusal(archive({ name: 'y', pax: { path: 'n'.repeat(256) } }))).toMatch(/more than 255 bytes/);
    expect(await refusal(archive(file('n'.repeat(100)), { name: 'y', type: '2', pax: { linkpath: 'n'.repeat(4096) } }))).toMatch(/ENAMETOOLONG/);
  });
});

describe('a symlink, and a path through it', () => {
  const victim = (): string => {
    mkdirSync(scratch.at('victim'));
    return scratch.at('victim');
  };

  it.each([
    ['a file', file('out/x')],
    ['a directory', dir('out/x')],
    ['a symlink', symlink('out/x', '/')],
    ['a hard link', hardLink('out/x', 'inside')],
    ['a whiteout', { name: 'out/.wh.x' }],
    ['a deep file', file('out/../x'.replace('../', 'sub/'))],
  ])('%s', async (_what, entry) => {
    const outside = victim();
    writeFileSync(`${outside}/there`, 'as it was');
    const error: unknown = await applyLayer(streamOf(archive(file('inside'), symlink('out', outside), entry)), scratch.at('layer'))
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/a path through out, which is not a directory but a symlink or a file/);
    expect(readdirSync(outside)).toEqual(['there']);
    expect(scratch.names()).toEqual(['victim']);
  });

  it('a hard link to a file behind it', async () => {
    const outside = victim();
    writeFileSync(`${outside}/secret`, 'secret');
    const error: unknown = await applyLayer(streamOf(archive(symlink('out', outside), hardLink('mine', 'out/secret'))), scratch.at('layer'))
      .catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/a hard link to out\/secret, which the layer does not have/);
    expect(statSync(`${outside}/secret`).nlink).toBe(1);
  });

  it('a symlink and then a file of its name: the symlink is replaced, not followed', async () => {
    const outside = victim();
    writeFileSync(`${outside}/there`, 'as it was');
    await applyLayer(streamOf(archive(symlink('a', `${outside}/there`), file('a', 'new'), symlink('b', outside), dir('b'), file('b/there', 'new'))), scratch.at('layer'));
    expect(readFileSync(`${outside}/there`, 'utf8')).toBe('as it was');
    expect(lstatSync(scratch.at('layer/a')).isFile()).toBe(true);
    expect(lstatSync(scratch.at('layer/b')).isDirectory()).toBe(true);
    expect(readFileSync(scratch.at('layer/b/there'), 'utf8')).toBe('new');
  });

  it('attributes of a directory whose name became a symlink do not reach what that points to', async () => {
    const outside = victim();
    const before = statSync(outside);
    expect(await refusalBeside(archive(dir('d', { mode: 0o777 }), symlink('d', outside)))).toMatch(/a directory first, and something else later/);
    expect(statSync(outside)).toMatchObject({ mode: before.mode, mtimeMs: before.mtimeMs });
  });

  it('a hard link to a symlink links the symlink', async () => {
    const outside = victim();
    await applyLayer(streamOf(archive(symlink('a', outside), hardLink('b', 'a'))), scratch.at('layer'));
    expect(readlinkSync(scratch.at('layer/b'))).toBe(outside);
    expect(lstatSync(scratch.at('layer/b')).ino).toBe(lstatSync(scratch.at('layer/a')).ino);
  });

  it('in a directory that exists, through a symlink that was there', async () => {
    const outside = victim();
    mkdirSync(scratch.at('layer'));
    symlinkSync(outside, scratch.at('layer/out'));
    const error: unknown = await applyLayer(streamOf(archive(file('out/x'))), scratch.at('layer'), { into: true }).catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/a path through out/);
    expect(readdirSync(outside)).toEqual([]);
  });

  async function refusalBeside(bytes: Buffer): Promise<string> {
    const error: unknown = await applyLayer(streamOf(bytes), scratch.at('layer')).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(LayerError);
    expect(existsSync(scratch.at('layer'))).toBe(false);
    return (error as LayerError).message;
  }
});

describe('entries that contradict each other', () => {
  it('a file where a directory was', async () => {
    expect(await refusal(archive(dir('d'), file('d/x'), file('d')))).toBe('d: a directory first, and something else later');
    expect(await refusal(archive(dir('d'), symlink('d', 'x')))).toBe('d: a directory first, and something else later');
    expect(await refusal(archive(file('d/x'), { name: 'd', type: '6' }))).toBe('d: a directory first, and something else later');
  });

  it('a path through a file', async () => {
    expect(await refusal(archive(file('f'), file('f/x')))).toMatch(/a path through f, which is not a directory/);
  });

  it('a hard link to nothing, to a directory, to itself', async () => {
    expect(await refusal(archive(hardLink('a', 'b')))).toMatch(/a hard link to b, which the layer does not have/);
    expect(await refusal(archive(dir('d'), hardLink('a', 'd')))).toMatch(/a hard link to d, which cannot be linked/);
    expect(await refusal(archive(file('a'), hardLink('a', 'a')))).toMatch(/a hard link to a, which the layer does not have/);
  });
});

describe('whiteouts that are none', () => {
  it.each([
    ['.wh.', /no name that there can be/],
    ['.wh..', /no name that there can be/],
    ['.wh...', /no name that there can be/],
    ['d/.wh...', /no name that there can be/],
    ['.wh.d/x', /a path through a whiteout/],
  ])('%s', async (name, message) => {
    expect(await refusal(archive(dir('d'), file(name, '')))).toMatch(message);
  });

  it('of a name that AUFS has no room for', async () => {
    expect(await refusal(archive({ name: 'y', pax: { path: `.wh.${'n'.repeat(243)}` } }))).toMatch(/a whiteout of a name of more than 242 bytes/);
  });

  it.each([['2', 'symlink'], ['5', 'directory'], ['6', 'fifo'], ['3', 'device']])('type %s, a %s', async (type) => {
    expect(await refusal(archive({ name: '.wh.x', type, link: type === '2' ? '/etc' : '' }))).toMatch(/a whiteout that is not an empty file/);
    expect(await refusal(archive({ name: '.wh..wh..opq', type, link: type === '2' ? '/etc' : '' }))).toMatch(/a whiteout that is not an empty file/);
  });

  it('with content', async () => {
    expect(await refusal(archive(file('.wh.x', 'content')))).toMatch(/a whiteout that is not an empty file/);
  });

  it('hard links of one, as an ordinary name', async () => {
    expect(await refusal(archive(file('.wh.x', ''), hardLink('y', '.wh.x')))).toMatch(/no file of the layer/);
  });
});

describe('bombs', () => {
  it('more bytes than the limit, plain and compressed', async () => {
    const zeros = archive(file('zeros', '\0'.repeat(4 << 20)));
    const limits = { bytes: 1 << 20 };
    expect(await refusal(zeros, { limits })).toMatch(/more than 1048576 bytes uncompressed, the limit/);
    expect(await refusal(gzipSync(zeros), { limits })).toMatch(/more than 1048576 bytes uncompressed, the limit/);
  });

  it('many small entries that are more than the limit together', async () => {
    const entries = Array.from({ length: 100 }, (_, i) => file(`f${i}`));
    expect(await refusal(archive(...entries), { limits: { bytes: 20_000 } })).toMatch(/more than 20000 bytes/);
    expect(await refusal(archive(...entries), { limits: { entries: 99 } })).toMatch(/more than 99 entries, the limit/);
  });

  it('a sparse file of an exabyte', async () => {
    const pax = { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'big', 'GNU.sparse.realsize': String(2 ** 52) };
    expect(await refusal(archive({ name: 'y', content: Buffer.from('0\n'.padEnd(512, '\0')), pax }))).toMatch(/more than \d+ bytes uncompressed/);
  });

  it('a size that there cannot be', async () => {
    expect(await refusal(archive({ name: 'x', size: `\x80${'\xff'.repeat(11)}` }))).toMatch(/more than \d+ bytes|not a tar archive/);
    expect(await refusal(archive({ name: 'x', size: `\xff${'\0'.repeat(11)}` }))).toMatch(/not a tar archive, or it is damaged/);
    expect(await refusal(archive({ name: 'x', pax: { size: '99999999999999999999' } }))).toMatch(/more than \d+ bytes/);
  });

  it('an extended header of many megabytes', async () => {
    expect(await refusal(archive({ name: 'x', type: 'x', content: Buffer.alloc(5 << 20) }))).toMatch(/extended header of more than 4 MiB/);
  });

  it('a sparse map that leads beyond the file, or back', async () => {
    const sparse = (map: string): Buffer => archive({
      name: 'y',
      content: Buffer.concat([Buffer.from(map.padEnd(512, '\0')), Buffer.alloc(512)]),
      pax: { 'GNU.sparse.major': '1', 'GNU.sparse.minor': '0', 'GNU.sparse.name': 'f', 'GNU.sparse.realsize': '1000' },
    });
    for (const map of ['1\n900\n512\n', '2\n500\n256\n0\n256\n', 'x\n', '1\n-5\n512\n', '1\n0\n', '99999999999999999999\n', '1\n0\n100\n']) {
      expect(await refusal(sparse(map))).toMatch(/malformed map of a sparse file/);
    }
  });
});

describe('damage', () => {
  it('no archive at all', async () => {
    expect(await refusal(Buffer.from('hello, world'.repeat(100)))).toMatch(/not a tar archive, or it is damaged/);
  });

  it('an archive that ends in the middle', async () => {
    const whole = archive(file('a', 'content'.repeat(1000)));
    expect(await refusal(whole.subarray(0, 3000))).toMatch(/not complete/);
    expect(await refusal(whole.subarray(0, 300))).toMatch(/not complete/);
    expect(await refusal(gzipSync(whole).subarray(0, 60))).toMatch(/gzip data is damaged or not complete/);
  });

  it('a wrong checksum, in gzip and in a header', async () => {
    const zipped = gzipSync(archive(file('a', 'content')));
    zipped[zipped.length - 6] ^= 1;
    expect(await refusal(zipped)).toMatch(/gzip data is damaged/);
    const bad = archive(file('a'));
    bad[5] ^= 1;
    expect(await refusal(bad)).toMatch(/not a tar archive, or it is damaged/);
  });

  it.each([['5 a=b\n'], ['x a=b\n'], ['999 a=b\n'], ['6 a=b\nrest'], ['7 abcd\n'], ['-6 a=b\n'], ['1e1 a=bcd\n'.slice(0, 10)]])('a malformed extended header: %j', async (text) => {
    expect(await refusal(Buffer.concat([entryBytes({ name: 'p', type: 'x', content: text }), archive(file('a'))]))).toMatch(/malformed extended header/);
  });

  it.each([['mtime', 'yesterday'], ['mtime', '1e400'], ['uid', '-1'], ['uid', '4294967295'], ['gid', 'x'], ['uid', '1.5']])('a record %s=%s', async (key, value) => {
    expect(await refusal(archive({ name: 'a', pax: { [key]: value } }))).toMatch(/malformed time|no number of a user or group/);
  });

  it('an unknown kind of entry', async () => {
    expect(await refusal(archive({ name: 'a', type: 'V' }))).toMatch(/a: an entry of a kind that layers do not have/);
    expect(await refusal(archive({ name: 'a', type: 'S', gnu: true }))).toMatch(/a: an entry of a kind that layers do not have; if it is a sparse file/);
  });

  it('a digest that is another', async () => {
    const wrong = `sha256:${'0'.repeat(64)}`;
    expect(await refusal(archive(file('a')), { diffId: wrong })).toMatch(/^the uncompressed layer has the digest sha256:[0-9a-f]{64}, and not sha256:0{64}: /);
    expect(await refusal(gzipSync(archive(file('a'))), { digest: wrong })).toMatch(/^the layer has the digest/);
  });

  it('a name that would break the line of a message', async () => {
    expect(await refusal(archive(file('a\nb\x1b[31m/../x')))).toBe('a\\x0ab\\x1b[31m/../x: a path with ".."');
  });

  it('a stream that fails', async () => {
    const whole = archive(file('a', 'x'.repeat(100_000)));
    const input = Readable.from((function* () {
      for (let at = 0; at < 20_000; at += 1000) yield whole.subarray(at, at + 1000);
      throw new Error('the network is gone');
    })(), { objectMode: false });
    await expect(applyLayer(input, scratch.at('layer'))).rejects.toThrow('the network is gone');
    expect(scratch.names()).toEqual([]);
  });
});
