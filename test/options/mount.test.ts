import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import tmp from 'tmp-promise';
import { formatBranch } from '../../src/options/branch.js';
import { formatBranches, formatOptions } from '../../src/options/format.js';
import { parseMountOptions } from '../../src/options/mount.js';
import { defaultMountFlags, type MountFlags } from '../../src/options/settings.js';
import { defaultUnionOptions, type UnionOptions } from '../../src/union/options.js';

let home: tmp.DirectoryResult;
beforeAll(async () => {
  home = await tmp.dir({ unsafeCleanup: true });
  for (const name of ['a', 'b', 'c', 'd']) mkdirSync(path.join(home.path, name));
  symlinkSync('a', path.join(home.path, 'link'));
});
afterAll(() => home.cleanup());

function parse(...texts: string[]): ReturnType<typeof parseMountOptions> {
  return parseMountOptions(texts, home.path);
}

/** The branches as text, with the home directory left out. */
function branches(...texts: string[]): string[] {
  return parse(...texts).union.branches.map((branch) => formatBranch(branch).replace(`${home.path}/`, ''));
}

describe('branches', () => {
  test.each<[string, string[]]>([
    ['br=a:b:c', ['a=rw', 'b=ro', 'c=ro']],
    ['br:./a:./b', ['a=rw', 'b=ro']],
    ['dirs=a:b', ['a=rw', 'b=ro']],
    ['dirs:a=ro:b=rw', ['a=ro', 'b=rw']],
    ['br=a:b,ro', ['a=ro', 'b=ro']],
    ['ro,br=a=rw:b', ['a=rw', 'b=ro']],
    ['br=a,br=b', ['a=rw', 'b=ro']],
    ['br=link:b', ['a=rw', 'b=ro']],
    ['br=a/../b/', ['b=rw']],
    ['br=missing', ['missing=rw']],
    ['br=a,append=b,prepend:c,add:1:d=ro+wh', ['c=rw', 'd=ro+wh', 'a=rw', 'b=ro']],
    ['append=b,br=a', ['b=ro', 'a=ro']],
    ['br=a:b:c,del=b,mod:c=rw', ['a=rw', 'c=rw']],
    ['br=a,ins=0:b', ['b=rw', 'a=rw']],
    ['lowerdir=b:c,upperdir=a,workdir=d', ['a=rw', 'b=ro+wh', 'c=ro+wh']],
    ['lowerdir=a:b', ['a=ro+wh', 'b=ro+wh']],
    ['upperdir=a', ['a=rw']],
    ['workdir=d,lowerdir=b,upperdir=a,lowerdir+=c', ['a=rw', 'b=ro+wh', 'c=ro+wh']],
    ['lowerdir=b,lowerdir=c', ['c=ro+wh']],
    ['lowerdir=x\\:y:x\\,y,upperdir=x\\\\y', ['x\\y=rw', 'x:y=ro+wh', 'x,y=ro+wh']],
    ['lowerdir=x\\y=z', ['xy=z=ro+wh']],
    ['lowerdir="x,y",upperdir=a', ['a=rw', 'x,y=ro+wh']],
    ['br=a:b=bogus', ['a=rw', 'b=ro']],
  ])('%s', (text, expected) => {
    expect(branches(text)).toEqual(expected);
  });

  test('several -o are one', () => {
    expect(branches('ro', 'br=a', 'append=b')).toEqual(['a=ro', 'b=ro']);
  });
});

