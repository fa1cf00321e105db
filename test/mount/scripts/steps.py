"""Random changes of a tree, each a single system call, until the file system fails.

steps.py run TREE LOG SEED   before each change, LOG gets the tree as it is and as it will be
steps.py check TREE LOG      whether TREE is one of the two: prints JSON, null or what is wrong
"""
import errno, hashlib, json, os, random, stat, sys

command, root, log = sys.argv[1:4]
NAMES = 'abcdef'


def look():
    """Every path with what counts of it."""
    seen = {}
    for at, directories, files in os.walk(root):
        for name in directories + files:
            path = os.path.join(at, name)
            st = os.lstat(path)
            what = '%o %d' % (st.st_mode, st.st_size if stat.S_ISREG(st.st_mode) else 0)
            if stat.S_ISREG(st.st_mode):
                with open(path, 'rb') as file:
                    what += ' ' + hashlib.sha1(file.read()).hexdigest()
            elif stat.S_ISLNK(st.st_mode):
                what += ' ' + os.readlink(path)
            seen[os.path.relpath(path, root)] = what
    return seen


def written(path, text):
    with open(path, 'rb') as file:
        content = file.read()
    return text + content[len(text):]


def below(tree, path):
    return [name for name in tree if name.startswith(path + '/')]


def change(tree, pick):
    """A change that should work: what it does, and the tree after it."""
    after = dict(tree)
    directories = [''] + [path + '/' for path, what in tree.items() if what.startswith('4')]
    files = [path for path, what in tree.items() if what.startswith('10')]
    new = pick.choice(directories) + pick.choice(NAMES)
    at = lambda path: os.path.join(root, path)
    kind = pick.choice(['write', 'write', 'create', 'mkdir', 'rename', 'rename', 'rename', 'unlink', 'rmdir', 'chmod', 'symlink'])
    if kind == 'write' and files:
        path = pick.choice(files)
        text = b'%016x' % pick.getrandbits(64) * 4
        content = written(at(path), text)
        after[path] = '%s %d %s' % (tree[path].split()[0], len(content), hashlib.sha1(content).hexdigest())
        def act():
            fd = os.open(at(path), os.O_WRONLY)
            try: os.pwrite(fd, text, 0)
            finally: os.close(fd)
        return act, after
    if kind == 'create' and new not in tree:
        after[new] = '100644 0 ' + hashlib.sha1(b'').hexdigest()
        return lambda: os.close(os.open(at(new), os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)), after
    if kind == 'mkdir' and new not in tree and new.count('/') < 3:
        after[new] = '40755 0'
        return lambda: os.mkdir(at(new), 0o755), after
    if kind == 'symlink' and new not in tree:
        after[new] = '120777 0 to'
        return lambda: os.symlink('to', at(new)), after
    if kind == 'rename' and tree:
        path = pick.choice(sorted(tree))
        isdir = tree[path].startswith('4')
        if new == path or new.startswith(path + '/'): return None
        if new in tree and (isdir or tree[new].startswith('4')) and not (isdir and tree[new].startswith('4') and not below(tree, new)): return None
        after.pop(new, None)
        for name in [path] + below(tree, path): after[new + name[len(path):]] = after.pop(name)
        return lambda: os.rename(at(path), at(new)), after
    if kind == 'unlink':
        candidates = [path for path, what in tree.items() if not what.startswith('4')]
        if len(candidates) < 6: return None
        path = pick.choice(candidates)
        del after[path]
        return lambda: os.unlink(at(path)), after
    if kind == 'rmdir':
        empty = [path for path, what in tree.items() if what.startswith('4') and not below(tree, path)]
        if not empty: return None
        path = pick.choice(empty)
        del after[path]
        return lambda: os.rmdir(at(path)), after
    if kind == 'chmod' and files:
        path = pick.choice(files)
        mode = pick.choice([0o600, 0o644, 0o755])
        after[path] = '10%04o %s' % (mode, tree[path].split(' ', 1)[1])
        return lambda: os.chmod(at(path), mode), after
    return None


def run(seed):
    pick = random.Random(seed)
    os.umask(0)
    tree = look()
    while True:
        made = change(tree, pick)
        if made is None: continue
        act, after = made
        with open(log + '.new', 'w') as file: json.dump([tree, after], file)
        os.rename(log + '.new', log)
        try:
            act()
            tree = after
        except OSError as error:
            # A directory with a part on the lower branch: mv(1) would copy.
            if error.errno != errno.EXDEV: raise


def check():
    with open(log) as file: before, after = json.load(file)
    there = look()
    if there in (before, after): return None
    return {name: [tree.get(name) for tree in (before, after, there)] for name in sorted({*before, *after, *there})
            if not (before.get(name) == after.get(name) == there.get(name))}


if command == 'run':
    try: run(int(sys.argv[4]))
    except OSError as error: print(json.dumps(errno.errorcode[error.errno]))
else: print(json.dumps(check()))
