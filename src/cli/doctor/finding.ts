/** ok: as it should be; warn: mounts work, and something is missing or slower; fail: nothing can be mounted. */
export type Status = 'ok' | 'warn' | 'fail';

/** One thing that was looked at. */
export interface Finding {
  /** What: `/dev/fuse`. */
  name: string;
  status: Status;
  /** How it is. */
  found: string;
  /** What to change; where there is nothing to, undefined. */
  advice?: string;
}

export const ok = (name: string, found: string): Finding => ({ name, status: 'ok', found });
export const warn = (name: string, found: string, advice?: string): Finding => ({ name, status: 'warn', found, ...(advice === undefined ? {} : { advice }) });
export const fail = (name: string, found: string, advice?: string): Finding => ({ name, status: 'fail', found, ...(advice === undefined ? {} : { advice }) });
