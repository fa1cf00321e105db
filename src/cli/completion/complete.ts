// `tsaufs complete SHELL AT WORD…`, which the completion scripts of shells call: what can stand at the cursor.

import { readFileSync } from 'node:fs';
import type { CompletionData } from './data.js';
import { offer } from './offer.js';
import { written } from './shell-words.js';

/**
 * Prints a line for each candidate, `WORD`, a tab and what it means, and a last one with what the shell has to know:
 * `:files`, `:directories` and `:open`. Tells nothing of errors: a shell would put it into the command line.
 * @param args the shell, the index of the word with the cursor, and the words after `tsaufs`
 */
export async function completeCommand([shell, at, ...words]: string[]): Promise<number> {
  const { unquoted, quoted } = written(shell);
  const plain = words.map(unquoted);
  const { candidates, open, also } = offer({ words: plain, at: Number(at), data: completionData() });
  const lines = candidates.map(({ word, text }) => `${quoted(word, words[Number(at)] ?? '')}\t${text === undefined ? '' : short(text)}\n`);
  process.stdout.write(`${lines.join('')}:${also ?? ''}:${open ? 'open' : ''}\n`);
  return Promise.resolve(0);
}

const LONGEST = 70;

/** The first sentence, or what there is room for, without markup. */
function short(text: string): string {
  const [first] = text.replaceAll('`', '').split(/\. |\.$/);
  return first.length <= LONGEST ? first : `${first.slice(0, LONGEST - 1)}…`;
}

function completionData(): CompletionData {
  return JSON.parse(readFileSync(new URL('../../completions/commands.json', import.meta.url), 'utf8')) as CompletionData;
}
