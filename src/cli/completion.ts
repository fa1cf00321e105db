import { readFileSync } from 'node:fs';
import { parserFor } from './parser.js';
import { UsageError } from './status.js';

const notes = `
Examples:
  source <(tsaufs completion bash)
      in ~/.bashrc
  tsaufs completion zsh > ~/.zfunc/_tsaufs
      where ~/.zfunc is in $fpath; then start a new shell
  tsaufs completion fish > ~/.config/fish/completions/tsaufs.fish
`;

const files: Record<string, string> = { bash: 'tsaufs.bash', zsh: '_tsaufs', fish: 'tsaufs.fish' };

export function completionParser() {
  return parserFor('completion')
    .argument('<shell>', 'one of bash, zsh and fish')
    .allowExcessArguments(false)
    .addHelpText('after', notes);
}

/** `tsaufs completion`. */
export function completionCommand(args: string[]): Promise<number> {
  const [shell] = completionParser().parse(args, { from: 'user' }).args;
  if (!Object.hasOwn(files, shell)) throw new UsageError(`there is no completion for "${shell}"; there is for bash, zsh and fish`);
  process.stdout.write(readFileSync(new URL(`../completions/${files[shell]}`, import.meta.url), 'utf8'));
  return Promise.resolve(0);
}
