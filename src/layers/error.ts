/** A layer that cannot be applied or packed: the message is one line that says what is wrong. */
export class LayerError extends Error {
  override readonly name = 'LayerError';
}

/** A name from an archive or a branch, for a message: one line whatever bytes it has. */
export function shownName(name: string): string {
  const text = Buffer.from(name, 'latin1').toString('utf8');
  return text.replace(/[\0-\x1f\x7f\u2028\u2029]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
