"""Exchanges names on the branches with others, as fast as it can, while a client works in the union.

prepare ROOT     makes ROOT/upper and ROOT/lower, and ROOT/outside, which nobody may come to
run ROOT SECONDS prints what the client came to that it may not, as JSON

There are two parts. In `links` files and directories become symbolic links that lead outside, and the client, who is root,
never follows one. In `owners` the client is a user, who exchanges what is his with what is root's beside it: a directory of
his has both.
"""
import ctypes, errno, json, os, random, signal, stat, sys, time

libc = ctypes.CDLL(None, use_errno=True)
USER = 2001
MARK = b'nobody may see this'
SIZE = 4321
BRANCHES = ['upper', 'lower']
EXCHANGE = 2
PAUSE = 0.001

def put(path, content, uid=0, mode=0o644):
    with open(path, 'wb') as file: file.write(content)
    os.chown(path, uid, uid)
    os.chmod(path, mode)
    try: os.setxattr(path, 'user.content', content[:20])
    except OSError: pass

def secret(path): put(path, MARK + b'.' * (SIZE - len(MARK)), mode=0o600)

def directory(path, uid=0, mode=0o755):
    os.mkdir(path)
    os.chown(path, uid, uid)
    os.chmod(path, mode)

def prepare(root):
    os.umask(0)
    outside = root + '/outside'
    directory(outside, mode=0o700)
    directory(outside + '/e')
    for name in ('f', 'g', 'e/f', 'canary'): secret(outside + '/' + name)
    for branch in BRANCHES:
        links = '%s/%s/links' % (root, branch)
        directory(links)
        directory(links + '/d')
        directory(links + '/d/e')
        for name in ('f', 'g', 'd/f', 'd/g', 'd/e/f'): put(links + '/' + name, b'inside')
        # Each beside the link that it is exchanged with.
        for name, target in (('d', ''), ('f', '/f'), ('d/f', '/f'), ('d/e', '/e')): os.symlink(outside + target, links + '/' + name + '.x')
        owners = '%s/%s/owners' % (root, branch)
        directory(owners, USER)
        put(owners + '/f', b'mine', USER)
        secret(owners + '/f.x')
        directory(owners + '/d', USER)
        put(owners + '/d/f', b'mine', USER)
        directory(owners + '/d.x', mode=0o700)
        put(owners + '/d.x/f', MARK + b'.' * (SIZE - len(MARK)))
    # The lower one has names of its own, so that there is something to copy up.
    for part in ('links', 'owners'):
        there = '%s/lower/%s/' % (root, part)
        for name in ('f', 'd'):
            os.rename(there + name, there + 'low-' + name)
            os.rename(there + name + '.x', there + 'low-' + name + '.x')

def exchanges(root, part):
    chance = random.Random(part)
    while True:
        for name in ('d', 'f', 'd/f', 'd/e') if part == 'links' else ('f', 'd'):
            for branch, prefix in (('upper', ''), ('lower', 'low-'), ('upper', 'low-')):
                path = ('%s/%s/%s/%s%s' % (root, branch, part, prefix, name)).encode()
                libc.renameat2(-100, path, -100, path + b'.x', EXCHANGE)
                # The daemon watches: what it is told faster than it can follow leaves it no time to serve.
                time.sleep(chance.random() * PAUSE)

