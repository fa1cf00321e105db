/** What the thread that serves a mount holds in memory. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface MemoryUse {
  /** Bytes of this thread's JavaScript heap, with what is garbage by now but not collected. */
  readonly heap: number;
  /** Bytes beside the heap that belong to it: the request and reply blocks, listings handed to the kernel. */
  readonly buffers: number;
}

/** With `collect` the garbage is collected before, which takes about half a second for a million inodes. */
export function memoryUse(collect: boolean): MemoryUse {
  if (collect) collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return { heap: heapUsed, buffers: external };
}

function collectGarbage(): void {
  // The function exists only in contexts made after the flag is set; nothing else sees it.
  setFlagsFromString('--expose-gc');
  try {
    (runInNewContext('gc') as () => void)();
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}
