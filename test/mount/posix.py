"""What POSIX says of the calls on files, tried in a directory; the answers are the same on any file system.

    posix.py prepare DIRECTORY    makes what the calls are tried on
    posix.py try DIRECTORY        prints [[what, answer], ...] as JSON

A program written by hand against the standard; pjdfstest (docs/conformance.md) asks much more.
"""
import ctypes, errno, json, os, socket, stat, sys

USER, OTHER, GROUP = 65534, 65533, 65532
GROUPS = ['errors', 'times', 'kept', 'links', 'modes', 'sticky', 'stamps', 'opens', 'nodes', 'sizes', 'renames', 'names']
libc = ctypes.CDLL(None, use_errno=True)
answers = []


def prepare(top):
    """The same things in a directory for each group of questions."""
    os.umask(0)
    for group in GROUPS:
        here = os.path.join(top, group)
        os.makedirs(here, 0o755)
        os.chdir(here)
        for name in ['file', 'file2', 'victim', 'hard1', 'theirs', 'closed/in', 'dir/in', 'dir/in2', 'kept']:
            os.makedirs(os.path.dirname('./' + name), 0o755, exist_ok=True)
            with open(name, 'w') as file: file.write(name)
            os.chmod(name, 0o644)
        os.link('hard1', 'hard2')
        for name in ['empty', 'empty2', 'shared', 'sticky']: os.mkdir(name, 0o755)
        for name, to in [('sym', 'file'), ('symdir', 'dir'), ('dangling', 'nowhere'), ('loop', 'loop2'), ('loop2', 'loop')]: os.symlink(to, name)
        os.mkfifo('fifo', 0o644)
        os.chown('theirs', USER, GROUP)
        os.chmod('closed', 0)
        os.chmod('shared', 0o777)
        os.chmod('sticky', 0o1777)
        os.chown('sticky', OTHER, OTHER)
        for name, owner in [('user', USER), ('other', OTHER), ('root', 0)]:
            with open('sticky/' + name, 'w'): pass
            os.chmod('sticky/' + name, 0o666)
            os.chown('sticky/' + name, owner, owner)
            os.mkdir('sticky/d' + name)
            os.chown('sticky/d' + name, owner, owner)


def name_of(error): return errno.errorcode[error.errno]


def ask(what, call, *args, **named):
    """Notes the error a call ends with, or its result where that is the same everywhere."""
    try:
        result = call(*args, **named)
        if call is os.open:
            os.close(result)
            result = None
        answers.append([what, result if isinstance(result, (int, str, bool, list)) else 'ok'])
    except OSError as error:
        answers.append([what, name_of(error)])


def as_user(uid, gid, groups, action):
    """Runs the questions of `action` as somebody else."""
    told, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups(groups); os.setresgid(gid, gid, gid); os.setresuid(uid, uid, uid)
        answers.clear()
        try: action()
        except BaseException as error: answers.append(['failed', repr(error)])
        with os.fdopen(tell, 'w') as pipe: json.dump(answers, pipe)
        os._exit(0)
    os.close(tell)
    with os.fdopen(told) as pipe: answers.extend(json.load(pipe))
    os.waitpid(pid, 0)


def user(action, groups=()): as_user(USER, USER, list(groups), action)


def call(name, *args):
    """A function of libc that Python does not have, or keeps from odd arguments."""
    result = getattr(libc, name)(*args)
    if result < 0: raise OSError(ctypes.get_errno(), name)
    return result


