"""Who may do what: the same calls by the same callers on plain directories and through a union.

prepare ROOT N SEED   makes the cases on ROOT/plain, and on the branches ROOT/upper and ROOT/lower
run ROOT N SEED       does them on ROOT/plain and in the union ROOT/mnt; prints what differs, as JSON

A case is a directory with a file f and others beside it, a caller, and a call. It is done four times: on the plain
directory; where all of it lies on the writable branch (rw); on the read-only one (ro); in a directory that both have, with
what is in it on the read-only one (mg). Compared are the result and, afterwards, every name with its owner, group, mode,
size, ACLs and capabilities.
"""
import ctypes, errno, json, os, random, stat, struct, sys

libc = ctypes.CDLL(None, use_errno=True)
u1, u2, u3 = 2001, 2002, 2003
g1, g2, g3, g4 = 3001, 3002, 3003, 3004
ACCESS, DEFAULT, CAPS = 'system.posix_acl_access', 'system.posix_acl_default', 'security.capability'
NET_RAW = bytes.fromhex('0100000200200000000000000000000000000000')
CALLERS = [(u1, g1, ()), (u1, g1, (g3,)), (u2, g2, (g3, g4)), (u3, g1, ()), (u3, g2, (g1, g3)), (0, 0, ())]
UMASKS = [0o022, 0, 0o077]

def acl(owner, group, other, mask=None, **ids):
    """ids: u2001=6, g3003=4"""
    entries = [(1, owner, -1)]
    entries += [(2, perm, int(who[1:])) for who, perm in ids.items() if who[0] == 'u']
    entries += [(4, group, -1)]
    entries += [(8, perm, int(who[1:])) for who, perm in ids.items() if who[0] == 'g']
    if mask is not None: entries += [(16, mask, -1)]
    entries += [(32, other, -1)]
    return struct.pack('<I', 2) + b''.join(struct.pack('<HHI', tag, perm, i & 0xffffffff) for tag, perm, i in entries)

# owner, group, mode, further attributes
DIRECTORIES = [
    (0, 0, 0o755, {}), (0, 0, 0o777, {}), (0, 0, 0o1777, {}), (u1, g1, 0o755, {}), (u1, g1, 0o770, {}), (0, g3, 0o2775, {}),
    (u2, g2, 0o1777, {}), (0, g3, 0o3770, {}), (u1, g1, 0o711, {}), (0, 0, 0o733, {}), (u1, g3, 0o2777, {}), (u2, g1, 0o570, {}),
    (0, 0, 0o700, {ACCESS: acl(7, 0, 0, 7, u2001=7, g3003=5)}), (u1, g1, 0o755, {DEFAULT: acl(7, 5, 0, 7, u2002=6)}),
    (0, 0, 0o777, {ACCESS: acl(7, 7, 7, 7, u2001=0)}), (0, g3, 0o2777, {DEFAULT: acl(6, 7, 4, 5, g3001=7)}),
]
FILES = [
    (0, 0, 0o644, {}), (u1, g1, 0o644, {}), (u1, g1, 0o600, {}), (u2, g2, 0o666, {}), (0, g3, 0o664, {}), (u1, g1, 0o6755, {}),
    (u2, g2, 0o6777, {CAPS: NET_RAW}), (u1, g3, 0o2775, {}), (0, 0, 0o640, {ACCESS: acl(6, 4, 0, 6, u2001=6)}),
    (u2, g2, 0o666, {ACCESS: acl(6, 6, 6, 6, u2001=0)}), (u1, g1, 0o400, {}), (u1, g4, 0o2770, {}), (0, 0, 0o4777, {CAPS: NET_RAW}),
    (u1, g2, 0o2666, {}), (0, g1, 0o060, {ACCESS: acl(0, 0, 0, 6, g3003=6)}), (u1, g1, 0o777, {CAPS: NET_RAW}),
]

# Linux before 6.2 leaves the set-gid bit of a file without group execute to those who are not in the group, too.
if tuple(int(part) for part in os.uname().release.split('.')[:2]) < (6, 2): FILES = [file for file in FILES if file[2] != 0o2666]

def call(result):
    if result < 0: raise OSError(ctypes.get_errno(), '')
    return result
def opened(path, flags, mode=0o666): os.close(os.open(path, flags, mode))
def writes(path, flags=0):
    fd = os.open(path, os.O_WRONLY | flags)
    try: os.write(fd, b'abc')
    finally: os.close(fd)
