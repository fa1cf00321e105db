import koffi from 'koffi';
import { expect, test } from 'vitest';
import { E } from '../../src/posix/errno.js';
import { nameFromText, NameSlot, textFromName } from '../../src/posix/name.js';

function stored(slot: NameSlot, length: number): string {
  return Buffer.from(koffi.view(slot.address, length)).toString('latin1');
}

test('names of all lengths end with NUL', () => {
  const slot = new NameSlot();
  for (const length of [300, 33, 32, 31, 1, 0, 4095]) {
    const name = '\xff'.repeat(length);
    expect(slot.put(name)).toBe(0);
    expect(stored(slot, length + 1)).toBe(`${name}\0`);
  }
});

test('every byte but NUL', () => {
  const slot = new NameSlot();
  const bytes = Array.from({ length: 255 }, (_, i) => String.fromCharCode(i + 1));
  for (const name of [bytes.join(''), ...bytes]) {
    expect(slot.put(name)).toBe(0);
    expect(stored(slot, name.length + 1)).toBe(`${name}\0`);
  }
});

test('what cannot be a name is refused', () => {
  const slot = new NameSlot();
  expect(slot.put('x'.repeat(4096))).toBe(-E.ENAMETOOLONG);
  expect(slot.put('x'.repeat(100000))).toBe(-E.ENAMETOOLONG);
  for (const filler of ['', 'x'.repeat(100)]) {
    expect(slot.put(`${filler}\0`)).toBe(-E.EINVAL);
    expect(slot.put(`${filler}a\0b`)).toBe(-E.EINVAL);
    expect(slot.put(`${filler}\u012f`)).toBe(-E.EINVAL);
    expect(slot.put(`${filler}\u{1f600}`)).toBe(-E.EINVAL);
  }
});

test('a name after a prefix', () => {
  const slot = new NameSlot();
  expect(slot.put('/proc/')).toBe(0);
  expect(slot.put('self', 6)).toBe(0);
  expect(stored(slot, 11)).toBe('/proc/self\0');
  expect(slot.put('x'.repeat(4090), 6)).toBe(-E.ENAMETOOLONG);
});

test('text and names', () => {
  expect(nameFromText('é')).toBe('\xc3\xa9');
  expect(textFromName('\xc3\xa9')).toBe('é');
  expect(textFromName('a\xff')).toBe('a\ufffd');
});