# Each call on one path: what it does is undone where it should have failed, for the questions after it.
ON_PATH = {
    'open': lambda p: os.open(p, os.O_RDONLY),
    'creat': lambda p: os.open(p, os.O_CREAT | os.O_WRONLY, 0o644),
    'mkdir': os.mkdir,
    'mkfifo': os.mkfifo,
    'mknod': lambda p: os.mknod(p, stat.S_IFIFO | 0o644),
    'symlink': lambda p: os.symlink('x', p),
    'unlink': os.unlink,
    'rmdir': os.rmdir,
    'chmod': lambda p: os.chmod(p, 0o600),
    'chown': lambda p: os.chown(p, 0, 0),
    'lchown': lambda p: os.lchown(p, 0, 0),
    'truncate': lambda p: os.truncate(p, 1),
    'utimes': lambda p: os.utime(p, (1, 1)),
    'stat': os.stat,
    'readlink': os.readlink,
    'link from': lambda p: os.link(p, 'never'),
    'link to': lambda p: os.link('file', p),
    'rename from': lambda p: os.rename(p, 'never'),
    'rename to': lambda p: os.rename('file2', p),
    'getxattr': lambda p: os.getxattr(p, 'user.none'),
}


def errors():
    most = os.pathconf('.', 'PC_NAME_MAX')
    paths = {
        'a file on the way': 'file/x', 'nothing on the way': 'none/x', 'a loop on the way': 'loop/x', 'a dangling link on the way': 'dangling/x',
        'a name too long': 'n' * (most + 1), 'a name too long on the way': 'n' * (most + 1) + '/x', 'a path too long': './' * 2048 + 'x', 'empty': '',
    }
    for why, path in paths.items():
        for what, one in ON_PATH.items(): ask(f'{what}: {why}', lambda: one(path) and None)
    for what in ['open', 'unlink', 'rmdir', 'chmod', 'chown', 'lchown', 'truncate', 'utimes', 'stat', 'readlink', 'link from', 'rename from', 'getxattr']:
        ask(f'{what}: nothing there', lambda: ON_PATH[what]('none') and None)
    for what in ['open', 'chmod', 'chown', 'truncate', 'utimes', 'stat']: ask(f'{what}: a loop', lambda: ON_PATH[what]('loop') and None)
    for there in ['file', 'dir', 'sym', 'dangling', 'fifo']:
        for what in ['mkdir', 'mkfifo', 'mknod', 'symlink', 'link to']: ask(f'{what}: {there} is there', lambda: ON_PATH[what](there) and None)
    for what, path in [('rmdir', 'file'), ('rmdir', 'sym'), ('rmdir', 'symdir'), ('rmdir', 'dir'), ('rmdir', 'dir/.'), ('rmdir', 'dir/..'), ('unlink', 'dir'),
                       ('truncate', 'dir'), ('readlink', 'file'), ('readlink', 'dir'), ('link from', 'dir'), ('mkdir', '.'), ('mkdir', 'dir/..'),
                       ('rename from', '.'), ('rename from', 'dir/..'), ('rename to', '.'), ('rename to', 'dir')]:
        ask(f'{what} {path}', lambda: ON_PATH[what](path) and None)

    def without_rights():
        for what, one in ON_PATH.items(): ask(f'{what}: in a closed directory', lambda: one('closed/in') and None)
        for what in ['creat', 'mkdir', 'mkfifo', 'mknod', 'symlink', 'rename to']: ask(f'{what}: in a directory of root', lambda: ON_PATH[what]('new') and None)
        for what in ['unlink', 'chmod', 'chown', 'truncate', 'utimes', 'rename from']: ask(f'{what}: a file of root', lambda: ON_PATH[what]('file') and None)
        ask('rmdir: in a directory of root', os.rmdir, 'empty')
        ask('link: into a directory of root', os.link, 'theirs', 'new')
        ask('open to write: a file of root', os.open, 'file', os.O_WRONLY)
        ask('open to truncate: a file of root', os.open, 'file', os.O_RDONLY | os.O_TRUNC)
        ask('mknod of a device', os.mknod, 'shared/device', stat.S_IFCHR | 0o666, os.makedev(1, 3))
        ask('chown to another', os.chown, 'theirs', OTHER, -1)
        ask('chown to a foreign group', os.chown, 'theirs', -1, OTHER)
        ask('chown to itself', os.chown, 'theirs', -1, -1)
    user(without_rights)
    ask('rename: from a shared directory', os.rename, 'file', 'shared/file')
    user(lambda: ask('unlink: a file of root in a shared directory', os.unlink, 'shared/file'))


