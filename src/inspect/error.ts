/** A branch that cannot be looked at or repaired: the message is one line that says what is wrong. */
export class InspectError extends Error {
  override readonly name = 'InspectError';
}
