/** Notices a connection whose other end has gone without closing it: a pulled cable, a stopped process. */
import type { Clock } from '@kubets/platform';
import { PING_ANSWER_MS, PING_EVERY_MS } from './limits.ts';

/** A connection, as far as this is concerned. */
export interface Pinged {
  ping(onAnswer: () => void): void;
  destroy(why: string): void;
}

/**
 * Closes the connection when a ping is not answered in time.
 * @returns to be called when the connection is closed
 */
export function keepAlive(connection: Pinged, clock: Clock): () => void {
  let late: { cancel(): void } | undefined;
  const pings = clock.setInterval(() => {
    late = clock.setTimeout(() => connection.destroy('it does not answer a ping'), PING_ANSWER_MS);
    const { cancel } = late;
    connection.ping(cancel);
  }, PING_EVERY_MS);
  return () => {
    pings.cancel();
    late?.cancel();
  };
}
