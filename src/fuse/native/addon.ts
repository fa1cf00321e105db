/**
 * The addon of the fuse-native package (2.2.6, its last release, of 2020), and loading it.
 *
 * The package's own class is not used: it hides the size of the buffer that getxattr fills, allows no mount over a mount,
 * unmounts through a shell, and takes ten closures a request. The addon below it is all of its C.
 */
import { createRequire } from 'node:module';
import path from 'node:path';
import { loadLibrary } from '../../posix/library.js';

/** A request in work: the addon's own structure, to be handed back with the answer. See `ThreadField` in operations.ts. */
export type Thread = Buffer;

/** Answers a request: 0 or a count, or -errno, and what the operation gives besides. */
export type Signal = (thread: Thread, result: number, ...more: unknown[]) => void;

/** Hears a request, on the main thread. */
export type Handler = (thread: Thread, operation: number, ...args: never[]) => void;

/** The operations, named as in libfuse 2's struct fuse_operations. */
export const OPERATIONS = [
  'init', 'error', 'access', 'statfs', 'fgetattr', 'getattr', 'flush', 'fsync', 'fsyncdir', 'readdir', 'truncate',
  'ftruncate', 'utimens', 'readlink', 'chown', 'chmod', 'mknod', 'setxattr', 'getxattr', 'listxattr', 'removexattr',
  'open', 'opendir', 'read', 'write', 'release', 'releasedir', 'create', 'unlink', 'rename', 'link', 'symlink', 'mkdir',
  'rmdir',
] as const;

export type OperationName = (typeof OPERATIONS)[number];

type Signals = { readonly [Name in OperationName as `fuse_native_signal_${Name}`]?: Signal };
type Numbers = { readonly [Name in OperationName as `op_${Name}`]: number };

export type Addon = Signals & Numbers & {
  readonly sizeof_fuse_thread_t: number;
  /**
   * Mounts, and serves from threads of its own, which wait for the handlers on the main thread. Throws when it cannot;
   * libfuse has then said why on standard error.
   */
  fuse_native_mount(
    mountpoint: string,
    /** One argument, `-oallow_other,…`. */
    options: string,
    session: Buffer,
    context: object,
    allocate: (size: number) => Buffer,
    handlers: readonly Handler[],
    /** 1 at the number of each operation that there is. */
    implemented: Uint32Array,
  ): void;
};

const required = createRequire(import.meta.url);

/** Where the package lies; undefined: it is not installed. */
export function findPackage(): string | undefined {
  try {
    return path.dirname(required.resolve('fuse-native/package.json'));
  } catch {
    return undefined;
  }
}

/** What to do where it is missing or cannot be loaded. */
export const HOW_TO_INSTALL = 'npm install fuse-native, and docs/fuse-native.md for machines that it has no binary for';

/** @throws Error of one line */
export function loadAddon(directory: string): Addon {
  const library = loadLibfuse(directory);
  try {
    const load = createRequire(path.join(directory, 'package.json'))('node-gyp-build') as (directory: string) => Addon;
    return load(directory);
  } catch (error) {
    const reason = library ?? (error instanceof Error ? error.message : String(error));
    throw new Error(`the package fuse-native cannot be loaded (${reason.split('\n')[0]}): ${HOW_TO_INSTALL}`);
  }
}

/**
 * The addon asks for libfuse.so.2, which few machines still have; the one that comes with the package lies where the
 * dynamic linker does not look. Loaded before the addon it is found by its soname.
 */
function loadLibfuse(directory: string): string | undefined {
  const places = ['libfuse.so.2', path.join(directory, 'build/Release/libfuse.so'), path.join(directory, `prebuilds/linux-${process.arch}/libfuse.so`)];
  let reason: string | undefined;
  for (const place of places) {
    const failure = loadLibrary(place);
    if (failure === undefined) return undefined;
    reason ??= failure;
  }
  return reason;
}