def stamp_of(path): s = os.lstat(path); return [s.st_atime_ns, s.st_mtime_ns, s.st_ctime_ns]


def tick():
    """Waits until the clock of the file system goes on."""
    os.utime('clock')
    before = os.stat('clock').st_ctime_ns
    while os.stat('clock').st_ctime_ns <= before: os.utime('clock')


def changed(what, action, *paths):
    """Which of a, m and c go on when something is done; an action that fails changes none."""
    before = [stamp_of(p) for p in paths]
    tick()
    try: outcome = action() and None
    except OSError as error: outcome = name_of(error)
    moved = [''.join(letter for letter, one, two in zip('amc', then, stamp_of(p)) if one != two) for p, then in zip(paths, before)]
    answers.append([what, [outcome, moved]])


def times():
    open('clock', 'w').close()
    fd = os.open('file2', os.O_RDWR)
    changed('creat', lambda: os.close(os.open('dir/new', os.O_CREAT, 0o644)), 'dir')
    changed('mkdir', lambda: os.mkdir('dir/newd'), 'dir')
    changed('symlink', lambda: os.symlink('x', 'dir/news'), 'dir')
    changed('mkfifo', lambda: os.mkfifo('dir/newf'), 'dir')
    changed('link', lambda: os.link('file', 'dir/link'), 'dir', 'file')
    changed('unlink', lambda: os.unlink('dir/link'), 'dir', 'file')
    changed('unlink below', lambda: os.unlink('dir/in2'), 'dir')
    changed('rmdir', lambda: os.rmdir('dir/newd'), 'dir')
    changed('rename', lambda: os.rename('dir/in', 'empty/in'), 'dir', 'empty')
    changed('rename over', lambda: os.rename('empty/in', 'dir/new'), 'dir', 'empty')
    changed('chmod', lambda: os.chmod('file', 0o600), 'file')
    changed('chmod of a directory', lambda: os.chmod('dir', 0o700), 'dir')
    changed('chown', lambda: os.chown('file', USER, GROUP), 'file')
    changed('lchown of a link', lambda: os.lchown('sym', USER, GROUP), 'sym', 'file')
    changed('truncate longer', lambda: os.truncate('file', 100), 'file')
    changed('truncate shorter', lambda: os.truncate('file', 10), 'file')
    changed('ftruncate', lambda: os.ftruncate(fd, 3), 'file2')
    changed('write', lambda: os.write(fd, b'x') and None, 'file2')
    changed('open with O_TRUNC', lambda: os.close(os.open('victim', os.O_WRONLY | os.O_TRUNC)), 'victim')
    changed('open to write', lambda: os.close(os.open('hard1', os.O_WRONLY)), 'hard1')
    changed('creat of what is there', lambda: os.close(os.open('dir/new', os.O_CREAT | os.O_WRONLY)), 'dir', 'dir/new')
    changed('fallocate', lambda: os.posix_fallocate(fd, 0, 5000), 'file2')
    os.close(fd)
    changed('rename, target directory', lambda: os.rename('empty2', 'dir/moved'), 'dir')


def kept():
    """What fails leaves the times as they were."""
    open('clock', 'w').close()
    os.chmod('clock', 0o666)
    def refused():
        changed('chmod', lambda: os.chmod('file', 0o600), 'file')
        changed('chown', lambda: os.chown('file', USER, USER), 'file')
        changed('truncate', lambda: os.truncate('file', 1), 'file')
        changed('unlink', lambda: os.unlink('file'), '.', 'file')
        changed('link', lambda: os.link('theirs', 'new'), '.', 'theirs')
        changed('mkdir', lambda: os.mkdir('new'), '.')
        changed('rename', lambda: os.rename('shared', 'new'), '.')
        changed('chown -1 -1', lambda: os.chown('theirs', -1, -1), 'theirs')
    user(refused)
    changed('rmdir', lambda: os.rmdir('dir'), 'dir')
    changed('rename over a full directory', lambda: os.rename('empty', 'dir'), 'dir', 'empty')
    changed('symlink', lambda: os.symlink('x', 'file'), '.', 'file')