def allocates(path):
    fd = os.open(path, os.O_WRONLY)
    try: os.posix_fallocate(fd, 0, 50)
    finally: os.close(fd)
def copies():
    fd, source = os.open('f', os.O_WRONLY), os.open('readable', os.O_RDONLY)
    try: os.copy_file_range(source, fd, 3, 0, 0)
    finally: os.close(fd); os.close(source)
def by_handle(change, flags=os.O_RDONLY):
    fd = os.open('f', flags)
    try: return change(fd)
    finally: os.close(fd)
def unnamed(name=None):
    fd = os.open('.', os.O_TMPFILE | os.O_RDWR, 0o666)
    try:
        if name is not None: os.link('/proc/self/fd/%d' % fd, name, follow_symlinks=True)
        st = os.fstat(fd)
        return [st.st_uid, st.st_gid, oct(st.st_mode)]
    finally: os.close(fd)
def executes():
    pid = os.fork()
    if pid == 0:
        try: os.execv('./f', ['f'])
        except OSError as e: os._exit(e.errno)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status: raise OSError(status, '')
def reads(path):
    with open(path) as file: return file.read()
def renames(a, b, flags=0): call(libc.renameat2(-100, a.encode(), -100, b.encode(), flags))

# Not chown(-1, -1): the kernel keeps it from a FUSE file system.
CALLS = {
    'open to read': lambda me: reads('f'), 'open to write': lambda me: opened('f', os.O_WRONLY), 'write': lambda me: writes('f'),
    'append': lambda me: writes('f', os.O_APPEND), 'open, O_TRUNC': lambda me: opened('f', os.O_WRONLY | os.O_TRUNC),
    'open to read, O_TRUNC': lambda me: opened('f', os.O_RDONLY | os.O_TRUNC), 'O_NOATIME': lambda me: opened('f', os.O_RDONLY | os.O_NOATIME),
    'O_CREAT of f': lambda me: opened('f', os.O_RDWR | os.O_CREAT), 'O_EXCL of f': lambda me: opened('f', os.O_RDWR | os.O_CREAT | os.O_EXCL),
    'create': lambda me: opened('n', os.O_RDWR | os.O_CREAT), 'create 02777': lambda me: opened('n', os.O_RDWR | os.O_CREAT, 0o2777),
    'create 04711': lambda me: opened('n', os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o4711), 'O_CREAT through a link': lambda me: opened('s', os.O_RDWR | os.O_CREAT),
    'mkdir': lambda me: os.mkdir('n'), 'mkdir 02700': lambda me: os.mkdir('n', 0o2700), 'mkdir 01755': lambda me: os.mkdir('n', 0o1755),
    'mkfifo': lambda me: os.mkfifo('n', 0o664), 'mknod': lambda me: os.mknod('n', stat.S_IFREG | 0o2775),
    'mknod of a device': lambda me: os.mknod('n', stat.S_IFCHR | 0o666, os.makedev(1, 3)), 'symlink': lambda me: os.symlink('x', 'n'),
    'link': lambda me: os.link('f', 'n'), 'link of a symlink': lambda me: os.link('s', 'n', follow_symlinks=False), 'link of o': lambda me: os.link('o', 'n'),
    'rename': lambda me: renames('f', 'n'), 'rename over o': lambda me: renames('f', 'o'), 'rename o': lambda me: renames('o', 'n'),
    'rename, NOREPLACE': lambda me: renames('f', 'o', 1), 'rename into d': lambda me: renames('f', 'd/f'), 'rename from d': lambda me: renames('d/g', 'n'),
    'rename a directory': lambda me: renames('d', 'n'), 'rename an empty directory': lambda me: renames('e', 'd/e'),
    'unlink': lambda me: os.unlink('f'), 'unlink o': lambda me: os.unlink('o'), 'unlink in d': lambda me: os.unlink('d/g'),
    'rmdir': lambda me: os.rmdir('e'), 'rmdir of a full one': lambda me: os.rmdir('d'),
    'chmod 0640': lambda me: os.chmod('f', 0o640), 'chmod 02770': lambda me: os.chmod('f', 0o2770), 'chmod 06755': lambda me: os.chmod('f', 0o6755),
    'chmod of the directory': lambda me: os.chmod('.', 0o2775), 'chmod of a directory': lambda me: os.chmod('e', 0o1777), 'fchmod': lambda me: by_handle(lambda fd: os.fchmod(fd, 0o2751)),
    'chown to me': lambda me: os.chown('f', me, -1), 'chown to another': lambda me: os.chown('f', u2, -1), 'chgrp g1': lambda me: os.chown('f', -1, g1),
    'chgrp g3': lambda me: os.chown('f', -1, g3), 'chgrp of a link': lambda me: os.lchown('s', -1, g3),
    'chgrp of the directory': lambda me: os.chown('.', -1, g3), 'fchown': lambda me: by_handle(lambda fd: os.fchown(fd, -1, g2)),
    'utime, now': lambda me: os.utime('f'), 'utime': lambda me: os.utime('f', (1e9, 1e9)), 'utime of the directory': lambda me: os.utime('.', (1e9, 1e9)),
    'futimens': lambda me: by_handle(lambda fd: os.utime(fd, (1e9, 1e9))),
    'truncate to 0': lambda me: os.truncate('f', 0), 'truncate': lambda me: os.truncate('f', 40), 'ftruncate': lambda me: by_handle(lambda fd: os.ftruncate(fd, 7), os.O_WRONLY),
    'fallocate': lambda me: allocates('f'), 'copy_file_range': lambda me: copies(),
    'set user.': lambda me: os.setxattr('f', 'user.x', b'1'), 'get user.': lambda me: os.getxattr('f', 'user.k').decode(), 'remove user.': lambda me: os.removexattr('f', 'user.k'),
    'set user. of the directory': lambda me: os.setxattr('.', 'user.x', b'1'), 'set user. of a link': lambda me: os.setxattr('s', 'user.x', b'1', follow_symlinks=False),
    'set trusted.': lambda me: os.setxattr('f', 'trusted.x', b'1'), 'get trusted.': lambda me: os.getxattr('f', 'trusted.k').decode(),
    'set security.': lambda me: os.setxattr('f', 'security.x', b'1'), 'setcap': lambda me: os.setxattr('f', CAPS, NET_RAW), 'remove capabilities': lambda me: os.removexattr('f', CAPS),
    'list attributes': lambda me: sorted(os.listxattr('f')),
    'set an ACL': lambda me: os.setxattr('f', ACCESS, acl(7, 5, 0, 5, u2003=7)), 'remove the ACL': lambda me: os.removexattr('f', ACCESS),
    'set a default ACL': lambda me: os.setxattr('.', DEFAULT, acl(7, 5, 0, 5, u2003=7)), 'set an ACL of the directory': lambda me: os.setxattr('.', ACCESS, acl(7, 5, 0, 5, u2003=7)),
    'access': lambda me: [os.access('f', how) for how in (os.R_OK, os.W_OK, os.X_OK)], 'access of the directory': lambda me: [os.access('.', how) for how in (4, 2, 1, 3)],
    'list': lambda me: sorted(os.listdir('.')), 'stat': lambda me: oct(os.stat('f').st_mode), 'stat in d': lambda me: oct(os.stat('d/g').st_mode), 'list d': lambda me: os.listdir('d'),
    'create in d': lambda me: opened('d/n', os.O_WRONLY | os.O_CREAT), 'mkdir in d': lambda me: os.mkdir('d/n'), 'execute': lambda me: executes(),
    'O_TMPFILE': lambda me: unnamed(), 'O_TMPFILE, linked': lambda me: unnamed('n'), 'read a link': lambda me: os.readlink('s'), 'open through a link': lambda me: reads('s'),
}

