// A document of the project: its fenced blocks with what is said about them in comments, its headings and its links.
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import GithubSlugger from 'github-slugger';
import { Lexer, walkTokens, type Token, type Tokens } from 'marked';
import { project } from '../helpers/process.js';

/** `<!-- test: WORD … -->` before a block; docs/contributing.md lists the words. */
export interface Instruction {
  word: string;
  rest: string;
  line: number;
}

export interface Block {
  /** Of the opening fence, from 1. */
  line: number;
  language: string;
  text: string;
  instructions: Instruction[];
}

export interface Link {
  line: number;
  target: string;
}

export interface Document {
  /** From the project's root directory. */
  name: string;
  blocks: Block[];
  links: Link[];
  /** What `#…` may name in it. */
  anchors: Set<string>;
}

/** README.md and what lies in docs/ and native-notes/: [name, text]. */
export function documentNames(): string[] {
  const folders = ['docs', 'native-notes'].flatMap((folder) => readdirSync(path.join(project, folder)).map((name) => `${folder}/${name}`));
  return ['README.md', ...folders.filter((name) => name.endsWith('.md')).sort()];
}

export function readDocument(name: string): Document {
  return parseDocument(name, readFileSync(path.join(project, name), 'utf8'));
}

/** @throws Error for what the tests would pass over: an instruction that no block follows, a block inside of a list */
export function parseDocument(name: string, text: string): Document {
  const slugs = new GithubSlugger();
  const document: Document = { name, blocks: [], links: [], anchors: new Set() };
  let line = 1;
  let instructions: Instruction[] = [];
  for (const token of new Lexer().lex(text)) {
    if (token.type === 'html') {
      instructions.push(...instructionsIn(token.raw, line));
    } else if (token.type === 'code') {
      const { lang, text: code, raw } = token as Tokens.Code;
      document.blocks.push({ line: line + /^\n*/.exec(raw)![0].length, language: lang ?? '', text: code, instructions });
      instructions = [];
    } else if (token.type !== 'space') {
      if (instructions.length > 0) throw new Error(`${name}:${instructions[0].line}: an instruction that no block follows`);
      if (token.type === 'heading') document.anchors.add(slugs.slug(plainText((token as Tokens.Heading).tokens)));
      lookInto(token, document, line);
    }
    if (token.type !== 'code') for (const [, id] of token.raw.matchAll(/ id="([^"]+)"/g)) document.anchors.add(id);
    line += token.raw.split('\n').length - 1;
  }
  if (instructions.length > 0) throw new Error(`${name}:${instructions[0].line}: an instruction that no block follows`);
  return document;
}

function instructionsIn(comment: string, start: number): Instruction[] {
  return [...comment.matchAll(/<!--\s*test:\s*(\S+)(.*?)-->/gs)].map((match) => ({
    word: match[1],
    rest: match[2].trim(),
    line: start + comment.slice(0, match.index).split('\n').length - 1,
  }));
}

/** Links of a paragraph, list or table. Their line is that where it begins. */
function lookInto(token: Token, document: Document, line: number): void {
  void walkTokens([token], (each) => {
    if (each.type === 'link' || each.type === 'image') document.links.push({ line, target: (each as Tokens.Link).href });
    if (each.type === 'code') throw new Error(`${document.name}:${line}: a block inside of a list or quotation, where no test finds it`);
  });
}

function plainText(tokens: readonly Token[]): string {
  return (tokens as Tokens.Generic[]).map((token) => token.tokens ? plainText(token.tokens) : String(token['text'] ?? '')).join('');
}