describe('options of the union', () => {
  test.each<[string, Partial<UnionOptions>]>([
    ['', {}],
    ['ro', { readonly: true }],
    ['ro,rw', { readonly: false }],
    ['xino=/var/x', { xino: '/var/x' }],
    ['noxino', { xino: null }],
    ['trunc_xib,trunc_xino', { truncXib: true, truncXino: true }],
    ['trunc_xib,notrunc_xib,notrunc_xino', {}],
    ['create=tdp', {}],
    ['create=top-down-parent', {}],
    ['create=rr', { create: { name: 'rr' } }],
    ['create_policy=round-robin', { create: { name: 'rr' } }],
    ['create=mfs', { create: { name: 'mfs', seconds: 30 } }],
    ['create=most-free-space:5', { create: { name: 'mfs', seconds: 5 } }],
    ['create=mfsrr:1000000', { create: { name: 'mfsrr', low: 1000000, seconds: 30 } }],
    ['create=mfsrr:0:3600', { create: { name: 'mfsrr', low: 0, seconds: 3600 } }],
    ['create=pmfs:0', { create: { name: 'pmfs', seconds: 0 } }],
    ['create=pmfsrr:7:8', { create: { name: 'pmfsrr', low: 7, seconds: 8 } }],
    ['create=tdmfs:9:10', { create: { name: 'tdmfs', low: 9, seconds: 10 } }],
    ['cpup=bup', { copyup: 'bup' }],
    ['copyup=bottom-up', { copyup: 'bu' }],
    ['copyup_policy=bottom-up-parent', { copyup: 'bup' }],
    ['noplink', { plink: false }],
    ['udba=none', { udba: 'none' }],
    ['udba=notify', { udba: 'notify' }],
    ['udba=none,udba=reval', {}],
    ['diropq=always', { diropq: 'a' }],
    ['diropq=a,diropq=whiteouted', {}],
    ['dirwh=0', { dirwh: 0 }],
    ['dirperm1', { dirperm1: true }],
    ['nowarn_perm', { warnPerm: false }],
    ['shwh', { shwh: true }],
    ['sum', { sum: 'sum' }],
    ['wsum', { sum: 'wsum' }],
    ['sum,nosum', {}],
    ['dirren', { dirren: true }],
    ['acl', { acl: true }],
    ['dio', { dio: true }],
    ['verbose', { verbose: true }],
    ['v,quiet', {}],
    ['droplvl=3', { dirperm1: true, udba: 'none', plink: false, xino: null }],
    ['droplvl=1,udba=reval', { dirperm1: true }],
    ['ephemeral', { dirperm1: true, udba: 'none', plink: false, xino: null }],
  ])('%s', (text, expected) => {
    const { union, warnings } = parse(`br=a:b,${text}`);
    expect(warnings).toEqual([]);
    expect({ ...union, branches: [] }).toEqual({ ...defaultUnionOptions(), ...expected });
  });

  test('a relative xino path is made absolute', () => {
    expect(parse('br=a,xino=b/x').union.xino).toBe(path.join(home.path, 'b/x'));
  });
});

