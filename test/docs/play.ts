// Runs the sessions of a document in their order, and tells of each block what came of it.
import { noEngine } from '../containers/engine.js';
import type { Block, Document, Instruction } from './document.js';
import { missing } from '../helpers/process.js';
import { compare, namesOf, type Comparison } from './compare.js';
import { Machine, type Outcome, type Running, type Shell } from './machine.js';
import { isError, parseSession, type Step } from './session.js';

/** The languages of blocks. Sessions are run; `text` is the form of a command or what a program printed; the others are data. */
const session = 'console';
const others = ['text', 'ts', 'js', 'json', 'ini', 'toml', 'yaml', 'fstab', 'dockerfile'];

export type Plan =
  | { kind: 'run' | 'file'; block: Block }
  | { kind: 'skip'; block: Block; reason: string }
  | { kind: 'elsewhere'; block: Block; tests: string[] };

/** Blocks that are run one after the other on one machine. */
export type Episode = Plan[];

/** @throws Error for a block in no known language, and for an instruction that is none */
export function planOf(document: Document): Episode[] {
  const episodes: Episode[] = [[]];
  for (const block of document.blocks) {
    const where = `${document.name}:${block.line}`;
    const said = new Map(block.instructions.map((instruction) => [instruction.word, instruction]));
    for (const { word, line } of block.instructions) {
      if (!words.includes(word)) throw new Error(`${document.name}:${line}: unknown instruction "${word}"; there are ${words.join(', ')}`);
    }
    if (said.has('new')) episodes.push([]);
    const plan = planBlock(block, said, where);
    if (plan) episodes.at(-1)!.push(plan);
  }
  return episodes.filter((episode) => episode.length > 0);
}

const words = ['skip', 'needs', 'setup', 'file', 'meanwhile', 'new', 'same', 'varies', 'fails'];

