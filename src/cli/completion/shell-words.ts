// How words are written on the command line of a shell.

export interface Writing {
  unquoted: (word: string) => string;
  /** `typed`: what stands there now; a quote that it begins with stays. */
  quoted: (word: string, typed: string) => string;
}

const asItIs: Writing = { unquoted: (word) => word, quoted: (word) => word };

/** bash gives and takes words as they are written; the scripts for zsh and fish have the shell do it. */
export function written(shell: string): Writing {
  return shell === 'bash' ? bash : asItIs;
}

const bash: Writing = {
  unquoted: (word) => {
    if (word.startsWith('\'')) return word.slice(1).replace(/'$/, '');
    if (word.startsWith('"')) return word.slice(1).replace(/"$/, '').replace(/\\(["\\$`])/g, '$1');
    return word.replace(/\\([^])/g, '$1');
  },
  quoted: (word, typed) => {
    if (typed.startsWith('\'')) return `'${word}`;
    if (typed.startsWith('"')) return `"${word.replace(/["\\$`]/g, '\\$&')}`;
    return word.replace(/[\s"'\\$&;()<>|*?[\]{}!`#]/g, '\\$&');
  },
};
