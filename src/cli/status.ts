/** A command line that makes no sense. Exit status 2; what cannot be done is 1. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/**
 * Prints the one line of whatever was thrown, and returns the exit status. Errors that are ours are told by
 * name: their modules are not loaded for a command that does not need them.
 */
export function exitStatus(error: unknown): number {
  const name = error instanceof Error ? error.name : '';
  // commander has printed its own line, or the help that was asked for.
  if (error instanceof Error && 'exitCode' in error && name === 'CommanderError') return error.exitCode === 0 ? 0 : 2;
  const text = error instanceof Error ? error.message : String(error);
  const line = text.trim().replace(/\s*\n\s*/g, '; ') + hintFor(error);
  const unexpected = ['TypeError', 'RangeError', 'ReferenceError', 'SyntaxError'].includes(name);
  process.stderr.write(`tsaufs: ${unexpected ? `internal error, please report it: ${line}` : line}\n`);
  if (process.env['TSAUFS_DEBUG'] !== undefined && error instanceof Error) process.stderr.write(`${error.stack}\n`);
  return name === 'UsageError' || name === 'OptionError' ? 2 : 1;
}

/** The same for a helper of mount(8) or umount(8), whose exit status becomes theirs: 1 is a wrong command line, 32 a failure. */
export function helperStatus(error: unknown): number {
  const status = exitStatus(error);
  return status === 0 ? 0 : status === 2 ? 1 : 32;
}

/** What to do about an error of the system that nobody has put into words of ours. */
const hints: Record<string, string> = {
  EACCES: 'do it as its owner, or as root',
  EPERM: 'do it as its owner, or as root',
  EEXIST: 'name another, or remove it',
  EISDIR: 'name a file',
  EMFILE: 'allow more open files: ulimit -n',
  ENOENT: 'check how it is written',
  ENOSPC: 'make room there',
  ENOTCONN: 'its process has died; see tsaufs list',
  ENOTDIR: 'check how it is written',
  EROFS: 'name a place that can be written to',
};

function hintFor(error: unknown): string {
  const { code, syscall } = error as Partial<NodeJS.ErrnoException>;
  return syscall === undefined || code === undefined || !Object.hasOwn(hints, code) ? '' : `; ${hints[code]}`;
}