describe('options that come with lowerdir= and upperdir=', () => {
  const overlay: Partial<UnionOptions> = { lowerDirsStay: true, overlayMarks: true };
  const ids = { onBranch: 0, shown: 100_000, count: 65_536 };

  test.each<[string, Partial<UnionOptions>]>([
    ['', overlay],
    ['redirect_dir=off', overlay],
    ['redirect_dir=nofollow', overlay],
    ['redirect_dir=on', { dirren: true, overlayMarks: true }],
    ['redirect_dir=on,redirect_dir=off', overlay],
    ['dirren', { ...overlay, dirren: true }],
    ['xino=off', overlay],
    ['xino=auto,index=on,nfs_export=on,userxattr,uuid=null,metacopy=off,verity=off,fsync=auto', overlay],
    ['threaded=1,timeout=0.5,fast_ino_check=1,squash_to_root=0,sync=0,static_nlink', overlay],
    ['whiteouts=aufs', { lowerDirsStay: true }],
    ['uidmapping=0:100000:65536', { ...overlay, uidMapping: [ids] }],
    ['gidmapping=:0:100000:65536:70000:7:1:', { ...overlay, gidMapping: [ids, { onBranch: 70_000, shown: 7, count: 1 }] }],
    ['squash_to_root', { ...overlay, squashUid: 0, squashGid: 0 }],
    ['squash_to_uid=1000,squash_to_gid=100', { ...overlay, squashUid: 1000, squashGid: 100 }],
    ['squash_to_root=0,noacl', overlay],
    ['volatile', { ...overlay, volatile: true }],
    ['fsync=0', { ...overlay, volatile: true }],
    ['fsync=volatile', { ...overlay, volatile: true }],
    ['udba=none,noplink', { ...overlay, udba: 'none', plink: false }],
  ])('%s', (text, expected) => {
    const { union, warnings } = parse(text, 'lowerdir=b,upperdir=a,workdir=d');
    expect(warnings).toEqual([]);
    expect({ ...union, branches: [] }).toEqual({ ...defaultUnionOptions(), ...expected });
  });

  test('a directory of a lower branch stays where it is only where it was asked for', () => {
    expect(parse('br=a:b').union.lowerDirsStay).toBe(false);
    expect(parse('br=a:b,redirect_dir=off').union.lowerDirsStay).toBe(true);
    expect(parse('br=a:b,redirect_dir=on').union.dirren).toBe(true);
  });

  test.each(['metacopy=on', 'redirect_dir=follow'])('%s has no effect', (text) => {
    const { warnings } = parse(`lowerdir=b,upperdir=a,${text}`);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(`${text} has no effect`);
  });

  test.each([
    ['br=c', 'not both'],
    ['lowerdir=', '"lowerdir" needs a value'],
    ['lowerdir=a::b', 'data-only layers (after "::") are not supported'],
    ['lowerdir=a:', 'a path is empty'],
    ['datadir+=c', 'no data-only layers'],
    ['redirect_dir=maybe', 'there are on, off, follow and nofollow'],
    ['index=maybe', 'there are on, off'],
    ['index=toString', 'there are on, off'],
    ['metacopy', 'there are off, on'],
    ['verity=require', 'verity=require is not supported'],
    ['uidmapping=0:100000', 'must be ON_BRANCH:SHOWN:COUNT'],
    ['uidmapping=0:x:1', '"x" is not an owner'],
    ['uidmapping=0:4294967000:65536', 'there are only'],
    ['gidmapping', 'gidmapping'],
    ['squash_to_uid=root', '"root" is not an owner'],
    ['xattr_permissions=2', 'xattr_permissions is not supported'],
    ['fscontext="system_u:object_r:x_t:s0"', 'files keep the labels'],
    ['context=', 'not a label'],
    ['volatile=1', 'unknown mount option "volatile=1"'],
  ])('%s is refused', (text, message) => {
    expect(() => parse(`lowerdir=b,upperdir=a,${text}`)).toThrow(message);
    expect(() => parse(`lowerdir=b,upperdir=a,${text}`)).toThrow(/^[^\n]+$/);
  });
});

describe('options of the mount', () => {
  test.each<[string, Partial<MountFlags>]>([
    ['rw,suid,dev,exec,async,atime,diratime', {}],
    ['nosuid,nodev,noexec', { nosuid: true, nodev: true, noexec: true }],
    ['nosuid,suid', {}],
    ['noatime', { atime: 'noatime' }],
    ['noatime,relatime', { atime: 'relatime' }],
    ['strictatime', { atime: 'strictatime' }],
    ['nodiratime,sync,dirsync', { nodiratime: true, sync: true, dirsync: true }],
    ['allow_other', { allowOther: true }],
    ['fsname=over lay', { source: 'over lay' }],
    ['context="system_u:object_r:x_t:s0:c1,c2"', { context: 'system_u:object_r:x_t:s0:c1,c2' }],
    ['subtype=tsaufs,defaults,auto,noauto,user,users,user=me,nofail,_netdev,x-a=b,X-c,comment=d,default_permissions,nonempty,private', {}],
  ])('%s', (text, expected) => {
    const { mount, warnings } = parse(`br=a,${text}`);
    expect(warnings).toEqual([]);
    expect(mount).toEqual({ ...defaultMountFlags(), ...expected });
  });
});

describe('accepted without effect, said once', () => {
  test.each(['rdblk=8192', 'rdblk=def', 'rdhash=0', 'rdcache=10', 'fhsm_sec=3', 'clean_plink', 'delete=all', 'lazytime'])('%s', (text) => {
    const { warnings } = parse(`br=a,${text},${text}`);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(text);
    expect(warnings[0]).toContain('no effect');
  });
});

