// A tree as plain text, to compare two of them, or one with itself later.
import { python, type User } from './process.js';

/**
 * What counts: `content`, all that a user sees but times and inode numbers; `exact`, also the times to the
 * nanosecond, inode numbers and link counts: nothing has touched it.
 */
export type Detail = 'content' | 'exact';

// In Python, and a process of its own: what a user mounts is closed to root, and so to the tests' process.
const script = `
import hashlib, json, os, stat, sys
root, exact, leave_out = os.fsencode(sys.argv[1]), sys.argv[2] == 'exact', [os.fsencode(name) for name in sys.argv[3:]]
lines = []
def describe(path, st):
    parts = ['%o' % st.st_mode, '%d:%d' % (st.st_uid, st.st_gid)]
    if stat.S_ISREG(st.st_mode):
        with open(path, 'rb') as file:
            parts += [str(st.st_size), hashlib.sha1(file.read()).hexdigest()]
    if stat.S_ISLNK(st.st_mode): parts.append(os.readlink(path).decode('latin1'))
    if stat.S_ISCHR(st.st_mode) or stat.S_ISBLK(st.st_mode): parts.append('device %d' % st.st_rdev)
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        parts.append('%s=%s' % (name, os.getxattr(path, name, follow_symlinks=False).hex()))
    if exact: parts += ['ino %d' % st.st_ino, 'nlink %d' % st.st_nlink, 'mtime %d' % st.st_mtime_ns, 'ctime %d' % st.st_ctime_ns]
    return ' '.join(parts)
def visit(path, relative):
    st = os.lstat(path)
    lines.append(relative.decode('latin1') + ' ' + describe(path, st))
    if stat.S_ISDIR(st.st_mode):
        for name in sorted(os.listdir(path)):
            if name not in leave_out: visit(os.path.join(path, name), os.path.join(relative, name))
visit(root, b'.')
print(json.dumps(lines))
`;

/** A line for each entry below a directory, and itself, in order. Entries named in `leaveOut` are skipped. */
export function describeTree(
  root: string, detail: Detail, leaveOut: readonly string[] = [], as?: User,
): Promise<string[]> {
  return python<string[]>(script, [root, detail, ...leaveOut], { as });
}

/** The lines in which two descriptions differ, as in diff(1); at most twenty. */
export function treeDifference(one: readonly string[], other: readonly string[]): string[] {
  const [left, right] = [new Set(one), new Set(other)];
  return [
    ...one.filter((line) => !right.has(line)).map((line) => `- ${line}`),
    ...other.filter((line) => !left.has(line)).map((line) => `+ ${line}`),
  ].slice(0, 20);
}
