import { Command, Help, type Option } from 'commander';
import { findCommand, type Command as Description } from './commands.js';

/**
 * A command of tsaufs for commander, described as in commands.ts: its errors are one line in our manner, and are thrown
 * instead of ending the process, so that every exit status is decided in main.ts.
 */
export function parserFor(name: string): Command {
  return parserOf(`tsaufs ${name}`, findCommand(name));
}

/** The same for a program by its whole name, such as `mount.tsaufs`. */
export function parserOf(program: string, { summary, usage }: Pick<Description, 'summary' | 'usage'>): Command {
  return new Command(program)
    .description(summary)
    .usage(usage.join(`\n       ${program} `))
    .helpOption('-h, --help', 'show this help')
    .configureHelp({ optionDescription })
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`tsaufs: ${text.trim().replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}; see ${program} --help\n`),
    });
}

const help = new Help();

/** Of an option that may be given several times there is no default to be told. */
function optionDescription(option: Option): string {
  return Array.isArray(option.defaultValue) ? option.description : help.optionDescription(option);
}

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
