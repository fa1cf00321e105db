// What happens in a union, for whoever listens: the library's events, `tsaufs trace`, the web page.

export interface UnionEvent {
  kind:
    | 'copy-up'
    | 'whiteout'
    | 'unwhiteout'
    | 'opaque'
    | 'create'
    | 'mkdir'
    | 'rename'
    | 'unlink'
    | 'rmdir'
    | 'link';
  /** The path in the union, from its root. */
  path: string;
  /** copy-up: the branch it came from; rename and link: the other name. */
  from?: string;
  /** The branch it happened on. */
  branch: string;
  /** copy-up: bytes of data copied. */
  bytes?: number;
  /** The process that caused it, as the kernel told. */
  pid: number;
}
