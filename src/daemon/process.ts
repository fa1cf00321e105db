import { readFileSync } from 'node:fs';

/** A process for good: its number alone may be another's by now. */
export interface ProcessId {
  /** Its number. */
  pid: number;
  /** Clock ticks from boot to its start, proc_pid_stat(5) field 22. */
  startTime: number;
}

export function thisProcess(): ProcessId {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? 0 };
}

/** True while that very process runs; a zombie does not count. */
export function isAlive(id: ProcessId): boolean {
  return startTimeOf(id.pid) === id.startTime;
}

function startTimeOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return undefined;
  }
  // The second field is the command's name in parentheses, and may have spaces and parentheses itself.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : Number(fields[19]);
}
