import { expect, test } from 'vitest';
import { adapterWarnings, FirstThatCan } from '../../src/daemon/adapters.js';
import { type Adapter, ProtocolError, type SessionRequest } from '../../src/fuse/adapter.js';
import { parseMountOptions } from '../../src/options/mount.js';
import { FakeAdapter } from './fake-adapter.js';

const logged: string[] = [];

function request(): SessionRequest {
  const { union, mount } = parseMountOptions(['br=/a'], '/');
  logged.length = 0;
  return { mountpoint: '/m', source: 'none', union, mount, onEvent: () => undefined, onLog: (level, message) => logged.push(`${level} ${message}`) };
}

class Failing implements Adapter {
  constructor(readonly name: Adapter['name'], private readonly error: Error) {}
  start(): Promise<never> {
    return Promise.reject(this.error);
  }
}

class FakeNative extends FakeAdapter {
  override readonly name = 'fuse-native' as never;
}

const old = new Failing('kernel', new ProtocolError('the kernel speaks FUSE protocol 7.19'));

test('the first serves where it can, and the second is not even loaded', async () => {
  const kernel = new FakeAdapter();
  const auto = new FirstThatCan(kernel, () => Promise.reject(new Error('loaded')));
  expect(await auto.start(request())).toBe(kernel.session);
  expect([auto.name, logged]).toEqual(['kernel', []]);
});

test('the second serves where the kernel speaks another protocol: one line in the log says so', async () => {
  const native = new FakeNative();
  const auto = new FirstThatCan(old, () => Promise.resolve(native));
  expect(await auto.start(request())).toBe(native.session);
  expect([auto.name, logged]).toEqual(['fuse-native', ['warn falling back to the adapter fuse-native: the kernel speaks FUSE protocol 7.19']]);
});

test('where neither can, both reasons are told', async () => {
  const auto = new FirstThatCan(old, () => Promise.resolve(new Failing('fuse-native', new Error('not installed'))));
  await expect(auto.start(request())).rejects.toThrow('the kernel speaks FUSE protocol 7.19; nor can the adapter fuse-native: not installed');
});

test('another failure is nothing to fall back from', async () => {
  const auto = new FirstThatCan(new Failing('kernel', new Error('busy')), () => Promise.reject(new Error('loaded')));
  await expect(auto.start(request())).rejects.toThrow('busy');
});

test('options of fuse-native alone are said to have no effect elsewhere', () => {
  const { mount } = parseMountOptions(['br=/a,own_new_files,attr_timeout=0'], '/');
  expect(adapterWarnings('fuse-native', mount)).toEqual([]);
  expect(adapterWarnings('auto', mount)).toEqual([
    'mount option own_new_files has an effect with --adapter fuse-native only',
    'mount option attr_timeout has an effect with --adapter fuse-native only',
  ]);
});
