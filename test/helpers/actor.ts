// What a program does in a union, written in Python: it has the system calls under their own names, and runs as
// whoever mounted it.
import { disk, memory, type Mounted } from './mounted.js';
import { nobody, noRootMount, noUserMount, python, type User } from './process.js';

const prelude = `
import ctypes, errno, fcntl, json, mmap, os, socket, stat, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
root, mnt, upper, lower = sys.argv[1], sys.argv[1] + '/mnt', sys.argv[1] + '/upper', sys.argv[1] + '/lower'
os.umask(0o022)
def error(call, *args, **named):
    """The name of the error a call ends with, or its result."""
    try: return call(*args, **named)
    except OSError as e: return errno.errorcode[e.errno]
def put(path, text, mode='w'):
    with open(path, mode) as file: file.write(text)
def get(path):
    with open(path, 'rb') as file: return file.read().decode('latin1')
def names(path='.'): return sorted(os.listdir(path))
def result(value): print(json.dumps(value))
`;

/** Runs a script in the union's root directory, with the above defined; gives what it handed to `result`. */
export function act<Result = unknown>(union: Mounted, script: string, as?: User): Promise<Result> {
  return python<Result>(`${prelude}os.chdir(mnt)\n${dedent(script)}`, [union.root], { as });
}

/** The same beside the union, before it is mounted. */
export async function prepare(root: string, script: string, as?: User): Promise<void> {
  await python(`${prelude}os.chdir(root)\n${dedent(script)}\nresult(None)`, [root], { as });
}

function dedent(script: string): string {
  const lines = script.split('\n').filter((line, index, all) => line.trim() !== '' || (index > 0 && index < all.length - 1));
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^ */.exec(line)![0].length);
  const margin = Math.min(...indents);
  return lines.map((line) => line.slice(margin)).join('\n');
}

/** Root on a tmpfs and on a disk, and an ordinary user; with the reason where one of them cannot be tried here. */
export const variants = [
  { who: 'root on tmpfs', as: undefined, base: memory, reason: noRootMount() },
  { who: 'root on a disk', as: undefined, base: disk, reason: noRootMount() },
  { who: 'an ordinary user', as: nobody, base: disk, reason: noUserMount() },
];