def links():
    count = lambda *paths: [os.lstat(p).st_nlink for p in paths]
    ask('at first', count, 'file', 'hard1', 'hard2')
    for what, action in [('link', lambda: os.link('file', 'dir/l1')), ('link of a link', lambda: os.link('dir/l1', 'l2')), ('unlink', lambda: os.unlink('dir/l1')),
                         ('link of a linked one', lambda: os.link('hard2', 'hard3')), ('unlink of the first', lambda: os.unlink('hard1'))]:
        action()
        ask(what, count, 'file', 'l2', 'hard2')
    ask('one inode', lambda: len({os.stat(p).st_ino for p in ['hard2', 'hard3']}))
    os.link('victim', 'victim2')
    fd = os.open('victim', os.O_RDWR)
    os.rename('file2', 'victim')
    ask('rename over one of two', count, 'victim', 'victim2')
    os.unlink('victim2')
    ask('unlinked while open', lambda: [os.fstat(fd).st_nlink, os.read(fd, 9).decode(), os.write(fd, b'more'), os.fstat(fd).st_size])
    ask('chmod and truncate of it', lambda: [os.fchmod(fd, 0o640), os.ftruncate(fd, 2), stat.S_IMODE(os.fstat(fd).st_mode), os.fstat(fd).st_size][2:])
    os.close(fd)
    os.link('l2', 'same')
    os.rename('l2', 'same')
    ask('rename over itself does nothing', count, 'l2', 'same')
    os.link('sym', 'sym2')
    ask('link of a symlink', lambda: [count('sym', 'sym2'), os.readlink('sym2')])
    ask('a new directory', lambda: os.mkdir('fresh') or count('fresh'))
    ask('with one in it', lambda: os.mkdir('fresh/x') or count('fresh'))
    ask('and without', lambda: os.rmdir('fresh/x') or count('fresh'))


def modes():
    mode = lambda path: stat.S_IMODE(os.lstat(path).st_mode)
    owner = lambda path: [os.lstat(path).st_uid, os.lstat(path).st_gid]
    for mask in [0o022, 0o077, 0o777]:
        os.umask(mask)
        for what, make in [('file', lambda p: os.close(os.open(p, os.O_CREAT, 0o777))), ('directory', lambda p: os.mkdir(p, 0o777)), ('fifo', lambda p: os.mkfifo(p, 0o666))]:
            path = f'{what}{mask}'
            make(path)
            ask(f'umask {mask:o}: {what}', mode, path)
    os.umask(0)
    for bits in [0, 0o111, 0o4755, 0o2755, 0o1755, 0o7777]:
        for path in ['file', 'dir']: ask(f'chmod {bits:o} {path}', lambda: [os.chmod(path, bits), mode(path)][1])
    os.chmod('file', 0o6755); os.truncate('file', 3)
    ask('truncate by root', mode, 'file')
    os.chmod('file', 0o6755); os.chown('file', USER, USER)
    ask('chown by root', lambda: [mode('file'), owner('file')])
    os.chmod('file', 0o6777)
    def theirs():
        ask('chmod with a foreign group', lambda: [os.chmod('theirs', 0o2755), mode('theirs')][1])
        fd = os.open('file', os.O_WRONLY)
        os.write(fd, b'x')
        os.close(fd)
        ask('write by a user', mode, 'file')
        os.chmod('file', 0o6755); os.truncate('file', 1)
        ask('truncate by a user', mode, 'file')
        os.chmod('file', 0o6755); os.chown('file', -1, USER)
        ask('chown by a user', mode, 'file')
        ask('open of an own file without rights', lambda: [os.chmod('theirs', 0), os.open('theirs', os.O_RDONLY)])
    user(theirs)
    def members(): ask('chown to an own group', lambda: [os.chown('theirs', -1, OTHER), owner('theirs')][1])
    user(members, [OTHER])
    os.chown('shared', USER, GROUP); os.chmod('shared', 0o2777)
    def inherit():
        for what, make in [('file', lambda p: os.close(os.open(p, os.O_CREAT, 0o2755))), ('directory', lambda p: os.mkdir(p, 0o755)), ('symlink', lambda p: os.symlink('x', p))]:
            make('shared/' + what)
            ask(f'in a setgid directory: {what}', lambda: [mode('shared/' + what), owner('shared/' + what)])
    user(inherit)
    def access():
        for path in ['file2', 'theirs', 'dir', 'closed', 'shared', 'none']:
            ask(f'access {path}', lambda: [os.access(path, bits) for bits in [os.F_OK, os.R_OK, os.W_OK, os.X_OK]])
    user(access)


