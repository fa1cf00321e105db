import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { applyLayer } from '../../src/layers/apply.js';
import { Crc64 } from '../../src/layers/store/crc64.js';
import { assembleTar, TarSplitRecorder } from '../../src/layers/store/tar-split.js';
import { fillTree, tarOf } from './images.js';
import { isRoot, scratchDirectory } from './scratch.js';

const scratch = scratchDirectory();

it('CRC-64-ISO of any pieces', () => {
  const sums = [[9], [1, 8], [4, 5], [3, 3, 3]].map((lengths) => {
    const crc = new Crc64();
    let at = 0;
    for (const length of lengths) crc.update(Buffer.from('123456789').subarray(at, at += length));
    return crc.digest().toString('hex');
  });
  // Bit by bit, as it is defined.
  const random = Buffer.from(Array.from({ length: 1000 }, (_, index) => (index * 7919 >> 3) & 0xff));
  let expected = 0xffffffffffffffffn;
  for (const byte of random) {
    expected ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) expected = (expected >> 1n) ^ ((expected & 1n) === 0n ? 0n : 0xd800000000000000n);
  }
  const whole = new Crc64();
  for (let at = 0, length = 1; at < random.length; at += length, length = length * 3 % 101) whole.update(random.subarray(at, at + length));
  expect(whole.digest().toString('hex')).toBe((expected ^ 0xffffffffffffffffn).toString(16).padStart(16, '0'));
  // The catalogue's check value of CRC-64/GO-ISO.
  expect(new Set(sums)).toEqual(new Set(['b90956c775a41001']));
});

async function recorded(tar: Buffer, pieces: number): Promise<boolean> {
  const recorder = new TarSplitRecorder(scratch.at('record'));
  for (let at = 0; at < tar.length; at += pieces) recorder.push(tar.subarray(at, at + pieces));
  await applyLayer(Readable.from([tar], { objectMode: false }), scratch.at('layer'));
  return recorder.finish();
}

it.skipIf(!isRoot).each([512, 777, 1 << 20])(`makes an archive again to the byte${isRoot ? '' : ' (skipped: not root)'}, recorded in pieces of %i`, async (pieces) => {
  await fillTree(scratch.at('tree'));
  const tar = tarOf(scratch.at('tree'));
  expect(await recorded(tar, pieces)).toBe(true);
  expect((await buffer(assembleTar(scratch.at('record'), scratch.at('layer')))).equals(tar)).toBe(true);
});

it('writes names as Docker does', async () => {
  mkdirSync(scratch.at('tree'));
  writeFileSync(scratch.at('tree/é'), 'x');
  writeFileSync(Buffer.from(`${scratch.at('tree')}/\xff`, 'latin1'), '');
  await recorded(tarOf(scratch.at('tree')), 4096);
  const entries = gunzipSync(readFileSync(scratch.at('record'))).toString().trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(entries.filter(({ type }) => type === 1)).toEqual([
    { type: 1, name: './', payload: null, position: 1 },
    { type: 1, name: './é', size: 1, payload: expect.stringMatching(/^.{12}$/) as string, position: 3 },
    { type: 1, name_raw: Buffer.from('./\xff', 'latin1').toString('base64'), payload: null, position: 5 },
  ]);
});

it('says where a file is not what it was', async () => {
  mkdirSync(scratch.at('tree'));
  writeFileSync(scratch.at('tree/file'), 'content');
  await recorded(tarOf(scratch.at('tree')), 4096);
  for (const [content, line] of [['CONTENT', 'has another content than it had'], ['con', 'is shorter than it was']]) {
    writeFileSync(scratch.at('layer/file'), content);
    await expect(buffer(assembleTar(scratch.at('record'), scratch.at('layer')))).rejects.toThrow(`${scratch.at('layer')}/file ${line}`);
  }
  execFileSync('bash', ['-c', 'rm layer/file; ln -s /etc/passwd layer/file'], { cwd: scratch.path });
  await expect(buffer(assembleTar(scratch.at('record'), scratch.at('layer')))).rejects.toThrow('file is missing');
});

it('does not record what the directory will not hold as it is', async () => {
  mkdirSync(scratch.at('tree'));
  writeFileSync(scratch.at('tree/file'), 'one');
  const twice = execFileSync('tar', ['-C', scratch.at('tree'), '--hard-dereference', '-cf', '-', 'file', './file'], { encoding: 'buffer' });
  expect(await recorded(twice, 4096)).toBe(false);
  expect(existsSync(scratch.at('record'))).toBe(false);
});
