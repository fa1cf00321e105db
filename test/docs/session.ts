// A session as it is printed: commands after a prompt, each with its output below.
export interface Step {
  /** Of the command, from 1, in its document. */
  line: number;
  /** `# ` is root's prompt, `$ ` an ordinary user's. */
  as: 'root' | 'user';
  command: string;
  /** Without a newline at the end. */
  output: string;
  /** ^C was printed below the output: it runs until it is interrupted. */
  interrupted: boolean;
}

/**
 * A command goes on in the next line after a backslash, and wherever the next line begins with `> `, bash's other prompt.
 * @param first the line of the block's first line
 * @throws Error where the block does not begin with a prompt
 */
export function parseSession(text: string, first: number): Step[] {
  const steps: Step[] = [];
  const lines = text.split('\n');
  for (let at = 0; at < lines.length; at++) {
    const prompt = /^([#$])(?: (.*)|)$/.exec(lines[at]) as [string, string, string | undefined] | null;
    if (!prompt) throw new Error(`line ${first + at}: a session begins with "# " or "$ "`);
    const line = first + at;
    let command = prompt[2] ?? '';
    while (at + 1 < lines.length && (/(^|[^\\])(\\\\)*\\$/.test(command) || lines[at + 1].startsWith('> '))) {
      command += `\n${lines[++at].replace(/^> /, '')}`;
    }
    const output: string[] = [];
    while (at + 1 < lines.length && !/^[#$]( |$)/.test(lines[at + 1])) output.push(lines[++at]);
    const interrupted = output.at(-1) === '^C';
    if (interrupted) output.pop();
    // A prompt alone shows that the command before it printed nothing.
    if (command !== '') steps.push({ line, as: prompt[1] === '#' ? 'root' : 'user', command, output: output.join('\n'), interrupted });
  }
  return steps;
}

/** Whether the printed output is a message of the shell's or of a program in the command, so that it may fail: `rm: cannot remove …`. */
export function isError(output: string, command: string): boolean {
  return output.split('\n').some((line) => {
    const program = /^([\w.+-]+): \S/.exec(line)?.[1];
    return program === 'bash' || program === 'OSError' || (program !== undefined && command.includes(program));
  });
}
