// What is completed where: made at build time from the parsers of all commands, so that no command's file is loaded for it.

/** What stands somewhere on the command line. */
export type Kind =
  | 'file' | 'directory'
  /** Directories joined by colons. */
  | 'directories'
  /** A mount point of a union, and that or any other directory. */
  | 'union' | 'union-or-directory'
  /** A branch of a union that is mounted, and that or any other directory. */
  | 'branch' | 'branch-or-directory'
  | 'mount-options' | 'image' | 'command'
  /** One of `words`, or several of them joined by commas. */
  | 'words' | 'word-list'
  /** Nobody knows. */
  | 'none';

export interface Place {
  kind: Kind;
  words?: readonly string[];
}

export interface OptionData {
  /** `-o` and `--option`. */
  names: readonly string[];
  text: string;
  value?: Place;
}

export interface CommandData {
  options: readonly OptionData[];
  arguments: readonly Place[];
  /** The last argument may be repeated. */
  variadic: boolean;
}

export interface MountOptionData {
  /** With `=` or `:` at its end where a value follows. */
  form: string;
  text: string;
  /** Words that the value can be, with their meaning. */
  values: readonly (readonly [string, string])[];
}

export interface CompletionData {
  /** By name, with the word before it: `image import`. */
  commands: Record<string, CommandData>;
  mountOptions: readonly MountOptionData[];
  permissions: readonly (readonly [string, string])[];
  /** The third are the permissions that they go with. */
  attributes: readonly (readonly [string, string, readonly string[]])[];
}