def sticky():
    """In a sticky directory of OTHER's: its owner, the owner of what is in it, and anybody else."""
    def tries(who):
        for name in ['user', 'other', 'root']:
            ask(f'{who}: rename {name}', os.rename, 'sticky/' + name, 'sticky/moved')
            if os.path.exists('sticky/moved'): os.rename('sticky/moved', 'sticky/' + name)
            ask(f'{who}: rename d{name}', os.rename, 'sticky/d' + name, 'sticky/moved')
            if os.path.exists('sticky/moved'): os.rename('sticky/moved', 'sticky/d' + name)
            ask(f'{who}: rename over {name}', lambda: [os.close(os.open('shared/new', os.O_CREAT)), os.rename('shared/new', 'sticky/' + name)])
            ask(f'{who}: rmdir d{name}', os.rmdir, 'sticky/d' + name)
            ask(f'{who}: unlink {name}', os.unlink, 'sticky/' + name)
    user(lambda: tries('user'))
    as_user(OTHER, OTHER, [], lambda: tries('owner of the directory'))


def stamps():
    times_of = lambda path: [os.lstat(path).st_atime_ns, os.lstat(path).st_mtime_ns]
    for path in ['file', 'dir', 'fifo', 'hard2']:
        for ns in [(0, 0), (1, 999999999), (123456789012345678, 987654321098765432), (2**32 * 10**9, (2**32 + 1) * 10**9)]:
            ask(f'{path}: {ns}', lambda: [os.utime(path, ns=ns), times_of(path)][1])
    ask('a link itself', lambda: [os.utime('sym', ns=(5, 6), follow_symlinks=False), times_of('sym')][1])
    ask('through a link', lambda: [os.utime('sym', ns=(7, 8)), times_of('file')][1])
    class Timespec(ctypes.Structure): _fields_ = [('sec', ctypes.c_long), ('nsec', ctypes.c_long)]
    now, omit = (1 << 30) - 1, (1 << 30) - 2
    utimensat = lambda path, a, m, flags=0: call('utimensat', -100, path.encode(), (Timespec * 2)((100, a), (200, m)), flags)
    def stays(what, a, m):
        os.utime('file2', ns=(1, 2))
        utimensat('file2', a, m)
        answers.append([what, [value if value < 10 ** 12 else 'now' for value in times_of('file2')]])
    for what, a, m in [('both omitted', omit, omit), ('atime omitted', omit, 3), ('mtime omitted', 3, omit), ('now', now, now), ('atime now', now, 4), ('mtime now', omit, now)]:
        stays(what, a, m)
    ask('nanoseconds out of range', utimensat, 'file2', 1000000000, 0)
    ask('nanoseconds below zero', utimensat, 'file2', 0, -1)
    os.chmod('file2', 0o666); os.chmod('victim', 0o444)
    def others():
        for path in ['file2', 'victim', 'theirs']:
            for what, a, m in [('now', now, now), ('set', 1, 1), ('omitted', omit, omit), ('one now', now, omit)]: ask(f'another user, {path}: {what}', utimensat, path, a, m)
    user(others)


