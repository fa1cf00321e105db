import type { RefObject } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

/** Lines above and below those that can be seen. */
const SPARE = 8;

export interface Window {
  ref: RefObject<HTMLDivElement | null>;
  /** The first line that is drawn, and the one after the last. */
  start: number;
  end: number;
  /** How many lines can be seen. */
  page: number;
  /** Brings a line into sight. */
  show: (index: number) => void;
  onScroll: () => void;
}

/** Of many lines of one height, those that can be seen. */
export function useWindow(count: number, height: number): Window {
  const ref = useRef<HTMLDivElement>(null);
  const [seen, setSeen] = useState({ top: 0, height: 600 });
  const measure = (): void => {
    const element = ref.current;
    if (element === null) return;
    setSeen((before) => before.top === element.scrollTop && before.height === element.clientHeight ?
      before : { top: element.scrollTop, height: element.clientHeight });
  };
  useLayoutEffect(() => {
    const observer = new ResizeObserver(measure);
    if (ref.current !== null) observer.observe(ref.current);
    measure();
    return () => observer.disconnect();
  }, []);
  const first = Math.min(Math.floor(seen.top / height), Math.max(0, count - 1));
  const page = Math.max(1, Math.floor(seen.height / height));
  return {
    ref, page, start: Math.max(0, first - SPARE), end: Math.min(count, first + page + 2 + SPARE), onScroll: measure,
    show: (index) => {
      const element = ref.current;
      if (element === null) return;
      const top = index * height;
      if (top < element.scrollTop) element.scrollTop = top;
      else if (top + height > element.scrollTop + element.clientHeight) element.scrollTop = top + height - element.clientHeight;
      measure();
    },
  };
}
