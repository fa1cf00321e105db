import { describe, expect, it } from 'vitest';
import { chainIds, type Digest } from '../../src/layers/oci/digest.js';
import { formatReference, fullName, parseReference } from '../../src/layers/oci/reference.js';
import { fits, parsePlatform } from '../../src/layers/oci/platform.js';
import { layersOfHistory, parseImageConfig } from '../../src/layers/oci/image-config.js';
import { sha256 } from './images.js';

describe('references', () => {
  it.each([
    ['busybox', 'busybox:latest', 'docker.io/library/busybox:latest'],
    ['busybox:1.36', 'busybox:1.36', 'docker.io/library/busybox:1.36'],
    ['docker.io/library/busybox', 'busybox:latest', 'docker.io/library/busybox:latest'],
    ['docker.io/user/app:x', 'user/app:x', 'docker.io/user/app:x'],
    ['localhost/app', 'localhost/app:latest', 'localhost/app:latest'],
    ['reg.example:5000/a/b__c-d:T_1.0', 'reg.example:5000/a/b__c-d:T_1.0', 'reg.example:5000/a/b__c-d:T_1.0'],
    [`app:1@sha256:${sha256('')}`, `app@sha256:${sha256('')}`, `docker.io/library/app@sha256:${sha256('')}`],
  ])('%s', (text, short, full) => {
    expect([formatReference(parseReference(text)), fullName(parseReference(text))]).toEqual([short, full]);
  });

  it.each(['', 'Busybox', 'a//b', '-a', 'a:', 'a:.x', 'a@sha256:12', 'a b', 'sha256', `a:${'x'.repeat(129)}`, 'a/../b', 'a.-b'])('"%s" is none', (text) => {
    expect(() => parseReference(text)).toThrow(/^"/);
  });
});

it('chain ids hash what lies below', () => {
  const [a, b, c] = ['a', 'b', 'c'].map((word): Digest => `sha256:${sha256(word)}`);
  const second = `sha256:${sha256(`${a} ${b}`)}`;
  expect(chainIds([a, b, c])).toEqual([a, second, `sha256:${sha256(`${second} ${c}`)}`]);
});

it('platforms fit with or without a variant', () => {
  expect(fits(parsePlatform('linux/arm64/v8'), parsePlatform('linux/arm64'))).toBe(true);
  expect(fits(parsePlatform('linux/arm/v6'), parsePlatform('linux/arm/v7'))).toBe(false);
  expect(() => parsePlatform('amd64')).toThrow('"amd64" is not a platform');
});

it('steps of the history find their layers', () => {
  const config = (history: object[]): Buffer => Buffer.from(JSON.stringify({ rootfs: { type: 'layers', diff_ids: ['a', 'b'].map((word) => `sha256:${sha256(word)}`) }, history }));
  expect(layersOfHistory(parseImageConfig(config([{}, { empty_layer: true }, {}, {}]), 'x'))).toEqual([0, undefined, 1, undefined]);
  expect(() => parseImageConfig(Buffer.from('{"rootfs":{"diff_ids":["x"]}}'), 'FILE')).toThrow('FILE: "x" is not the digest of a layer');
  expect(() => parseImageConfig(Buffer.from('{"rootfs":7}'), 'FILE')).toThrow('FILE: "rootfs" is not an object');
});
