// The text below a command's options in its help: paragraphs, lists, and examples at its end.
import type { Command } from 'commander';
import type { Block } from './roff.js';

export interface HelpText {
  notes: Block[];
  /** The paragraph that begins with "Exit status:". */
  exitStatus: string | undefined;
  examples: Block[];
}

export function helpTextOf(parser: Command): HelpText {
  const told: HelpText = { notes: [], exitStatus: undefined, examples: [] };
  for (const lines of paragraphs(textAfter(parser))) {
    if (lines[0] === 'Examples:') told.examples.push(...examples(lines.slice(1)));
    else if (lines[0].startsWith('Exit status:')) told.exitStatus = joined(lines).replace(/^Exit status: /, '');
    else told.notes.push(...note(lines));
  }
  return told;
}

/** What addHelpText() has put after the rest. */
function textAfter(parser: Command): string {
  let all = '';
  parser.configureOutput({ writeOut: (text) => (all += text) });
  parser.outputHelp();
  return all.slice(parser.helpInformation().length);
}

function paragraphs(text: string): [string, ...string[]][] {
  return text.split(/\n{2,}/).map((part) => part.split('\n').filter((line) => line !== ''))
    .filter((lines): lines is [string, ...string[]] => lines.length > 0);
}

/** A paragraph, or a list of `  term   what it means`, with a line before it or without. */
function note(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let text: string[] = [];
  const flush = (): void => {
    if (text.length > 0) blocks.push({ kind: 'paragraph', text: joined(text) });
    text = [];
  };
  for (const line of lines) {
    const item = /^ {2}(\S.*?) {2,}(\S.*)$/.exec(line);
    if (item !== null) {
      flush();
      blocks.push({ kind: 'item', forms: [item[1]], text: item[2] });
    } else text.push(line);
  }
  flush();
  return blocks;
}

/** Commands are indented by two spaces; what is said of the one above, by more. */
function examples(lines: readonly string[]): Block[] {
  const blocks: Block[] = [];
  let commands: string[] = [];
  let said: string[] = [];
  const flush = (): void => {
    if (commands.length > 0) blocks.push({ kind: 'example', lines: commands });
    if (said.length > 0) blocks.push({ kind: 'remark', text: joined(said) });
    commands = [];
    said = [];
  };
  for (const line of lines) {
    if (/^ {2}\S/.test(line)) {
      if (said.length > 0) flush();
      commands.push(line.slice(2));
    } else said.push(line.trim());
  }
  flush();
  return blocks;
}

function joined(lines: readonly string[]): string {
  return lines.map((line) => line.trim()).join(' ').replaceAll('`', '\'');
}
