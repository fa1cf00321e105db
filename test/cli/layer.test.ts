import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { archive } from '../layers/archive.js';
import { scratchDirectory } from '../layers/scratch.js';
import { because } from '../helpers/process.js';
import { program, tsaufs, until, whyNoMount, type Outcome } from './program.js';

const scratch = scratchDirectory();
const here = (...args: string[]): Promise<Outcome> => tsaufs(args, { cwd: scratch.path });
const sha256 = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

const layer = archive({ name: 'f', content: 'content' }, { name: '.wh.gone' });

// zstd -19 of an archive with one file, a, that holds "hello, zstd" and a newline: the program need not be here.
const zstdLayer = Buffer.from('KLUv/QRoTQIAAsMKEbDrPxQGqN0Pi7SkX5cI6ScFBmjbw6BrJeVVZUZkZ5uzjx6kGKf478xynwsgUC/x8IX/J9EYBwD7f85bC7YUFA4KsJ94GwYWivw=', 'base64');

describe('tsaufs layer apply', () => {
  it('makes a branch, and prints the digests', async () => {
    writeFileSync(scratch.at('layer.tar'), layer);
    expect(await here('layer', 'apply', 'layer.tar', 'image1')).toEqual({ status: 0, stdout: `diff id  ${sha256(layer)}\n`, stderr: '' });
    expect(readdirSync(scratch.at('image1')).sort()).toEqual(['.wh.gone', 'f']);
    expect(readFileSync(scratch.at('image1/f'), 'utf8')).toBe('content');
  });

  it('takes zstd', async () => {
    writeFileSync(scratch.at('layer.tar.zst'), zstdLayer);
    const { status, stdout } = await here('layer', 'apply', '--json', 'layer.tar.zst', 'image1');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ compression: 'zstd', digest: sha256(zstdLayer), entries: 1, size: 12 });
    expect(readFileSync(scratch.at('image1/a'), 'utf8')).toBe('hello, zstd\n');
  });

  it('a large one, whose digest another thread makes', async () => {
    const content = randomBytes(40_000_000);
    const large = archive({ name: 'small', content: 'x', pax: { comment: 'c'.repeat(3_000_000) } }, { name: 'f', content }, { name: 'g', content: content.subarray(0, 5000) });
    writeFileSync(scratch.at('layer.tar'), large);
    expect(await here('layer', 'apply', 'layer.tar', 'image1')).toEqual({ status: 0, stdout: `diff id  ${sha256(large)}\n`, stderr: '' });
    expect(readFileSync(scratch.at('image1/f')).equals(content)).toBe(true);
    expect(readFileSync(scratch.at('image1/g')).equals(content.subarray(0, 5000))).toBe(true);
    const refused = await here('layer', 'apply', '--max-bytes', '12000000', 'layer.tar', 'image2');
    expect(refused).toEqual({ status: 1, stdout: '', stderr: 'tsaufs: the layer has more than 12000000 bytes uncompressed, the limit; allow more with --max-bytes\n' });
    expect(scratch.names()).toEqual(['image1', 'layer.tar']);
  });

  it('reads standard input', async () => {
    const child = spawn(process.execPath, [program, 'layer', 'apply', '-', 'image1'], { cwd: scratch.path, stdio: ['pipe', 'ignore', 'inherit'] });
    child.stdin.end(layer);
    expect(await once(child, 'close')).toEqual([0, null]);
    expect(readdirSync(scratch.at('image1')).sort()).toEqual(['.wh.gone', 'f']);
  });

  it('adds to a directory with --into only', async () => {
    mkdirSync(scratch.at('image1'));
    writeFileSync(scratch.at('image1/before'), '');
    writeFileSync(scratch.at('layer.tar'), layer);
    expect(await here('layer', 'apply', 'layer.tar', 'image1')).toEqual({
      status: 1, stdout: '', stderr: `tsaufs: ${scratch.at('image1')} exists; name a directory that does not, or add to it with --into\n`,
    });
    chmodSync(scratch.at('image1'), 0o711);
    expect((await here('layer', 'apply', '--into', 'layer.tar', 'image1')).status).toBe(0);
    expect(readdirSync(scratch.at('image1')).sort()).toEqual(['.wh.gone', 'before', 'f']);
  });

  it.each([
    [['layer.tar', 'no/where'], 1, /^tsaufs: .*\/no: ENOENT: no such file or directory\n$/],
    [['nothing.tar', 'x'], 1, /^tsaufs: nothing\.tar: no such file; name a layer's archive, or - for standard input\n$/],
    [['.', 'x'], 1, /^tsaufs: \. is a directory; name a layer's archive\n$/],
    [['layer.tar'], 2, /missing required argument 'directory'/],
    [['layer.tar', 'x', 'y'], 2, /too many arguments/],
    [['layer.tar', ''], 2, /the directory is empty/],
    [['--max-bytes', '1G', 'layer.tar', 'x'], 2, /"1G" is no limit/],
    [['--max-bytes', '1000', 'layer.tar', 'x'], 1, /^tsaufs: the layer has more than 1000 bytes uncompressed, the limit; allow more with --max-bytes\n$/],
    [['--max-entries', '1', 'layer.tar', 'x'], 1, /^tsaufs: the layer has more than 1 entries, the limit; allow more with --max-entries\n$/],
    [['--diff-id', 'md5:0', 'layer.tar', 'x'], 2, /"md5:0" is no digest/],
    [['--diff-id', `sha256:${'0'.repeat(64)}`, 'layer.tar', 'x'], 1, /^tsaufs: the uncompressed layer has the digest sha256:[0-9a-f]+, and not sha256:0+: it is damaged or another one\n$/],
  ])('refuses %j with one line', async (args, status, message) => {
    writeFileSync(scratch.at('layer.tar'), layer);
    const outcome = await here('layer', 'apply', ...args);
    expect(outcome).toMatchObject({ status, stdout: '' });
    expect(outcome.stderr).toMatch(message);
    expect(outcome.stderr.trimEnd()).not.toContain('\n');
    expect(scratch.names()).toEqual(['layer.tar']);
  });

  it('ended by a signal leaves nothing behind', async () => {
    const child = spawn(process.execPath, [program, 'layer', 'apply', '-', 'image1'], { cwd: scratch.path, stdio: ['pipe', 'ignore', 'pipe'] });
    const closed = once(child, 'close');
    child.stdin.write(layer.subarray(0, 1536));
    await until(() => scratch.names().length > 0);
    child.kill('SIGTERM');
    let stderr = '';
    child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
    expect(await closed).toEqual([1, null]);
    expect(stderr).toBe('tsaufs: ended by SIGTERM\n');
    expect(scratch.names()).toEqual([]);
  });
});

