import type { EntryType } from '../protocol.js';

/** Lines on a grid of 16. */
const shapes = {
  file: 'M4 1.5h5L12 4.7v9.8H4zM9 1.5v3.2h3',
  directory: 'M1.5 3.5h4.3l1.6 2h7.1v8h-13z',
  symlink: 'M4 12.5c0-4 2.5-5.5 7.5-5.5M8.5 4l3 3-3 3',
  special: 'M8 2.2 13.5 8 8 13.8 2.5 8z',
  whiteout: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M4.2 4.2l7.6 7.6',
  opaque: 'M2 3h12v10H2zM2 8h12M4 10.5h8',
  pen: 'm3 10.6 7.6-7.6 2.4 2.4-7.6 7.6-3 .6z',
  lock: 'M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5',
  eye: 'M1.5 8S4 3.8 8 3.8 14.5 8 14.5 8 12 12.2 8 12.2 1.5 8 1.5 8M8 6.2a1.8 1.8 0 1 0 0 3.6 1.8 1.8 0 0 0 0-3.6',
  closed: 'm6 4 4 4-4 4',
  open: 'm4 6 4 4 4-4',
  first: 'M4 3.5v9M12 3.5 6.5 8l5.5 4.5z',
  previous: 'M11 3.5 5.5 8l5.5 4.5z',
  next: 'm5 3.5 5.5 4.5L5 12.5z',
  play: 'm4.5 2.8 8 5.2-8 5.2z',
  pause: 'M5 3v10M11 3v10',
  close: 'm4 4 8 8M12 4l-8 8',
  up: 'M8 13V3M4 7l4-4 4 4',
  down: 'M8 3v10M4 9l4 4 4-4',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  move: 'M2.5 8h11M10 4.5 13.5 8 10 11.5',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9M10.3 10.3 14 14',
  tour: 'M3 14V2.5M3 3h9l-2 3 2 3H3',
  done: 'm3 8.5 3.2 3.2L13 4.8',
} as const;

export type Shape = keyof typeof shapes;

/** An ornament: what it means is said beside it. */
export function Icon({ shape }: { shape: Shape }) {
  return <svg class="icon" viewBox="0 0 16 16" aria-hidden="true"><path d={shapes[shape]} /></svg>;
}

export function typeShape(type: EntryType | null): Shape {
  if (type === 'directory' || type === 'symlink') return type;
  return type === 'file' || type === null ? 'file' : 'special';
}
