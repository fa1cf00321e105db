// A writer of manual pages in the language of man(7).

/** Blocks of a page, from the top down. */
export type Block =
  | { kind: 'section' | 'subsection'; title: string }
  /** `code` between backticks is bold, words in capitals within it italic. */
  | { kind: 'paragraph'; text: string }
  /** Forms of a command: what is literal is bold, words in capitals are italic. */
  | { kind: 'synopsis'; lines: readonly string[] }
  /** Terms with their text beside or below them, as in a synopsis: in one line, or each in its own. */
  | { kind: 'item'; forms: readonly string[]; stacked?: true; text: string; inner?: readonly Block[] }
  /** Lines as they are. */
  | { kind: 'example'; lines: readonly string[] }
  /** What is said of the lines above. */
  | { kind: 'remark'; text: string };

export interface Page {
  name: string;
  section: number;
  blocks: readonly Block[];
}

export interface Edition {
  /** `2026-11-21` */
  date: string;
  /** `tsaufs 0.1.0` */
  source: string;
}

export function roff({ name, section, blocks }: Page, { date, source }: Edition): string {
  return `.TH ${name} ${section} ${date} "${source}"\n${all(blocks)}`;
}

/** The first paragraph below a heading has its distance already. */
function all(blocks: readonly Block[]): string {
  return blocks.map(block).join('').replace(/(^\.S[HS] .*\n)\.PP\n/gm, '$1').replace(/^\.PP\n/, '');
}

function block(it: Block): string {
  switch (it.kind) {
    case 'section': return `.SH ${plain(it.title.toUpperCase())}\n`;
    case 'subsection': return `.SS ${plain(it.title)}\n`;
    case 'paragraph': return `.PP\n${guarded(marked(it.text))}\n`;
    case 'synopsis': return it.lines.map((line, index) => `${index === 0 ? '.PP\n' : '.br\n'}${guarded(form(line))}\n`).join('');
    case 'item': {
      const inner = it.inner === undefined || it.inner.length === 0 ? '' : `.RS\n${all(it.inner)}.RE\n`;
      const terms = it.forms.map(form);
      return `.TP\n${guarded(it.stacked ? terms.join('\n.TQ\n') : terms.join(', '))}\n${guarded(marked(it.text))}\n${inner}`;
    }
    case 'remark': return `.RS 8\n${guarded(marked(it.text))}\n.RE\n`;
    case 'example': return `.PP\n.RS 4\n.EX\n${it.lines.map((line) => guarded(literal(line))).join('\n')}\n.EE\n.RE\n`;
  }
}

/** A line that begins with a dot or a quote would be a request. */
function guarded(line: string): string {
  return /^[.']/.test(line) ? `\\&${line}` : line;
}

function marked(text: string): string {
  return text.split('`').map((part, index) => index % 2 === 0 ? plain(part) : form(part)).join('');
}

/** A word in capitals that stands for something, not the letter of an option. */
const metavariable = /(?<![-\w/.])[A-Z][A-Z_]*(?:-[A-Z_]+)*(?!\w)/g;

/** What stands for itself: no brackets, ellipses and bars. */
function form(text: string): string {
  let out = '';
  let at = 0;
  for (const match of text.matchAll(metavariable)) {
    out += words(text.slice(at, match.index)) + `\\fI${literal(match[0])}\\fR`;
    at = match.index + match[0].length;
  }
  return out + words(text.slice(at));
}

function words(text: string): string {
  return text.split(/([[\]…|\s]+)/).map((part, index) => part === '' ? '' : index % 2 === 0 ? `\\fB${literal(part)}\\fR` : plain(part)).join('');
}

/** Hyphens, quotes and their like as they are typed, not as they are set. */
function literal(text: string): string {
  return plain(text).replaceAll('-', '\\-').replaceAll('\'', '\\(aq').replaceAll('`', '\\(ga').replaceAll('^', '\\(ha').replaceAll('~', '\\(ti');
}

function plain(text: string): string {
  return text.replaceAll('\\', '\\e').replace(/[^\0-\x7f]/gu, (char) => `\\[u${char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}]`);
}