describe('refused', () => {
  test.each([
    ['foo', 'unknown mount option "foo"'],
    ['foo=bar', 'unknown mount option "foo=bar"'],
    ['plink=1', 'unknown mount option "plink=1"'],
    ['ro=1', 'unknown mount option "ro=1"'],
    ['toString', 'unknown mount option "toString"'],
    ['__proto__=1', 'unknown mount option "__proto__=1"'],
    ['allow_root', 'use allow_other'],
    ['xino', '"xino" needs a value'],
    ['xino=', '"xino" needs a value'],
    ['create=zz', 'unknown create policy "zz"'],
    ['create=tdp:1', 'unknown create policy "tdp:1"'],
    ['create=mfs:x', '"x" is not a whole number'],
    ['create=mfs:-1', '"-1" is not a whole number'],
    ['create=mfs:3601', 'at most 3600 seconds'],
    ['create=mfsrr', 'unknown create policy "mfsrr"'],
    ['create=mfsrr:1:2:3', 'unknown create policy'],
    ['create=constructor', 'unknown create policy "constructor"'],
    ['cpup=rr', 'unknown copy-up policy "rr"'],
    ['udba=maybe', 'there are none, reval and notify'],
    ['diropq=x', 'there are w (whiteouted) and a (always)'],
    ['dirwh=-1', '"-1" is not a whole number'],
    ['dirwh=3k', '"3k" is not a whole number'],
    ['rdblk=big', '"big" is not a whole number'],
    ['droplvl=4', 'droplvl=4'],
    ['add:/x', 'write add:INDEX:PATH[=PERM]'],
    ['add=x:/x', 'write add:INDEX:PATH[=PERM]'],
    ['add:9:/x', 'there are only 1 branches'],
    ['append', 'write append:PATH[=PERM]'],
    ['del=', 'write del:PATH'],
    ['del=/nothere', '/nothere is not a branch'],
    ['mod=/x', 'write mod:PATH=PERM'],
    ['mod=/nothere=rw', '/nothere is not a branch'],
    ['itrunc_xino=0', 'use tsaufs remount'],
    ['remount', 'tsaufs remount'],
    ['br=', 'a branch has no path'],
    ['lowerdir=b', 'not both'],
    ['br="/x', 'double quote'],
  ])('%s', (text, message) => {
    expect(() => parse(`br=a,${text}`)).toThrow(message);
    expect(() => parse(`br=a,${text}`)).toThrow(/^[^\n]+$/);
  });

  test('no branches at all', () => {
    expect(() => parse('ro')).toThrow('no branches given');
  });
});

describe('printed back', () => {
  test.each([
    ['br=a', 'rw'],
    ['br=a,udba=none,ro,noplink,create=mfsrr:5:6,cpup=bu,diropq=a,dirwh=9,noxino,nosuid,noatime,wsum,allow_other',
      'ro,nosuid,noatime,allow_other,noxino,noplink,wsum,udba=none,create=mfsrr:5:6,cpup=bu,diropq=a,dirwh=9'],
    ['br=a,xino=/v/a\\,b', 'rw,xino=/v/a\\,b'],
    ['br=a,dirperm1,shwh,dirren,dio,acl,nowarn_perm,v,trunc_xib,trunc_xino',
      'rw,trunc_xib,trunc_xino,dirperm1,shwh,dirren,dio,acl,nowarn_perm,verbose'],
  ])('%s', (text, expected) => {
    const { union, mount } = parse(text);
    expect(formatOptions(union, mount)).toBe(expected);
  });

  test.each([
    'br=a=rw+nolwh:b=ro+wh:c=rr,udba=notify,create=pmfs:9,noexec,xino=/x',
    'lowerdir=b:x\\:y,upperdir=a',
    'lowerdir=b,upperdir=a,redirect_dir=on',
    'lowerdir=b,upperdir=a,uidmapping=0:100000:65536:70000:7:1,gidmapping=0:1:2,squash_to_uid=3,squash_to_gid=0,volatile,context="a:b,c"',
  ])('what is printed parses to the same: %s', (text) => {
    const first = parse(text);
    const again = parse(`${formatOptions(first.union, first.mount)},${formatBranches(first.union)}`);
    expect(again).toEqual(first);
  });
});