describe('tsaufs layer pack', () => {
  it('writes a file, or standard output', async () => {
    mkdirSync(scratch.at('image1'));
    writeFileSync(scratch.at('image1/f'), 'content');
    const { status, stdout } = await here('layer', 'pack', '-o', 'layer.tar', 'image1');
    const bytes = readFileSync(scratch.at('layer.tar'));
    expect({ status, stdout }).toEqual({ status: 0, stdout: `diff id  ${sha256(bytes)}\n` });

    const child = spawn(process.execPath, [program, 'layer', 'pack', 'image1'], { cwd: scratch.path, stdio: ['ignore', 'pipe', 'inherit'] });
    const pieces = await child.stdout.toArray() as Buffer[];
    expect(Buffer.concat(pieces).equals(bytes)).toBe(true);

    const zipped = await here('layer', 'pack', '--gzip', '-o', 'layer.tar.gz', 'image1');
    expect(zipped.stdout).toBe(`diff id  ${sha256(bytes)}\ndigest   ${sha256(readFileSync(scratch.at('layer.tar.gz')))}\n`);
  });

  it.each([
    [['-o', 'x.tar', 'nowhere'], /^tsaufs: nowhere is not a directory; name a branch, or the mount point of a union\n$/],
    [['-o', 'no/x.tar', 'image1'], /^tsaufs: ENOENT: no such file or directory, open 'no\/x\.tar\.part-\d+'; check how it is written\n$/],
  ])('refuses %j', async (args, message) => {
    mkdirSync(scratch.at('image1'));
    const outcome = await here('layer', 'pack', ...args);
    expect(outcome).toMatchObject({ status: 1, stdout: '' });
    expect(outcome.stderr).toMatch(message);
    expect(scratch.names()).toEqual(['image1']);
  });
});

describe('tsaufs layer', () => {
  it('knows apply and pack', async () => {
    expect(await here('layer', 'frobnicate')).toMatchObject({
      status: 2, stderr: 'tsaufs: there is no command "layer frobnicate"; there are apply, pack; see tsaufs layer --help\n',
    });
    for (const help of [['layer'], ['layer', '--help'], ['help', 'layer']]) {
      expect(await here(...help)).toMatchObject({ status: 0, stdout: expect.stringContaining('  tsaufs layer apply [--into] LAYER DIR\n') as string });
    }
  });
});

