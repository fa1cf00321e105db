/**
 * A mount or an unmount that cannot be done: the message is one line that says why and what to do.
 * @hideconstructor
 */
export class MountError extends Error {
  /** `'MountError'` */
  override readonly name: string = 'MountError';
}

/** The one line to show for whatever was thrown. */
export function errorLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.replace(/\s*\n\s*/g, '; ') || 'unknown error';
}
