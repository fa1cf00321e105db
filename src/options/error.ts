/** A mount option that cannot be accepted: the message is one line that says what is wrong and what to do. */
export class OptionError extends Error {
  override readonly name = 'OptionError';
}