describe('tsaufs diff', () => {
  afterEach(async () => {
    if (existsSync(scratch.at('container'))) await here('umount', '-l', 'container');
  });

  it('of a directory', async () => {
    for (const name of ['image1', 'image2']) mkdirSync(scratch.at(name));
    for (const name of ['image1/a', 'image1/b', 'image1/.wh.c', 'image2/b', 'image2/c']) writeFileSync(scratch.at(name), '');
    writeFileSync(Buffer.concat([Buffer.from(scratch.at('image1/')), Buffer.from([0x7a, 0xff])]), '');
    writeFileSync(scratch.at('image1/new\nline'), '');
    const { status, stdout } = await here('diff', '--below', 'image2', 'image1');
    expect({ status, stdout }).toEqual({ status: 0, stdout: 'A /a\nC /b\nD /c\nA /new\\x0aline\nA /z\ufffd\n' });
    const { stdout: json } = await here('diff', '--json', '--below', './image2:./image2', './image1');
    expect(JSON.parse(json)).toEqual([
      { kind: 'A', path: '/a' }, { kind: 'C', path: '/b' }, { kind: 'D', path: '/c' }, { kind: 'A', path: '/new\nline' }, { kind: 'A', path: '/z\ufffd' },
    ]);
    expect((await here('diff', 'image2')).stdout).toBe('A /b\nA /c\n');
  });

  it('refuses what it cannot tell', async () => {
    expect(await here('diff', 'nowhere')).toMatchObject({ status: 1, stderr: 'tsaufs: nowhere is not a directory; name a branch, or the mount point of a union\n' });
    expect(await here('diff')).toMatchObject({ status: 2 });
    mkdirSync(scratch.at('image1'));
    expect(await here('diff', '--below', 'a::b', 'image1')).toMatchObject({ status: 2, stderr: 'tsaufs: an empty name among the directories of --below; leave out one of the colons\n' });
    expect((await here('diff', '--below', 'nowhere', 'image1')).stderr).toMatch(/^tsaufs: ENOENT: no such file or directory, .*\/nowhere\n$/);
  });

  const skip = whyNoMount();
  it.skipIf(skip !== undefined)(`of a mounted union, and layer pack of it${because(skip)}`, async () => {
    for (const name of ['image1', 'im\u00e4ge2', 'container', 'im\u00e4ge2/d']) mkdirSync(scratch.at(name));
    for (const name of ['001', '002', '003', 'd/x']) writeFileSync(scratch.at(`im\u00e4ge2/${name}`), name);
    expect((await here('mount', '-o', 'br=./image1:./im\u00e4ge2', './container')).status).toBe(0);
    expect((await here('diff', './container')).stdout).toBe('');
    const union = scratch.at('container');
    await once(spawn('sh', ['-euc', 'echo more >> 002; rm 003; mkdir new; touch new/f; chmod 600 d/x; mv 001 004'], { cwd: union, stdio: 'inherit' }), 'close');
    expect((await here('diff', 'container')).stdout).toBe('D /001\nC /002\nD /003\nA /004\nC /d\nC /d/x\nA /new\nA /new/f\n');
    expect(await here('diff', '--below', 'image1', 'container')).toMatchObject({ status: 2 });
    expect((await here('layer', 'pack', '-o', 'layer.tar', 'container')).status).toBe(0);
    expect((await here('layer', 'apply', 'layer.tar', 'again')).status).toBe(0);
    expect(readdirSync(scratch.at('again')).sort()).toEqual(['.wh.001', '.wh.003', '002', '004', 'd', 'new']);
    expect((await here('diff', '--below', 'im\u00e4ge2', 'again')).stdout).toBe((await here('diff', 'container')).stdout);
  });

  it.skipIf(skip !== undefined)(`of a union with nothing writable${because(skip)}`, async () => {
    for (const name of ['image1', 'container']) mkdirSync(scratch.at(name));
    expect((await here('mount', '-o', 'br=./image1=ro', './container')).status).toBe(0);
    expect(await here('diff', 'container')).toEqual({
      status: 1, stdout: '', stderr: `tsaufs: no branch of the union on ${scratch.at('container')} is writable, so nothing is changed; name a branch's directory\n`,
    });
  });
});