def opens():
    for path in ['file', 'dir', 'sym', 'symdir', 'dangling', 'loop', 'none']:
        for flags in ['O_RDONLY', 'O_WRONLY', 'O_RDWR', 'O_NOFOLLOW', 'O_DIRECTORY', 'O_CREAT|O_EXCL', 'O_DIRECTORY|O_WRONLY', 'O_PATH|O_NOFOLLOW']:
            if path == 'none' and 'O_CREAT' in flags: continue
            value = 0
            for flag in flags.split('|'): value |= getattr(os, flag)
            ask(f'open {path} {flags}', os.open, path, value, 0o644)
    ask('creat through a dangling link', lambda: [os.close(os.open('dangling', os.O_CREAT, 0o644)), os.path.exists('nowhere')][1])
    ask('fifo nobody reads', os.open, 'fifo', os.O_WRONLY | os.O_NONBLOCK)
    ask('fifo to read', os.open, 'fifo', os.O_RDONLY | os.O_NONBLOCK)
    listening = socket.socket(socket.AF_UNIX)
    listening.bind('socket')
    ask('socket', os.open, 'socket', os.O_RDONLY)
    ask('kind of a socket', lambda: stat.S_ISSOCK(os.stat('socket').st_mode))
    ask('O_TRUNC', lambda: [os.close(os.open('file', os.O_WRONLY | os.O_TRUNC)), os.stat('file').st_size][1])
    ask('O_APPEND', lambda: [append('file2', b'!'), os.stat('file2').st_size][1])
    fd = os.open('victim', os.O_RDONLY)
    ask('write to what is open to read', os.write, fd, b'x')
    ask('ftruncate of it', os.ftruncate, fd, 0)
    os.close(fd)
    fd = os.open('victim', os.O_WRONLY)
    ask('read what is open to write', os.read, fd, 1)
    os.close(fd)
    ask('O_TMPFILE', lambda: tmpfile('dir'))


def append(path, data):
    fd = os.open(path, os.O_WRONLY | os.O_APPEND)
    os.lseek(fd, 0, os.SEEK_SET)
    os.write(fd, data)
    os.close(fd)


def tmpfile(directory):
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
    os.write(fd, b'tmp')
    size = os.fstat(fd).st_size
    os.close(fd)
    return size


def nodes():
    for what, mode, device in [('fifo', stat.S_IFIFO, 0), ('char', stat.S_IFCHR, os.makedev(1, 3)), ('block', stat.S_IFBLK, os.makedev(7, 200)), ('socket', stat.S_IFSOCK, 0), ('regular', stat.S_IFREG, 0)]:
        os.mknod('n' + what, mode | 0o640, device)
        ask(what, lambda: (lambda s: [stat.S_IFMT(s.st_mode) == mode, stat.S_IMODE(s.st_mode), s.st_rdev, s.st_size, s.st_nlink])(os.lstat('n' + what)))
        ask(f'{what}: chmod, chown, link, rename, unlink', lambda: [os.chmod('n' + what, 0o600), os.chown('n' + what, USER, GROUP), os.link('n' + what, 'l'), os.rename('l', 'm'), os.unlink('m')] and os.lstat('n' + what).st_nlink)
    ask('mknod of a directory', os.mknod, 'ndir', stat.S_IFDIR | 0o755)
    for length in [1, 1023, 4095]: ask(f'symlink to {length} bytes', lambda: [os.symlink('t' * length, f's{length}'), len(os.readlink(f's{length}')), os.lstat(f's{length}').st_size][1:])
    ask('symlink to nothing', os.symlink, '', 'snone')
    ask('symlink to too much', os.symlink, 't' * 4096, 'smuch')


