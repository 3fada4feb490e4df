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

/** One piece after the other, never several as one write: TLS gives each write a record of its own. */
function pass(from: Duplex, to: Duplex): void {
  from.on('data', (piece: Buffer) => {
    from.pause();
    to.write(piece, () => from.resume());
  });
  from.on('end', () => to.end());
}

/**
 * Passes bytes both ways, each side at the other's pace. Pieces stay the pieces they came in, for clients that do not look
 * into a TLS record twice. A side that ends takes the other with it, but not what it had sent before; a side that breaks
 * ends the other at once. Both have an error listener from here on.
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
  pass(a, b);
  pass(b, a);
  return both.then(() => undefined);
}
