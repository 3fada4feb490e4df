import type { Duplex } from 'node:stream';

/** Ends a stream once what was written to it is on its way. */
function endAfterWrites(stream: Duplex): void {
  if (stream.destroyed) return;
  if (stream.writableFinished) stream.destroy();
  else {
    stream.once('finish', () => stream.destroy());
    stream.end();
  }
}

/**
 * Passes bytes both ways, each side at the other's pace. A side that ends takes the other with it, but not what it had
 * sent before; a side that breaks ends the other at once. Both have an error listener from here on.
 * @returns resolves when both are closed
 */
export function joinStreams(a: Duplex, b: Duplex): Promise<void> {
  const closed = (one: Duplex, other: Duplex): Promise<void> =>
    new Promise((resolve) => {
      one.on('error', () => other.destroy());
      const onClose = (): void => {
        endAfterWrites(other);
        resolve();
      };
      if (one.closed) onClose();
      else one.once('close', onClose);
    });
  const both = Promise.all([closed(a, b), closed(b, a)]);
  a.pipe(b);
  b.pipe(a);
  return both.then(() => undefined);
}
