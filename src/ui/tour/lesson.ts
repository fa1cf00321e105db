// A lesson of the tour: commands that are really run, one after the other, in a scratch folder.

export interface Lesson {
  id: string;
  title: string;
  text: string;
  /** The first one makes the branches, and mounts the union on `container`. */
  steps: readonly Step[];
}

export interface Step {
  title: string;
  /** Why, and what to see. Paragraphs are separated by an empty line. */
  text: string;
  /** For the shell, in the scratch folder. */
  command: string;
  /** Paths in the union to look at afterwards. */
  look: readonly string[];
}

/** Where the union of a lesson is mounted, in the scratch folder. */
export const MOUNTPOINT = 'container';