def cases(count, seed):
    """Every call in turn, the rest by chance: the same for the same seed."""
    chance = random.Random(seed)
    names = list(CALLS)
    for i in range(count):
        yield (str(i), names[i % len(names)], chance.choice(DIRECTORIES), chance.choice(FILES), chance.choice(FILES), chance.choice(DIRECTORIES),
               chance.choice(CALLERS), chance.choice(UMASKS))

def own(path, attributes):
    uid, gid, mode, more = attributes
    os.chown(path, uid, gid)
    os.chmod(path, mode)
    for name, value in more.items(): os.setxattr(path, name, value)

def put(path, attributes):
    with open(path, 'w') as file: file.write('#!/bin/true\n')
    for name in ('user.k', 'trusted.k'):
        try: os.setxattr(path, name, b'v')
        except OSError: pass
    own(path, attributes)

def fill(directory, file, other, below):
    put(directory + '/f', file)
    put(directory + '/o', other)
    put(directory + '/readable', (0, 0, 0o644, {}))
    os.symlink('f', directory + '/s')
    os.mkdir(directory + '/e')
    os.mkdir(directory + '/d')
    put(directory + '/d/g', file)
    own(directory + '/e', below)
    own(directory + '/d', below)
    os.lchown(directory + '/s', file[0], file[1])

