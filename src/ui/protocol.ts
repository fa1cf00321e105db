// What the page of `tsaufs ui` and its server say to each other. Types only: both sides have this file.
//
// Every request but the first needs the cookie that the address with the token gave. Errors are `ApiError` with a status of
// 400 and above. `union=tour` in the query of a GET means the tour's scratch union instead of the one that the page is for.
//
// Names are bytes. In a query they are percent-encoded, byte by byte: what encodeURIComponent() makes of text. In JSON they
// are text to show; where that is not all there is to them (bytes that are no UTF-8), `raw` has them percent-encoded beside it.

import type { EntryType } from '../inspect/entry.js';
import type { Explanation } from '../inspect/explain.js';
import type { UnionEvent } from '../union/events.js';

export type { EntryType, Explanation };

export interface ApiError {
  /** One line for people. */
  error: string;
}

/** `GET /api/union`. */
export interface Union {
  /** Null where the page is for the tour only (`tsaufs ui --tour`), and there is no tour yet; then there are no branches. */
  mountpoint: string | null;
  /** Options and branches in force, as they would follow -o. */
  options: string;
  /** Mounted read-only as a whole. */
  readonly: boolean;
  /** From the top down. */
  branches: Branch[];
  /** What the tour has to offer. */
  lessons: Lesson[];
  tour: TourState | null;
}

export interface Branch {
  /** 0 on top: the number that all the rest is told by. */
  index: number;
  /** The number it keeps as long as it is in the union, whatever is added above it. */
  id: number;
  directory: string;
  /** The last part of `directory`, with as much before it as tells it from the others. */
  label: string;
  /** `rw`, `ro+wh` … */
  permission: string;
  writable: boolean;
  /** Whether whiteouts and opaque marks on it count; they are ignored on `ro` and `rr` without `wh`. */
  marksCount: boolean;
}

/** `GET /api/directory?path=P`: every name in a directory of the union, also those that are hidden. 404 where there is no such directory. */
export interface Directory {
  /** From the root of the union, `/` itself for the root. */
  path: string;
  raw?: string;
  /** In the order of their bytes. */
  entries: DirectoryEntry[];
  /** The branches on which this directory hides what is below: marks that count. */
  opaque: number[];
  /** The branches that are merged in this directory, from the top down. */
  merged: number[];
}

export interface DirectoryEntry {
  name: string;
  raw?: string;
  /** What the union shows; null for nothing: the name is here for what is hidden. */
  type: EntryType | null;
  /** Where a symbolic link that is seen leads. */
  target?: string;
  /** Of a file that is seen, in bytes. */
  size?: number;
  /** The branch that it is seen on. It has no entry of its own there if it is a hard link whose file was copied up under another name. */
  seen: number | null;
  /** What branches have under this name, from the top down. */
  layers: LayerEntry[];
  /** Branches with a whiteout of this name that counts. */
  whiteouts: number[];
  /** Branches with one that does not count. */
  ignoredWhiteouts: number[];
  /** Of a directory: branches on which it is marked opaque, and it counts. */
  opaque: number[];
}

export interface LayerEntry {
  branch: number;
  type: EntryType;
  /** In bytes. */
  size: number;
  /** seen: the union shows this one; merged: a directory that is united with the one seen. */
  state: 'seen' | 'merged' | 'hidden';
}

/**
 * `GET /api/events`: server-sent events. Messages without a name are a `TraceEvent` each, of changes only, with `lookups=1` of
 * all kinds. Named ones:
 * - `ready`: no event is missed any more (`{}`)
 * - `union`: its branches or options have changed, ask for them again (`{}`)
 * - `tour`: the tour is another now, by whichever page (`TourAnswer`)
 * - `end`: the union is unmounted (`End`); nothing comes after it
 * - `quit`: the program was ended, the union goes on (`{}`); nothing comes after it
 */
export type TraceEvent = Omit<UnionEvent, 'time'> & {
  /** ISO 8601 with microseconds. */
  time: string;
};

export interface End {
  /** Null for an orderly end; else why the file system failed. */
  failure: string | null;
}

/** `POST /api/tour`, content-type application/json. 409 where the tour is elsewhere by now: the message `tour` of events tells where. */
export type TourRequest =
  /** Begins a lesson on a new scratch union; its first step, which mounts, is done at once. Another tour ends. */
  | { action: 'start'; lesson: string }
  /** Does the next step, which must be this one: two pages do not do one twice. */
  | { action: 'step'; step: number }
  | { action: 'end' };

export interface TourAnswer {
  tour: TourState | null;
}

export interface Lesson {
  id: string;
  title: string;
  text: string;
  steps: number;
}

export interface TourState {
  /** `id` of the lesson. */
  lesson: string;
  title: string;
  /** How many steps are done: the index of the next one. */
  done: number;
  /** All of the lesson, those to come without an output. */
  steps: TourStep[];
  /** Of the scratch union, to look at it with a shell. */
  mountpoint: string;
}

export interface TourStep {
  title: string;
  /** Why, and what to see. Paragraphs are separated by an empty line. */
  text: string;
  /** As it would be typed; may have several lines. */
  command: string;
  /** What the command printed, errors too; null as long as it has not run. */
  output: string | null;
  /** Exit status; null as long as it has not run. */
  status: number | null;
  /** Paths in the union to look at after the step. */
  look: string[];
}
