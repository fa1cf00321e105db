# Everyday use of a union over a prepared lower branch, step by step. Prints JSON: step -> "ok", an errno's name, or what
# is wrong. Arguments: the mount point, and which half ("first", or "again" after a new mount).
import errno, json, mmap, os, stat, sys

root, half = sys.argv[1:3]
results = {}

def at(*names):
    return os.path.join(root, *names)

def step(function):
    try:
        function()
        results[function.__name__] = 'ok'
    except OSError as error:
        results[function.__name__] = errno.errorcode.get(error.errno, str(error.errno))
    except AssertionError as error:
        results[function.__name__] = 'wrong: %s' % (error,)
    return function

def put(path, text, how='w'):
    with open(path, how) as file:
        file.write(text)

def get(path):
    with open(path) as file:
        return file.read()

def is_(one, other):
    assert one == other, '%r is not %r' % (one, other)

def gone(path):
    try:
        os.lstat(path)
    except FileNotFoundError:
        return
    raise AssertionError('%s is there' % path)

def first():
    @step
    def lists():
        is_(sorted(os.listdir(at('list'))), ['n%03d' % i for i in range(200)])
        is_(sorted(entry.name for entry in os.scandir(at('d')) if entry.is_dir()), ['sub'])
    @step
    def create():
        put(at('new'), 'new')
        is_(get(at('new')), 'new')
        is_(os.stat(at('new')).st_size, 3)
    @step
    def copy_up():
        reader = open(at('f'))
        before = os.stat(at('f')).st_ino
        put(at('f'), '+more', 'a')
        is_(get(at('f')), 'lower+more')
        is_(reader.read(), 'lower+more')
        is_(os.stat(at('f')).st_ino, before)
        reader.close()
    @step
    def copy_up_deep():
        put(at('d/sub/c'), 'changed')
        is_(get(at('d/sub/c')), 'changed')
        is_(get(at('d/a')), 'a')
    @step
    def whiteout():
        os.unlink(at('d/a'))
        gone(at('d/a'))
        is_(sorted(os.listdir(at('d'))), ['b', 'sub'])
        put(at('d/a'), 'anew')
        is_(get(at('d/a')), 'anew')
        os.unlink(at('d/a'))
        gone(at('d/a'))
    @step
    def remove_tree():
        for name in os.listdir(at('tree')):
            os.unlink(at('tree', name))
        os.rmdir(at('tree'))
        gone(at('tree'))
        os.mkdir(at('tree'))
        is_(os.listdir(at('tree')), [])
    @step
    def rename():
        os.rename(at('r1'), at('r1new'))
        gone(at('r1'))
        is_(get(at('r1new')), 'r1')
        os.mkdir(at('made'))
        put(at('made/in'), 'in')
        os.rename(at('made'), at('moved'))
        is_(get(at('moved/in')), 'in')
    @step
    def rename_over():
        put(at('over'), 'over')
        os.rename(at('over'), at('r2'))
        gone(at('over'))
        is_(get(at('r2')), 'over')
    @step
    def truncate():
        os.truncate(at('t'), 2)
        is_(get(at('t')), 'tt')
    @step
    def unlink_while_open():
        with open(at('held'), 'w+') as file:
            file.write('held')
            file.flush()
            os.unlink(at('held'))
            file.write('+more')
            file.flush()
            is_(os.fstat(file.fileno()).st_size, 9)
            file.seek(0)
            is_(file.read(), 'held+more')
        gone(at('held'))
    @step
    def unlink_lower_while_open():
        with open(at('low-held'), 'r+') as file:
            os.unlink(at('low-held'))
            is_(file.read(), 'low-held')
            file.write('+more')
            file.flush()
            file.seek(0)
            is_(file.read(), 'low-held+more')
        gone(at('low-held'))
    @step
    def mmap_shared():
        for name in 'new-map', 'm':
            if name == 'new-map':
                put(at(name), 'm' * 10000)
            with open(at(name), 'r+b') as file, mmap.mmap(file.fileno(), 0) as memory:
                is_(memory[:4], b'mmmm')
                memory[5000:5004] = b'WXYZ'
                memory.flush()
            is_(get(at(name))[4998:5006], 'mmWXYZmm')
    @step
    def many():
        os.mkdir(at('many'))
        names = ['file-%d' % i for i in range(300)]
        for name in names:
            put(at('many', name), name)
        is_(sorted(os.listdir(at('many'))), sorted(names))
        for name in names[::2]:
            os.unlink(at('many', name))
        is_(sorted(os.listdir(at('many'))), sorted(names[1::2]))
        for name in names[1::2]:
            os.unlink(at('many', name))
        os.rmdir(at('many'))
        gone(at('many'))
    @step
    def sync():
        with open(at('new'), 'r+') as file:
            os.fsync(file.fileno())
    @step
    def statfs():
        assert os.statvfs(root).f_bsize > 0
    # What not every file system can do.
    @step
    def link():
        put(at('one'), 'one')
        os.link(at('one'), at('two'))
        is_(os.stat(at('one')).st_ino, os.stat(at('two')).st_ino)
        put(at('two'), '+two', 'a')
        is_(get(at('one')), 'one+two')
    @step
    def link_lower():
        os.link(at('l'), at('l2'))
        put(at('l2'), '+2', 'a')
        is_(get(at('l')), 'l+2')
    @step
    def chmod():
        os.chmod(at('c'), 0o640)
        is_(stat.S_IMODE(os.stat(at('c')).st_mode), 0o640)
    @step
    def chown():
        os.chown(at('o'), 1234, 1234)
        is_(os.stat(at('o')).st_uid, 1234)
    @step
    def copy_up_owner():
        put(at('theirs'), '+more', 'a')
        is_(get(at('theirs')), 'theirs+more')
        is_((os.stat(at('theirs')).st_uid, stat.S_IMODE(os.stat(at('theirs')).st_mode)), (1234, 0o604))
    @step
    def times():
        os.utime(at('c'), ns=(1500000000123456789, 1400000001123456789))
        is_(os.stat(at('c')).st_mtime_ns, 1400000001123456789)
    @step
    def symlink():
        os.symlink('target', at('symlink'))
        is_(os.readlink(at('symlink')), 'target')
    @step
    def fifo():
        os.mkfifo(at('fifo'))
        assert stat.S_ISFIFO(os.stat(at('fifo')).st_mode)
    @step
    def xattr():
        os.setxattr(at('xattr'), 'user.one', b'1')
        is_(os.getxattr(at('xattr'), 'user.one'), b'1')
        is_(os.listxattr(at('xattr')), ['user.one'])
        os.removexattr(at('xattr'), 'user.one')
        is_(os.listxattr(at('xattr')), [])
    @step
    def sparse():
        with open(at('sparse'), 'wb') as file:
            file.seek(1 << 20)
            file.write(b'end')
        is_(os.stat(at('sparse')).st_size, (1 << 20) + 3)
        with open(at('sparse'), 'rb') as file:
            is_(file.read(), bytes(1 << 20) + b'end')
    @step
    def tmpfile():
        fd = os.open(root, os.O_TMPFILE | os.O_RDWR, 0o600)
        os.write(fd, b'tmp')
        is_(os.pread(fd, 10, 0), b'tmp')
        os.close(fd)
    @step
    def exclusive():
        fd = os.open(at('exclusive'), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        os.close(fd)
        try:
            os.open(at('exclusive'), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            raise AssertionError('made twice')
        except FileExistsError:
            pass
    @step
    def bytes_in_names():
        name = os.path.join(os.fsencode(root), b'n\xff\xfe')
        with open(name, 'w') as file:
            file.write('bytes')
        assert b'n\xff\xfe' in os.listdir(os.fsencode(root))

def again():
    @step
    def stays():
        is_(get(at('f')), 'lower+more')
        is_(get(at('d/sub/c')), 'changed')
        is_(sorted(os.listdir(at('d'))), ['b', 'sub'])
        is_(os.listdir(at('tree')), [])
        is_(get(at('r1new')), 'r1')
        is_(get(at('r2')), 'over')
        is_(get(at('m'))[4998:5006], 'mmWXYZmm')
        for name in 'r1', 'd/a', 'over', 'held', 'low-held', 'many':
            gone(at(name))

first() if half == 'first' else again()
print(json.dumps(results))
