import { Command } from 'commander';

/**
 * A command of tsaufs for commander: its errors are one line in our manner, and are thrown instead of ending the
 * process, so that every exit status is decided in main.ts.
 */
export function parserFor(name: string, description: string): Command {
  const command = new Command(`tsaufs ${name}`);
  return command
    .description(description)
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
