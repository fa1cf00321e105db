import { Command, InvalidArgumentError } from 'commander';

export interface Arguments {
  disk?: true;
  rounds: number;
  only?: string[];
  peers?: string[];
  user?: string | true;
  passthroughAll?: true;
  /** False with --no-warm-up. */
  warmUp: boolean;
  install?: true;
  chart?: string;
  json?: string;
  markdown?: string;
  from?: string;
}

/** Ends the process, with one line, where the command line makes no sense. */
export function parseArguments(): Arguments {
  return new Command('npm run bench --')
    .description('Measures tsaufs beside other unions, on equal branches. Times are medians; ×R after a time is tsaufs’s time divided by it.')
    .option('--disk', 'branches in /var/tmp instead of /dev/shm')
    .option('--rounds <n>', 'how often everything is measured', positive, 3)
    .option('--only <workloads>', 'some workloads, by name or the beginning of it', list)
    .option('--peers <peers>', 'compare with these only', list)
    .option('--user [name]', 'mount and measure as an ordinary user; nobody unless named')
    .option('--passthrough-all', 'measure tsaufs with passthrough=all, too')
    .option('--no-warm-up', 'measure the first moments of a mount, not one in use')
    .option('--install', 'install by apt what is missing')
    .option('--chart <file>', 'write a chart, SVG')
    .option('--json <file>', 'write every time that was measured')
    .option('--markdown <file>', 'write the table')
    .option('--from <file>', 'measure nothing, but show what --json wrote')
    .allowExcessArguments(false)
    .parse()
    .opts<Arguments>();
}

function list(text: string): string[] {
  return text.split(',');
}

function positive(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text)) throw new InvalidArgumentError('a number from 1 to 9999 is needed.');
  return Number(text);
}
