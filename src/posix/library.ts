/**
 * Shared libraries that are loaded for somebody else: what an addon of Node.js needs, and dlopen(3) would not find.
 */
import koffi from './koffi.js';

/** Kept, so that nothing is unloaded. */
const loaded: unknown[] = [];

/**
 * Loads a library by its name (as the dynamic linker finds it) or path; whatever needs a library of the same soname finds
 * it there. Returns why it cannot be loaded, or undefined.
 */
export function loadLibrary(nameOrPath: string): string | undefined {
  try {
    loaded.push(koffi.load(nameOrPath));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
