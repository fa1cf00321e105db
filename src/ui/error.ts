/** The page cannot be served: the message is one line that says why and what to do. */
export class UiError extends Error {
  override readonly name = 'UiError';
}

/** A request that is answered with an error; the message is one line for people. */
export class HttpError extends Error {
  override readonly name = 'HttpError';

  constructor(readonly status: number, message: string, readonly headers: Readonly<Record<string, string>> = {}) {
    super(message);
  }
}