def sizes():
    for size in [0, 1, 4096, 1234567, 2 ** 33]: ask(f'truncate to {size}', lambda: [os.truncate('file', size), os.stat('file').st_size][1])
    ask('truncate below zero', os.truncate, 'file', -1)
    for size in [2 ** 53 - 1, 2 ** 62]: ask(f'truncate to {size}', lambda: [os.truncate('kept', size), os.stat('kept').st_size][1])
    ask('truncate of a fifo', os.truncate, 'fifo', 1)
    os.truncate('victim', 100)
    with open('victim', 'rb') as file: answers.append(['zeros after the end', file.read().decode('latin1')])
    fd = os.open('file2', os.O_RDWR)
    for what, offset, length in [('inside', 0, 3), ('beyond', 100, 100), ('of nothing', 0, 0), ('before the start', -1, 10)]:
        ask(f'fallocate {what}', lambda: [os.posix_fallocate(fd, offset, length), os.fstat(fd).st_size][1])
    ask('pwrite beyond the end', lambda: [os.pwrite(fd, b'end', 5000), os.fstat(fd).st_size])
    os.close(fd)


def renames():
    os.mkdir('new'); os.mkdir('new/sub')
    for what, old, to in [
        ('into itself', 'new', 'new/sub/x'), ('to below itself', 'new', 'new/new'), ('a directory over a file', 'new', 'file'), ('a file over a directory', 'file', 'empty'),
        ('over a full directory', 'empty', 'dir'), ('over an own parent', 'new/sub', 'new'), ('over an empty directory', 'new', 'empty'), ('a file over a file', 'file', 'file2'),
        ('a link over a file', 'sym', 'victim'), ('over a link', 'file2', 'symdir'), ('to the same', 'hard1', 'hard1'), ('over the same', 'hard1', 'hard2'), ('a fifo over a file', 'fifo', 'kept'),
        ('to a name with a slash', 'hard1', 'none/'), ('a directory to a name with a slash', 'empty', 'none/'), ('a file with a slash', 'hard2/', 'x'), ('an empty directory of a branch', 'empty2', 'e2'),
    ]:
        ask(what, os.rename, old, to)
    ask('what is there now', lambda: sorted(os.listdir('.')))
    os.mkdir('mine', 0o755); os.chown('mine', USER, USER); os.mkdir('shared/d', 0o755)
    os.mkdir('mine/d', 0o555); os.chown('mine/d', USER, USER)
    def others():
        ask('a directory that cannot be written, to another parent', os.rename, 'mine/d', 'shared/new')
        ask('the same within its parent', os.rename, 'mine/d', 'mine/e')
        ask("another's directory, to another parent", os.rename, 'shared/d', 'mine/f')
    user(others)


def names():
    most = os.pathconf('.', 'PC_NAME_MAX')
    longest = 'n' * most
    for what, make in [('creat', lambda p: os.open(p, os.O_CREAT, 0o644)), ('mkdir', os.mkdir), ('mkfifo', os.mkfifo), ('symlink', lambda p: os.symlink('x', p)),
                       ('link', lambda p: os.link('file', p)), ('rename', lambda p: os.rename('file2', p))]:
        ask(f'{what}: the longest name', lambda: make(longest) and None)
        ask(f'{what}: it is listed', lambda: longest in os.listdir('.'))
        ask(f'{what}: it is removed', os.rmdir if what == 'mkdir' else os.unlink, longest)
    path = '/'.join(['p' * (most // 2)] * 8)
    os.makedirs(path)
    with open(path + '/' + longest, 'w') as file: file.write('deep')
    ask('a long path', lambda: open(path + '/' + longest).read())
    odd = ['\udcff\udc80', 'a\nb', ' ', '...', '-', '*', 'e\u0301', '\u00e9', 'A', 'a']
    for name in odd:
        with open(name, 'w') as file: file.write(name.encode('utf-8', 'surrogateescape').hex())
    ask('odd names', lambda: [open(name).read() for name in odd])
    ask('are listed as they are', lambda: set(odd) <= set(os.listdir('.')))


if sys.argv[1] == 'prepare':
    prepare(sys.argv[2])
else:
    os.umask(0)
    for group in GROUPS:
        os.chdir(os.path.join(sys.argv[2], group))
        start = len(answers)
        globals()[group]()
        for answer in answers[start:]: answer[0] = f'{group}: {answer[0]}'
    print(json.dumps(answers))