class Client:
    def __init__(self, part, chance):
        self.part, self.chance, self.done, self.failed, self.found = part, chance, 0, 0, []

    def met(self, what): self.found.append(what)

    def read(self, fd, name):
        """Only from here: a link that leads on is the client's own to follow, and it does not."""
        file = os.open(name, self.chance.choice([os.O_RDONLY, os.O_RDWR]) | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
        try:
            if MARK in os.read(file, 100): self.met('read ' + name)
            if self.chance.random() < 0.2 and self.part == 'links': os.write(file, b'w')
            if os.fstat(file).st_size == SIZE: self.met('fstat ' + name)
        finally: os.close(file)

    def step(self, mnt):
        chance, prefix, name = self.chance, self.chance.choice(['', 'low-']), self.chance.choice(['f', 'g', 'f.x', 'n'])
        top = os.open(mnt, os.O_PATH)
        opened = [top]
        try:
            where = os.open(self.part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
            opened.append(where)
            for below in chance.choice([[], ['d'], ['d', 'e']] if self.part == 'links' else [[], ['d']]):
                where = os.open((prefix if below == 'd' else '') + below, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=where)
                opened.append(where)
            if len(opened) == 2: name = prefix + name
            self.call(chance.choice(self.calls()), where, name)
            self.done += 1
        except OSError as e:
            if e.errno in (errno.EIO, errno.ENOTCONN): self.met(errno.errorcode[e.errno])
            self.failed += 1
        finally:
            for fd in opened: os.close(fd)

    def calls(self):
        own = ['read'] * 4 + ['stat', 'chmod', 'utime', 'getxattr', 'setxattr', 'truncate', 'link', 'list']
        return own + ['create', 'mkdir', 'unlink', 'rmdir', 'rename', 'readlink', 'chown', 'symlink', 'mknod', 'lists'] if self.part == 'links' else own

    def call(self, what, fd, name):
        path = '/proc/self/fd/%d/%s' % (fd, name)
        if what == 'read': self.read(fd, name)
        elif what == 'stat':
            if os.stat(name, dir_fd=fd, follow_symlinks=False).st_size == SIZE and self.part == 'links': self.met('stat ' + name)
        elif what == 'chmod':
            # Python has no fchmodat with AT_SYMLINK_NOFOLLOW everywhere: by a descriptor.
            file = os.open(name, os.O_PATH | os.O_NOFOLLOW, dir_fd=fd)
            try:
                if not stat.S_ISLNK(os.fstat(file).st_mode): os.chmod('/proc/self/fd/%d' % file, 0o666)
            finally: os.close(file)
        elif what == 'utime': os.utime(name, (1e9, 1e9), dir_fd=fd, follow_symlinks=False)
        elif what == 'getxattr':
            if MARK in os.getxattr(path, 'user.content', follow_symlinks=False): self.met('getxattr ' + name)
        elif what == 'setxattr': os.setxattr(path, 'user.content', b'changed', follow_symlinks=False)
        elif what == 'truncate':
            file = os.open(name, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=fd)
            os.close(file)
        elif what == 'link':
            os.link(name, 'n', src_dir_fd=fd, dst_dir_fd=fd, follow_symlinks=False)
            if self.part == 'owners': os.unlink('n', dir_fd=fd)
        elif what == 'list':
            listed = os.open('.', os.O_RDONLY | os.O_DIRECTORY, dir_fd=fd)
            try:
                if 'canary' in os.listdir(listed): self.met('canary')
            finally: os.close(listed)
        elif what == 'create': os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666, dir_fd=fd))
        elif what == 'mkdir': os.mkdir('n', dir_fd=fd)
        elif what == 'unlink': os.unlink('n', dir_fd=fd)
        elif what == 'rmdir': os.rmdir('n', dir_fd=fd)
        elif what == 'rename': os.rename('g', 'g2', src_dir_fd=fd, dst_dir_fd=fd); os.rename('g2', 'g', src_dir_fd=fd, dst_dir_fd=fd)
        elif what == 'readlink': os.readlink(name, dir_fd=fd)
        elif what == 'chown': os.chown(name, 3001, 3001, dir_fd=fd, follow_symlinks=False)
        elif what == 'symlink': os.symlink('x', 'n', dir_fd=fd)
        elif what == 'mknod': os.mknod('n', stat.S_IFIFO | 0o600, dir_fd=fd)
        elif what == 'lists': os.listxattr(path, follow_symlinks=False)

def work(mnt, part, seconds, seed, out):
    if part == 'owners':
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
    client = Client(part, random.Random(seed))
    end = time.monotonic() + seconds
    while time.monotonic() < end: client.step(mnt)
    os.write(out, json.dumps([part, client.done, client.failed, sorted(set(client.found))]).encode())

def forked(what, *args):
    pid = os.fork()
    if pid == 0:
        try: what(*args)
        finally: os._exit(0)
    return pid

def state(path):
    """All that a change would change, but the time of reading."""
    st = os.lstat(path)
    content = open(path, 'rb').read().decode() if stat.S_ISREG(st.st_mode) else sorted(os.listdir(path)) if stat.S_ISDIR(st.st_mode) else ''
    return [st.st_uid, st.st_gid, st.st_mode, st.st_nlink, st.st_mtime_ns, st.st_ctime_ns, content]

def tree(top): return {path: state(path) for at, names, files in os.walk(top) for path in [at] + [at + '/' + name for name in files]}

def exposed(root):
    """Files of the user that hold what is root's, and files of root's that have become the user's."""
    wrong = []
    for branch in BRANCHES:
        for at, names, files in os.walk(root + '/' + branch + '/owners'):
            for path in [at + '/' + name for name in names + files]:
                st = os.lstat(path)
                content = open(path, 'rb').read() if stat.S_ISREG(st.st_mode) else b''
                if MARK in content and (st.st_uid != 0 or (at.endswith('/owners') and st.st_mode & 0o77)): wrong.append([path, st.st_uid, oct(st.st_mode)])
                # Emptied, or changed, by the user.
                if st.st_uid == 0 and stat.S_ISREG(st.st_mode) and '.wh.' not in path and content[:len(MARK)] != MARK: wrong.append([path, 'changed'])
                if stat.S_ISDIR(st.st_mode) and st.st_uid == 0 and st.st_mode & 0o77 and '.wh.' not in path: wrong.append([path, oct(st.st_mode)])
    for branch in BRANCHES:
        for at, names, files in os.walk(root + '/' + branch + '/links'):
            for path in [at + '/' + name for name in files]:
                if stat.S_ISREG(os.lstat(path).st_mode) and MARK in open(path, 'rb').read(): wrong.append(path)
    return wrong

def run(root, seconds):
    before = tree(root + '/outside')
    parts = ('links', 'owners')
    flipping = [forked(exchanges, root, part) for part in parts]
    results = []
    try:
        readers = []
        for seed, part in enumerate(parts):
            end, out = os.pipe()
            forked(work, root + '/mnt', part, float(seconds), seed, out)
            os.close(out)
            readers.append(end)
        for end in readers:
            with open(end) as answer: results.append(json.loads(answer.read() or '["died", 0, 0, ["died"]]'))
    finally:
        for pid in flipping: os.kill(pid, signal.SIGKILL)
    print(json.dumps({'clients': results, 'outside': before == tree(root + '/outside'), 'exposed': exposed(root)}))

{'prepare': prepare, 'run': run}[sys.argv[1]](*sys.argv[2:])
