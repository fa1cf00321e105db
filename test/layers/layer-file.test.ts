import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LayerFile } from '../../src/layers/layer-file.js';
import { scratchDirectory } from './scratch.js';

const scratch = scratchDirectory();
const bytes = randomBytes(5_000_000);

async function contentOf(file: LayerFile): Promise<Buffer> {
  return Buffer.concat(await file.toArray() as Buffer[]);
}

const openDescriptors = (): number => readdirSync('/proc/self/fd').length;

describe('LayerFile', () => {
  it('gives a file, or a part of it', async () => {
    writeFileSync(scratch.at('file'), bytes);
    expect((await contentOf(new LayerFile(scratch.at('file')))).equals(bytes)).toBe(true);
    const part = await contentOf(new LayerFile(scratch.at('file'), { offset: 1000, size: 3_000_000 }));
    expect(part.equals(bytes.subarray(1000, 3_001_000))).toBe(true);
    expect(await contentOf(new LayerFile(scratch.at('file'), { offset: 1000, size: 0 }))).toHaveLength(0);
  });

  it('gives what is no regular file to its end', async () => {
    expect(await contentOf(new LayerFile('/dev/null'))).toHaveLength(0);
  });

  it('fails where there is none', async () => {
    await expect(contentOf(new LayerFile(scratch.at('nowhere')))).rejects.toThrow(/ENOENT/);
    await expect(contentOf(new LayerFile(scratch.path))).rejects.toThrow(/EISDIR/);
  });

  it('closes the file when it ends, and when nobody wants the rest', async () => {
    writeFileSync(scratch.at('file'), bytes);
    const before = openDescriptors();
    await contentOf(new LayerFile(scratch.at('file')));
    for await (const _piece of new LayerFile(scratch.at('file'))) break;
    await expect.poll(openDescriptors).toBe(before);
  });

  it('tells whether it is large', async () => {
    writeFileSync(scratch.at('file'), bytes);
    const file = new LayerFile(scratch.at('file'));
    await new Promise((resolve) => file.once('readable', resolve));
    expect(file.isLarge()).toBe(false);
    file.destroy();
  });
});
