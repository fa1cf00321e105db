/** Rows in columns as wide as their widest text, two spaces between them; the last one is not filled up. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [index, text] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, text.length);
  return rows.map((row) => `${row.map((text, index) => index === row.length - 1 ? text : text.padEnd(widths[index])).join('  ').trimEnd()}\n`).join('');
}

/** `1.15 MB`, as Docker shows sizes: powers of a thousand, four digits at most. */
export function bytesText(bytes: number | undefined): string {
  if (bytes === undefined) return '?';
  let value = bytes;
  for (const unit of ['B', 'kB', 'MB', 'GB']) {
    if (value < 1000) return `${Number(value.toPrecision(3))} ${unit}`;
    value /= 1000;
  }
  return `${Number(value.toPrecision(4))} TB`;
}

/** `2026-11-21 11:05`, in UTC; `-` where it is not known. */
export function timeText(iso: string | undefined): string {
  return iso !== undefined && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(iso) ? iso.slice(0, 16).replace('T', ' ') : '-';
}

/** A name of several words cut to what a line holds. */
export function cut(text: string, length: number): string {
  const line = text.replace(/\s+/g, ' ').trim();
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
