import { describe, expect, it } from 'vitest';
import { E } from '../../../src/posix/errno.js';
import { allocate } from '../../../src/posix/memory.js';
import { encode } from '../../../src/fuse/kernel/notification.js';

function message(what: Parameters<typeof encode>[1]): string {
  const block = allocate(512);
  block.bytes.fill(0xa5);
  const length = encode(block, what);
  return block.bytes.subarray(0, length).toString('hex');
}

describe('notifications', () => {
  it('of an inode: code 2 in place of the error, no unique', () => {
    expect(message({ kind: 'inode', node: 5, offset: 4096, length: -1 })).toBe(
      '2800000002000000' + '0000000000000000' + '0500000000000000' + '0010000000000000' + 'ffffffffffffffff',
    );
  });

  it('of a name: code 3, the name with its end', () => {
    expect(message({ kind: 'entry', parent: 1, name: 'a\xff' })).toBe(
      '2300000003000000' + '0000000000000000' + '0100000000000000' + '0200000000000000' + '61ff00',
    );
    expect(message({ kind: 'entry', parent: 1, name: 'b', expire: true })).toBe(
      '2200000003000000' + '0000000000000000' + '0100000000000000' + '0100000001000000' + '6200',
    );
  });

  it('of a name too long is refused', () => {
    expect(encode(allocate(512), { kind: 'entry', parent: 1, name: 'x'.repeat(256) })).toBe(-E.ENAMETOOLONG);
  });
});
