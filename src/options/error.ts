/**
 * A mount option that cannot be accepted: the message is one line that says what is wrong and what to do.
 * @hideconstructor
 */
export class OptionError extends Error {
  /** `'OptionError'` */
  override readonly name = 'OptionError';
}
