import { lstatSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { act, prepare } from '../helpers/actor.js';
import { memory, mounted, temporary } from '../helpers/mounted.js';
import { because, missing, noRootMount, program, run, type User } from '../helpers/process.js';

const obstacle = noRootMount() ?? missing('python3', 'setpriv');
const user: User = { uid: 2001, gid: 2001 };

describe.skipIf(obstacle !== undefined)(`branches that a user has prepared${because(obstacle)}`, () => {
  test('the directories that hold what has no name are root’s alone, whoever made them', () => mounted({
    fill: (root) => prepare(root, `
      os.chmod('upper', 0o777)
      acl = lambda *entries: struct.pack('<I', 2) + b''.join(struct.pack('<HHI', *e) for e in entries)
      everybody = acl((1, 7, 0xffffffff), (2, 7, 2001), (4, 7, 0xffffffff), (16, 7, 0xffffffff), (32, 7, 0xffffffff))
      os.setxattr('upper', 'system.posix_acl_default', everybody)
      os.umask(0)
      for name in ('orph', 'plnk'):
          os.mkdir('upper/.wh..wh.' + name, 0o777)
          os.chown('upper/.wh..wh.' + name, 2001, 2001)
          os.chmod('upper/.wh..wh.' + name, 0o2777)
      put('upper/.wh..wh.orph/left', 'x')
      for name in ('f', 'd/f'):
          os.makedirs('lower/d', 0o750, exist_ok=True)
          put('lower/' + name, 'secret')
          os.chmod('lower/' + name, 0o640)
          os.link('lower/' + name, 'lower/' + name + '2')
    `),
  }, async (u) => {
    await act(u, "put('f', 'more', 'a'); put('d/f', 'more', 'a'); result(None)");
    // Neither by a mode nor by an ACL that was inherited.
    for (const name of ['.wh..wh.orph', '.wh..wh.plnk']) {
      const { uid, mode } = lstatSync(u.on('upper', name));
      expect([name, uid, (mode & 0o7777).toString(8)]).toEqual([name, 0, '700']);
    }
    const script = `
      reached = [error(os.listdir, upper + '/.wh..wh.' + name) for name in ('orph', 'plnk')]
      for top in (mnt, upper):
          for name in ('f', 'f2', 'd', 'd/f'): reached.append(error(os.listdir if name == 'd' else get, top + '/' + name))
      result(reached)
    `;
    // On the branch the names of f are not all made: ENOENT.
    expect(await act(u, script, user)).toEqual(
      ['EACCES', 'EACCES', 'EACCES', 'EACCES', 'EACCES', 'EACCES', 'EACCES', expect.stringMatching(/EACCES|ENOENT/), 'EACCES', 'EACCES']);
    expect(await act(u, "result([n for n in os.listxattr(upper + '/d') if 'acl' in n])")).toEqual([]);
  }));

  test.each([
    ['os.symlink(root, path)', '.wh..wh.orph', 'is not a directory; remove it'],
    ['os.symlink(root, path)', '.wh..wh.plnk', 'is not a directory; remove it'],
    ['os.mkfifo(path)', '.wh..wh.plnk', 'is not a directory; remove it'],
    ['os.mkfifo(path)', '.wh..wh.aufs', 'is not a regular file; remove it'],
    ['os.symlink(root + "/kept", path)', '.wh..wh.aufs', 'is not a regular file; remove it'],
  ])('%s for %s is refused', (make, name, message) => temporary(memory, undefined, async (root) => {
    await prepare(root, `os.mkdir('upper'); os.mkdir('mnt'); put('kept', 'kept'); path = 'upper/${name}'; ${make}`);
    const { status, stderr } = await run(process.execPath, [program, 'mount', '-o', `br=${root}/upper`, `${root}/mnt`]);
    expect([status, stderr.trim().split('\n').length, stderr]).toEqual([1, 1, expect.stringContaining(`${name} ${message}`)]);
    expect(readFileSync(`${root}/kept`, 'utf8')).toBe('kept');
  }));

  test('whiteouts and marks that are links of other files leave those alone', () => mounted({
    fill: (root) => prepare(root, `
      put('kept', 'kept')
      os.chmod('kept', 0o600)
      os.makedirs('upper/d'), os.makedirs('lower/d')
      for name in ('.wh..wh.aufs', '.wh.gone', 'd/.wh..wh..opq', 'd/.wh.x'): os.link('kept', 'upper/' + name)
      for name in ('gone', 'd/x', 'other'): put('lower/' + name, 'lower')
    `),
  }, async (u) => {
    await act(u, `
      before = os.stat(root + '/kept').st_nlink
      put('gone', 'new'); os.unlink('gone'); os.unlink('other'); put('d/x', 'new'); os.unlink('d/x'); os.rmdir('d')
      result(before)
    `);
    const { mode, uid, size } = lstatSync(u.on('kept'));
    expect([mode & 0o7777, uid, size, readFileSync(u.on('kept'), 'utf8')]).toEqual([0o600, 0, 4, 'kept']);
  }));

  test('a whiteout beside what is another’s does not get it removed', () => mounted({
    fill: (root) => prepare(root, `
      os.makedirs('upper/sticky/theirs'); os.makedirs('upper/mine/d/theirs'); os.makedirs('upper/mine/theirs')
      for name in ('sticky/theirs/kept', 'sticky/f', 'mine/d/theirs/kept', 'mine/theirs/kept'): put('upper/' + name, 'kept')
      for name in ('mine', 'mine/d'): os.chown('upper/' + name, 2001, 2001)
      os.chmod('upper/sticky', 0o1777)
      for name in ('sticky/.wh.theirs', 'sticky/.wh.f', 'mine/d/.wh.theirs', 'mine/.wh.theirs'): put('upper/' + name, '')
    `),
  }, async (u) => {
    expect(await act(u, `
      result([error(os.mkdir, 'sticky/theirs'), error(put, 'sticky/f', ''), error(os.rmdir, 'mine/d'), error(os.mkdir, 'mine/theirs')])
    `, user)).toEqual(['EPERM', 'EPERM', 'ENOTEMPTY', 'ENOTEMPTY']);
    for (const name of ['sticky/theirs/kept', 'sticky/f', 'mine/d/theirs/kept', 'mine/theirs/kept']) expect(readFileSync(u.on('upper', name), 'utf8')).toBe('kept');
    // Root, who may, can.
    expect(await act(u, "os.rmdir('mine/d'); os.mkdir('sticky/theirs'); result(names('sticky/theirs'))")).toEqual([]);
  }));

  test('no call takes a name of AUFS’s own', () => mounted({
    fill: (root) => prepare(root, "put('lower/f', ''); os.mkdir('lower/d')"),
  }, async (u) => {
    expect(await act(u, `
      wrong = {}
      for name in ('.wh..wh.orph', '.wh..wh.plnk', '.wh..wh.aufs', '.wh.f', '.wh..wh..opq'):
          calls = {
              'stat': lambda: os.lstat(name), 'open': lambda: open(name), 'create': lambda: os.open(name, os.O_CREAT | os.O_WRONLY), 'mkdir': lambda: os.mkdir(name),
              'mkfifo': lambda: os.mkfifo(name), 'symlink': lambda: os.symlink('x', name), 'link': lambda: os.link('f', name), 'link from': lambda: os.link(name, 'n'),
              'rename': lambda: os.rename('f', name), 'rename from': lambda: os.rename(name, 'n'), 'unlink': lambda: os.unlink(name), 'rmdir': lambda: os.rmdir(name),
              'chmod': lambda: os.chmod(name, 0o777), 'chown': lambda: os.chown(name, 1, 1), 'utime': lambda: os.utime(name), 'truncate': lambda: os.truncate(name, 0),
              'getxattr': lambda: os.getxattr(name, 'user.x'), 'setxattr': lambda: os.setxattr(name, 'user.x', b''), 'listdir': lambda: os.listdir(name),
              'readlink': lambda: os.readlink(name), 'below': lambda: os.stat(name + '/x'), 'in d': lambda: os.mkdir('d/' + name),
          }
          for call, how in calls.items():
              answer = error(how)
              if answer != 'EPERM': wrong[call + ' ' + name] = str(answer)
      fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o600)
      answer = error(os.link, '/proc/self/fd/%d' % fd, '.wh.t', follow_symlinks=True)
      if answer != 'EPERM': wrong['O_TMPFILE'] = str(answer)
      result([wrong, names(), names('d')])
    `)).toEqual([{}, ['d', 'f'], []]);
  }));
});
