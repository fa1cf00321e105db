/**
 * Mounting as an ordinary user through fusermount3 (fuse3's set-uid helper). It is given one end of a socket
 * pair, whose number it finds in _FUSE_COMMFD, and sends /dev/fuse through it once mounted (libfuse,
 * lib/mount.c). fusermount of fuse 2 does the same.
 */
import { spawn } from 'node:child_process';
import { errnoText, must } from '../../posix/errno.js';
import { close } from '../../posix/file.js';
import { receiveFd, socketpair } from '../../posix/socket.js';

const HELPERS = ['fusermount3', 'fusermount'];
/** The descriptor the helper finds its end of the socket pair at: the first after the standard ones. */
const HELPER_SOCKET = 3;

/** /dev/fuse of the new mount. Rejects with an Error of one line, and nothing is mounted then. */
export async function mountByHelper(mountpoint: string, options: readonly string[]): Promise<number> {
  const [ours, theirs] = socketpair();
  must(ours, 'socketpair');
  try {
    const outcome = await runHelper(['-o', options.join(','), '--', mountpoint], theirs).finally(() =>
      // Without our copy of its end, receiveFd sees the helper's death as an end of file.
      close(theirs),
    );
    if (outcome === null) throw new Error(missing('mount as an ordinary user'));
    if (outcome.status !== 0) throw new Error(describeFailure(mountpoint, outcome.text));
    const fd = receiveFd(ours);
    if (fd < 0) throw new Error(`fusermount3 mounted ${mountpoint} but sent no descriptor: ${errnoText(-fd)}`);
    return fd;
  } finally {
    close(ours);
  }
}

/** Unmounts what mountByHelper mounted. Rejects with an Error of one line. */
export async function unmountByHelper(mountpoint: string, lazy: boolean): Promise<void> {
  const outcome = await runHelper(['-u', ...(lazy ? ['-z'] : []), '--', mountpoint], null);
  if (outcome === null) throw new Error(missing('unmount as an ordinary user'));
  if (outcome.status === 0 || /not found in|not mounted|Invalid argument/.test(outcome.text)) return;
  if (/busy/i.test(outcome.text)) throw new Error(busy(mountpoint));
  throw new Error(`cannot unmount ${mountpoint}: ${outcome.text}`);
}

interface Outcome {
  readonly status: number | null;
  /** What it wrote to its standard error, on one line and without its name before it. */
  readonly text: string;
}

/** Runs the helper there is; null when there is none. */
async function runHelper(args: readonly string[], socket: number | null): Promise<Outcome | null> {
  for (const helper of HELPERS) {
    const outcome = await runOne(helper, args, socket);
    if (outcome !== null) return outcome;
  }
  return null;
}

function runOne(helper: string, args: readonly string[], socket: number | null): Promise<Outcome | null> {
  return new Promise((resolve, reject) => {
    const child = spawn(helper, args, {
      stdio: ['ignore', 'ignore', 'pipe', ...(socket === null ? [] : [socket])],
      env: { ...process.env, LC_ALL: 'C', _FUSE_COMMFD: String(HELPER_SOCKET) },
    });
    const written: Buffer[] = [];
    child.stderr?.on('data', (chunk: Buffer) => written.push(chunk));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve(null);
      else reject(new Error(`cannot run ${helper}: ${error.message}`));
    });
    child.on('close', (status) => resolve({ status, text: oneLine(Buffer.concat(written).toString(), helper) }));
  });
}

function oneLine(text: string, helper: string): string {
  return text
    .split('\n')
    .map((line) => (line.startsWith(`${helper}: `) ? line.slice(helper.length + 2) : line).trim())
    .filter((line) => line !== '')
    .join('; ');
}

function missing(purpose: string): string {
  return `fusermount3 is needed to ${purpose} and was not found: apt-get install fuse3, or do it as root`;
}

function describeFailure(mountpoint: string, text: string): string {
  if (text.includes('user_allow_other')) {
    return 'allow_other is refused to ordinary users: put the line user_allow_other into /etc/fuse.conf';
  }
  if (/\/dev\/fuse: permission denied/i.test(text)) {
    return '/dev/fuse may not be opened by ordinary users: `chmod 666 /dev/fuse` as root lets them';
  }
  if (/device not found|modprobe fuse/i.test(text)) {
    return 'no /dev/fuse: load the module with `modprobe fuse` as root';
  }
  return `cannot mount on ${mountpoint}: ${text === '' ? 'fusermount3 failed' : text}`;
}

/** The words for EBUSY. */
export function busy(mountpoint: string): string {
  return (
    `${mountpoint} is busy: a process has a file open or its working directory there ` +
    `(fuser -m ${mountpoint} names it; --lazy unmounts nevertheless)`
  );
}
