// What tsaufs reads back from a branch (dirren's records and journal) may be anything: the union mounts, and shows what is there.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NAME_RECORD, PATH_RECORD, recordedBranch } from '../../src/union/rename-record.js';
import { makeBranches, unionOver, useUnions } from '../union/helpers.js';
import { roundsOf, seeds, timeFor } from './bounds.js';
import { Random } from './random.js';
import { describeAll } from './requests.js';

useUnions();

const rounds = roundsOf(150);

test.each(seeds([1]))('garbage in the records of renamed directories (seed %i)', { timeout: timeFor(rounds * 10) }, (seed) => {
  const random = new Random(seed);
  const journals = [
    { ino: 5, from: '', name: 'd', to: '', newName: 'e', aside: '.wh..wh.1.2', opaque: true, hide: true },
    { ino: 5, from: '/..', name: '..', to: '/../outside', newName: 'a', aside: '.wh..wh.1.2' },
    { ino: '5', from: null, name: {}, to: [], newName: 7, aside: '../outside' },
  ].map((journal) => Buffer.from(JSON.stringify(journal)));
  const record = Buffer.concat([Buffer.from('adr\x01\0\0\0\0', 'latin1'), Buffer.from([0, 0, 0, 0, 0, 0, 0, 9, 3, 0, 0, 0, 0, 0, 0, 0]), Buffer.from('low')]);
  const paths = ['1 /low', '1 /../outside', '1 /', '1 low', '99999999999999999999 /low/in', ''].map((text) => Buffer.from(text));
  for (let round = 0; round < rounds; round++) {
    const branches = makeBranches([['rw', { 'd/in': 'in' }], ['ro', { 'low/in': 'low' }]]);
    const outside = join(branches[0].path, '../outside');
    mkdirSync(outside, { recursive: true });
    writeFileSync(join(outside, 'a'), 'outside');
    const kept = [outside, branches[1].path];
    const before = kept.map(describeAll);
    const first = unionOver(branches, { dirren: true });
    const lower = recordedBranch(first.u.branches[1]);
    const inode = first.lstat(0, 'd').ino;
    first.union.close();
    first.abandon();
    const garbage = (good: Buffer): Buffer => (random.once(5) ? random.bytes(random.below(300)) : random.once(4) ? good : random.mutate(good));
    const list = Buffer.alloc(16);
    list.writeBigUInt64BE(BigInt(inode), 8);
    writeFileSync(join(branches[0].path, '.wh..wh.hino'), random.once(4) ? garbage(list) : list);
    if (!random.once(3)) writeFileSync(join(branches[0].path, 'd', NAME_RECORD + lower), garbage(record));
    if (!random.once(3)) writeFileSync(join(branches[0].path, 'd', PATH_RECORD + lower), garbage(random.pick(paths)));
    if (!random.once(3)) writeFileSync(join(branches[0].path, '.wh..wh.dr_rename'), garbage(random.pick(journals)));
    const t = unionOver(branches, { dirren: true });
    for (const name of t.ls()) if (name === 'd' || name === 'e') t.ls(name);
    expect(t.has('low/in')).toBe(true);
    t.forgetAll();
    expect(t.finish()).toEqual([]);
    expect(kept.map(describeAll)).toEqual(before);
  }
});