PLACES = {'plain': 'plain', 'rw': 'mnt/rw', 'ro': 'mnt/ro', 'mg': 'mnt/mg'}

def prepare(root, count, seed):
    os.umask(0)
    for kind in ('plain', 'upper/rw', 'lower/ro', 'upper/mg', 'lower/mg'): os.makedirs(root + '/' + kind)
    for number, _, directory, file, other, below, _, _ in cases(count, seed):
        for kind in ('plain', 'upper/rw', 'lower/ro', 'lower/mg'):
            os.mkdir('/'.join((root, kind, number)))
            fill('/'.join((root, kind, number)), file, other, below)
        os.mkdir('/'.join((root, 'upper/mg', number)))
        for kind in ('plain', 'upper/rw', 'lower/ro', 'lower/mg', 'upper/mg'): own('/'.join((root, kind, number)), directory)

def perform(where, caller, mask, name):
    """In a process of its own, as the caller."""
    uid, gid, groups = caller
    os.setgroups(groups)
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    os.umask(mask)
    try:
        os.chdir(where)
        return CALLS[name](uid)
    except OSError as e: return errno.errorcode[e.errno]

def as_caller(*what):
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        try: os.write(into, json.dumps(perform(*what)).encode())
        finally: os._exit(0)
    os.close(into)
    with open(out) as answer: text = answer.read()
    os.waitpid(pid, 0)
    return json.loads(text)

def attribute(path, name):
    try: return os.getxattr(path, name, follow_symlinks=False).hex()
    except OSError as e: return '' if e.errno in (errno.ENODATA, errno.EOPNOTSUPP, errno.EPERM) else errno.errorcode[e.errno]

def seen(path):
    st = os.lstat(path)
    attributes = [st.st_uid, st.st_gid, oct(st.st_mode), '' if stat.S_ISDIR(st.st_mode) else st.st_size]
    return attributes + [attribute(path, name) for name in (ACCESS, DEFAULT, CAPS, 'user.k', 'user.x')]

def state(directory):
    found = {'.': seen(directory)}
    for name in sorted(os.listdir(directory)): found[name] = seen(directory + '/' + name)
    for name in sorted(os.listdir(directory + '/d')) if 'd' in found else []: found['d/' + name] = seen(directory + '/d/' + name)
    return found

def run(root, count, seed):
    different, allowed, refused = [], 0, 0
    for number, name, directory, file, other, below, caller, mask in cases(count, seed):
        # File systems differ in whether this takes the set-gid bit away.
        if name == 'remove the ACL' and file[2] & 0o2000: continue
        # The kernel asks a FUSE file system to take capabilities away as it asks for chown(-1, -1), so that root loses set-id bits.
        if name in ('write', 'append', 'fallocate', 'copy_file_range') and caller[0] == 0 and CAPS in file[3]: continue
        outcomes = {}
        for place, path in PLACES.items():
            where = '/'.join((root, path, number))
            result = as_caller(where, caller, mask, name)
            outcomes[place] = [result, state(where)]
        plain = outcomes.pop('plain')
        if isinstance(plain[0], str) and plain[0] in errno.errorcode.values(): refused += 1
        else: allowed += 1
        for place, outcome in outcomes.items():
            # What lies on a lower branch keeps its place (aufs(5), dirren).
            if place != 'rw' and name == 'rename a directory' and plain[0] is None and outcome[0] == 'EXDEV': continue
            if outcome == plain: continue
            entries = {k for k in plain[1].keys() | outcome[1].keys() if plain[1].get(k) != outcome[1].get(k)}
            different.append({'case': number, 'call': name, 'place': place, 'caller': caller, 'umask': oct(mask),
                'directory': describe(directory), 'file': describe(file), 'other': describe(other), 'below': describe(below),
                'plain': plain[0], 'union': outcome[0], 'entries': {k: [plain[1].get(k), outcome[1].get(k)] for k in entries}})
    print(json.dumps({'different': different, 'allowed': allowed, 'refused': refused}))

def describe(attributes):
    uid, gid, mode, more = attributes
    return '%d:%d %o %s' % (uid, gid, mode, ' '.join('%s=%s' % (name, value.hex()) for name, value in more.items()))

{'prepare': prepare, 'run': run}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), sys.argv[4])
