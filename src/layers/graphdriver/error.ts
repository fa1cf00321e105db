/** A call of Docker's that cannot be done. The message is one line, which Docker shows to its user. */
export class DriverError extends Error {
  override readonly name = 'DriverError';
}
