import type { Progress } from './rounds.js';

export interface ProgressLine {
  say(text: string): void;
  readonly measuring: Progress;
  clear(): void;
}

/** One line on a terminal; nothing elsewhere. */
export function progressLine(total: number): ProgressLine {
  const { stderr } = process;
  let done = 0;
  const say = (text: string): void => {
    if (stderr.isTTY) stderr.write(`\r\u001b[K${text}`.slice(0, stderr.columns));
  };
  return {
    say,
    measuring: (round, workload, contender) =>
      say(`${Math.round(done++ / total * 100)} %  round ${round}  ${workload.id}  ${contender.id}`),
    clear: () => say(''),
  };
}
