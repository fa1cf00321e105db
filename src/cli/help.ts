import { readFileSync } from 'node:fs';
import { commands, findEntry, isGroup, sections, type Command, type CommandGroup } from './commands.js';
import { parserFor } from './parser.js';
import { UsageError } from './status.js';

/** What is said once, after the commands; also in the manual page. */
export const mountForms = [
  'tsaufs -o OPTIONS [SOURCE] MOUNTPOINT',
  'tsaufs SOURCE MOUNTPOINT -o OPTIONS',
];

const examples = `Examples:
  tsaufs mount -o br=./image1:./image2 ./container
      image1 is written to, image2 only read; container shows both
  tsaufs remount -o append=./image3 ./container
  tsaufs list
  tsaufs umount ./container
`;

export function helpParser() {
  return parserFor('help')
    .argument('[command...]', 'the command, with the word before it, such as layer apply');
}

/** `tsaufs help [COMMAND]`. */
export async function helpCommand(args: string[]): Promise<number> {
  const [name, action] = helpParser().parse(args, { from: 'user' }).args as (string | undefined)[];
  if (name === undefined) return print(overview());
  const entry = findEntry(commands, name);
  if (entry === undefined) throw new UsageError(`there is no command "${name}"; see tsaufs --help`);
  if (!isGroup(entry)) return printHelp(entry);
  if (action === undefined) return print(groupHelp(entry));
  const command = findEntry(entry.commands, action);
  if (command === undefined) throw noSuchAction(entry, action);
  return printHelp(command);
}

/** `tsaufs image …`: the help of the whole, or one of its commands. */
export async function runGroup(group: CommandGroup, [action, ...args]: string[]): Promise<number> {
  if ((action as string | undefined) === undefined || action === '--help' || action === '-h') return print(groupHelp(group));
  const command = findEntry(group.commands, action);
  if (command === undefined) throw noSuchAction(group, action);
  return (await command.load()).run(args);
}

function noSuchAction({ name, commands: all }: CommandGroup, action: string): UsageError {
  return new UsageError(`there is no command "${name} ${action}"; there are ${all.map((each) => each.name).join(', ')}; see tsaufs ${name} --help`);
}

async function printHelp(command: Command): Promise<number> {
  (await command.load()).parser().outputHelp();
  return 0;
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function overview(): string {
  return `tsaufs: AUFS for today's Linux, in user space\n\n${sections.map(({ title, commands: all }) =>
    `${title}:\n${all.flatMap(usageLines).map((line) => `  ${line}\n`).join('')}\n`).join('')}` +
    `In the manner of mount(8), which needs no command:\n${mountForms.map((line) => `  ${line}\n`).join('')}\n${examples}`;
}

function usageLines(entry: Command | CommandGroup): string[] {
  if (isGroup(entry)) return [`tsaufs ${entry.name} ${entry.commands.map(({ name }) => name).join('|')} …`];
  if (entry.name === 'help') return ['tsaufs help [COMMAND], tsaufs COMMAND --help', 'tsaufs --version'];
  return entry.usage.map((line) => `tsaufs ${entry.name} ${line}`);
}

function groupHelp({ name, summary, commands: all, notes }: CommandGroup): string {
  const lines = all.flatMap((command) => command.usage.map((line) => `  tsaufs ${name} ${command.name} ${line}\n`));
  return `tsaufs ${name}: ${summary}\n\nUsage:\n${lines.join('')}  tsaufs ${name} COMMAND --help\n${notes === undefined ? '' : `\n${notes}\n`}`;
}

export function printVersion(): number {
  return print(`tsaufs ${version()}\n`);
}

export function version(): string {
  const file = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}
