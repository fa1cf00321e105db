// Whether a command printed what the document says. What differs from one run to the next counts as equal.

/** In this order; the first three are ids. */
const varying: readonly [what: string, pattern: RegExp][] = [
  ['the id of a mount', /\bsi_[0-9a-f]{16}\b/g],
  ['a digest', /\b(sha256:)?([0-9a-f]{64}\b|[0-9a-f]{8,63}…)/g],
  ['the id of an image or container', /\b(?=[0-9a-f]*\d)[0-9a-f]{11,12}\b/g],
  ['a time', /\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?/g],
  ['a time', /\b[A-Z][a-z]{2} [ 1-3]\d (\d\d:\d\d| \d{4})(?!\d)/g],
  ['a time', /\b\d\d:\d\d:\d\d(\.\d+)?\b/g],
  ['how long', /\b\d+(\.\d+)? (ns|µs|ms|s|min)(?![\w/])/g],
  ['how long', /\b\d+m\d+\.\d{3}s\b/g],
  ['how large', /\b\d+(\.\d+)? [kKMGT]i?B\b/g],
  ['the size of a directory', /(?<=^d[rwxsStT-]{9}[.+]? +\d+ \S+ +\S+ +)\d+/gm],
  ['how many blocks', /(?<=^total )\d+$/gm],
  ['a process', /(?<=\b(pid|process) |"pid":\s?)\d+/g],
  ['a process', /(?<=[\w?]\[)\d+(?=\])/g],
  ['an inode', /(?<=\binode )\d+/g],
  ['a port', /(?<=\b127\.0\.0\.1:)\d+/g],
];

/** What bash says of its own in a terminal, or only outside of one. */
const jobs = /^\[\d+\]([+-]? +(Done|Running|Terminated|Killed|Exit \d+)\b.*| \d+)$|^(bash: )?(line \d+: +)\d+ (Terminated|Killed|Hangup|Interrupt)\b.*$/;

/** Where a line says so, anything may stand there, or nothing. */
const anything = ['…', '...'];

export interface Comparison {
  matches: boolean;
  /** Both as they were compared, for a message that shows the difference. */
  actual: string;
  expected: string;
}

/** @param more what varies in this output besides */
export function compare(actual: string, expected: string, more: readonly RegExp[] = []): Comparison {
  const is = plain(actual, more);
  const wanted = plain(expected, more);
  return { matches: new RegExp(`^${pattern(wanted)}$`, 's').test(`${is}\n`), actual: is, expected: wanted };
}

/** The ids in the document's output and those that were printed in their place. */
export function namesOf(actual: string, expected: string): [theirs: string, ours: string][] {
  const ids = (text: string): string[] => varying.slice(0, 3).flatMap(([, each]) => text.match(each) ?? []);
  const [ours, theirs] = [ids(actual), ids(expected)];
  return ours.length === theirs.length ? theirs.map((id, index) => [id, ours[index]]) : [];
}

function plain(output: string, more: readonly RegExp[]): string {
  const own = output.split('\n').filter((line) => !jobs.test(line)).map((line) => line.trimEnd()
    // Without a terminal bash names the line.
    .replace(/^(?:\S*\/)?bash: (?:eval: )?line \d+: (?:line \d+: )?/, 'bash: '));
  let text = own.join('\n').trimEnd();
  for (const each of more) text = text.replace(each, '<this>');
  for (const [what, each] of varying) text = text.replace(each, `<${what}>`);
  // Columns are as wide as what is in them.
  return text.replace(/ {2,}/g, '  ');
}

function pattern(expected: string): string {
  return expected.split('\n').map((line) => anything.includes(line.trim())
    ? '(?:[^\\n]*\\n)*'
    : `${line.split('…').map(escape).join('[^\\n]*')}\\n`).join('');
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}
