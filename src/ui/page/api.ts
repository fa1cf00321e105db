import type { ApiError, Directory, End, Explanation, TourAnswer, TourRequest, TraceEvent, Union } from '../protocol.js';
import type { Key } from './paths.js';

/** The union that the page is for, or the tour's own. */
export type Which = 'mount' | 'tour';

/** The server's refusal, in its own words. */
export class RequestError extends Error {
  constructor(message: string, readonly status: number) {
    super(message);
  }
}

export function getUnion(which: Which): Promise<Union> {
  return get<Union>(which, 'union', '');
}

export function getDirectory(which: Which, key: Key): Promise<Directory> {
  return get<Directory>(which, 'directory', `path=${key === '' ? '/' : key}`);
}

export function getExplanation(which: Which, key: Key): Promise<Explanation> {
  return get<Explanation>(which, 'explain', `path=${key === '' ? '/' : key}`);
}

export async function postTour(request: TourRequest): Promise<TourAnswer> {
  return answerOf<TourAnswer>(await fetch('/api/tour', {
    method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(request),
  }));
}

async function get<T>(which: Which, what: string, query: string): Promise<T> {
  const parts = [query, which === 'tour' ? 'union=tour' : ''].filter((part) => part !== '').join('&');
  return answerOf<T>(await fetch(`/api/${what}${parts === '' ? '' : `?${parts}`}`));
}

async function answerOf<T>(response: Response): Promise<T> {
  if (response.ok) return await response.json() as T;
  const said = await response.json().catch(() => null) as ApiError | null;
  throw new RequestError(said?.error ?? `the server answered ${response.status}`, response.status);
}

export interface Listener {
  /** No event is missed any more. */
  ready(): void;
  event(event: TraceEvent): void;
  /** Branches or options have changed. */
  union(): void;
  tour(answer: TourAnswer): void;
  end(end: End): void;
  /** The program was ended. */
  quit(): void;
  /** Refused for good: the server is another one, or the cookie is gone. Without it the browser tries again by itself. */
  lost(forGood: boolean): void;
}

/** Returns what ends it. */
export function listen(which: Which, listener: Listener): () => void {
  const source = new EventSource(`/api/events${which === 'tour' ? '?union=tour' : ''}`);
  const on = (name: string, use: (data: unknown) => void): void => {
    source.addEventListener(name, (message) => use(JSON.parse((message as MessageEvent<string>).data)));
  };
  on('ready', () => listener.ready());
  on('message', (data) => listener.event(data as TraceEvent));
  on('union', () => listener.union());
  on('tour', (data) => listener.tour(data as TourAnswer));
  on('end', (data) => {
    source.close();
    listener.end(data as End);
  });
  on('quit', () => {
    source.close();
    listener.quit();
  });
  source.onerror = () => listener.lost(source.readyState === EventSource.CLOSED);
  return () => source.close();
}
