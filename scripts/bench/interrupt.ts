/**
 * Makes ^C and SIGTERM end the measurements in good order: what runs is waited for, and taken down by whoever made it.
 * @returns throws once there was a signal
 */
export function onInterrupt(): () => void {
  let received: NodeJS.Signals | undefined;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      received = signal;
    });
  }
  return () => {
    if (received !== undefined) throw new Error(`ended by ${received}`);
  };
}
