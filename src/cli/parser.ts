import { Command } from 'commander';
import { findCommand } from './commands.js';

/**
 * A command of tsaufs for commander, described as in commands.ts: its errors are one line in our manner, and are thrown
 * instead of ending the process, so that every exit status is decided in main.ts.
 */
export function parserFor(name: string): Command {
  const { summary, usage } = findCommand(name);
  return new Command(`tsaufs ${name}`)
    .description(summary)
    .usage(usage.join(`\n       tsaufs ${name} `))
    .helpOption('-h, --help', 'show this help')
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`tsaufs: ${text.trim().replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}; see tsaufs ${name} --help\n`),
    });
}

/** Gathers the values of an option that may be given several times. */
export function collect(value: string, before: string[]): string[] {
  return [...before, value];
}