function planBlock(block: Block, said: Map<string, Instruction>, where: string): Plan | undefined {
  if (said.has('file')) return { kind: 'file', block };
  if (block.language !== session) {
    if (!others.includes(block.language)) throw new Error(`${where}: a block of ${block.language || 'no language'}; commands are "${session}", the rest ${others.join(', ')}`);
    if (block.language === 'text' && /^[#$] /m.test(block.text)) throw new Error(`${where}: commands with a prompt are "${session}"`);
    return undefined;
  }
  parseSession(block.text, block.line + 1);
  const same = said.get('same');
  if (same && /\.md\b/.test(same.rest)) throw new Error(`${where}: "same as" names a test or a script, which runs the commands`);
  if (same) return { kind: 'elsewhere', block, tests: same.rest.replace(/^as /, '').split(/\s+/) };
  const skip = said.get('skip');
  if (skip) {
    if (!/^because \S/.test(skip.rest)) throw new Error(`${where}: it is not said why it is skipped`);
    return { kind: 'skip', block, reason: skip.rest.replace(/^because /, '') };
  }
  const needs = said.get('needs');
  const absent = needs && lacking(needs.rest.split(/\s+/));
  return absent === undefined ? { kind: 'run', block } : { kind: 'skip', block, reason: absent };
}

/** `engine` is Docker Engine with all that it wants; other words are commands. */
function lacking(needed: readonly string[]): string | undefined {
  return missing(...needed.filter((name) => name !== 'engine')) ?? (needed.includes('engine') ? noEngine() : undefined);
}

/** What went wrong in a block: nothing if it is as printed. */
export interface Difference extends Comparison {
  line: number;
  command: string;
  because: string;
  /** Its output as it was. */
  raw: string;
}

/** Plays an episode on a machine of its own: what went wrong in each block. The blocks after one that could not be played are not. */
export async function play(episode: Episode): Promise<Map<Block, Difference[] | Error>> {
  const playable = episode.filter((plan) => plan.kind === 'run' || plan.kind === 'file').map(({ block }) => block);
  const results = new Map<Block, Difference[] | Error>();
  if (playable.length === 0) return results;
  const machine = await Machine.start();
  try {
    const player = new Player(machine);
    for (const [index, block] of playable.entries()) results.set(block, await player.play(block, playable[index + 1]));
  } catch (error) {
    for (const block of playable) if (!results.has(block)) results.set(block, error as Error);
  } finally {
    await machine.stop();
  }
  return results;
}

class Player {
  private running: { step: Step; command: Running; more: RegExp[] } | undefined;

  private readonly names = new Map<string, string>();

  constructor(private readonly machine: Machine) {}

  /** @param next a command that ends with ^C goes on while the next block is played, if that happens "meanwhile" */
  async play(block: Block, next: Block | undefined): Promise<Difference[]> {
    const more = said(block, 'varies').map(({ rest }) => new RegExp(/^\/(.*)\/$/s.exec(rest)![1], 'gm'));
    for (const { rest, line } of said(block, 'setup')) {
      for (const step of parseSession(rest, line)) await this.mustSucceed(step);
    }
    const file = said(block, 'file')[0] as Instruction | undefined;
    if (file) {
      await this.mustSucceed({ line: block.line, as: 'root', command: `cat > ${file.rest} <<'END OF FILE'\n${block.text}\nEND OF FILE`, output: '', interrupted: false });
      return [];
    }
    const mayFail = said(block, 'fails').length > 0;
    const differences: Difference[] = [];
    for (const step of parseSession(block.text, block.line + 1)) {
      if (step.interrupted) {
        const command = await this.machine.shell(step.as).start(step.command);
        this.running = { step, command, more };
        // The first line tells that it is ready, where it prints one by itself.
        const first = step.output.split('\n')[0];
        const meanwhile = said(block, 'meanwhile').flatMap(({ rest, line }) => rest === '' ? [] : parseSession(rest, line));
        const goesOn = next !== undefined && said(next, 'meanwhile').some(({ rest }) => rest === '');
        await command.until((printed) => compare(printed, `${first}\n…`, more).matches);
        for (const other of meanwhile) await this.mustSucceed(other);
        if (!goesOn) differences.push(...await this.interrupt());
        continue;
      }
      const { status, output } = await this.run(step, more);
      const comparison = compare(output, step.output, more);
      const failed = status !== 0 && !mayFail && !isError(step.output, step.command);
      if (!comparison.matches || failed) differences.push({ ...step, ...comparison, raw: output, because: failed ? `it ended with status ${status}` : 'it printed something else' });
    }
    if (said(block, 'meanwhile').some(({ rest }) => rest === '')) differences.push(...await this.interrupt());
    return differences;
  }

  /** What a command prints that it leaves in the background is waited for. */
  private async run({ as, command, output: expected }: Step, more: readonly RegExp[]): Promise<Outcome> {
    const shell = this.machine.shell(as);
    const { status, output: first } = await shell.run(this.meant(command));
    let output = first;
    if (/&\s*$/.test(command)) {
      for (let tries = 0; tries < 200 && !compare(output, expected, more).matches; tries++) {
        output += (await shell.run('sleep 0.05')).output;
      }
    }
    for (const [theirs, ours] of namesOf(output, expected)) this.names.set(theirs, ours);
    return { status, output };
  }

  /** Ids that the document has shown stand for those that were printed in their place. */
  private meant(command: string): string {
    return [...this.names].reduce((text, [theirs, ours]) => text.replaceAll(theirs, ours), command);
  }

  private async interrupt(): Promise<Difference[]> {
    if (!this.running) throw new Error('nothing is running that would be interrupted: no "^C" in the block before');
    const { step, command, more } = this.running;
    this.running = undefined;
    await command.until((printed) => compare(printed, step.output, more).matches);
    const raw = await command.interrupt();
    const comparison = compare(raw, step.output, more);
    return comparison.matches ? [] : [{ ...step, ...comparison, raw, because: 'it printed something else' }];
  }

  private async mustSucceed({ as, command, line }: Step): Promise<void> {
    const shell: Shell = this.machine.shell(as);
    const { status, output } = await shell.run(command);
    if (status !== 0) throw new Error(`line ${line}: the set-up ended with status ${status}: ${command}\n${output}`);
  }
}

function said(block: Block, word: string): Instruction[] {
  return block.instructions.filter((instruction) => instruction.word === word);
}
