// V8, for a process that answers others: it shall come to its compiled code sooner, and spend less on it.

import { setFlagsFromString } from 'node:v8';

/**
 * For this whole process, from now on: to be called when the threads of a mount have started, which would take longer. By
 * default V8 takes a second of steady requests to compile what serves a mount, on threads that compete with the callers for
 * the processors, and inlines so much that most is compiled several times: a branch never taken before throws away all it was
 * inlined into. Figures in native-notes/performance.md.
 */
export function tuneCompiler(): void {
  // Node 22 and later count calls instead of bytecodes.
  const counts = Number.parseInt(process.versions.v8, 10) >= 12;
  setFlagsFromString(counts ? '--invocation-count-for-turbofan=1000' : '--interrupt-budget=20000');
  setFlagsFromString('--max-inlined-bytecode-size-cumulative=300');
  // Most operations have not been called yet.
  setFlagsFromString('--always-sparkplug');
}
