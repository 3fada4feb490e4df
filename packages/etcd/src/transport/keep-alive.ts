/** Notices a connection whose other end has gone without closing it: a pulled cable, a stopped process. */
import type { Http2Session } from 'node:http2';
import type { Clock } from '@kubets/platform';
import { PING_ANSWER_MS, PING_EVERY_MS } from './limits.ts';

/** Closes the connection when a ping is not answered in time. */
export function keepAlive(session: Http2Session, clock: Clock): void {
  const pings = clock.setInterval(() => {
    if (session.closed || session.destroyed) return;
    const late = clock.setTimeout(() => session.destroy(), PING_ANSWER_MS);
    session.ping(() => late.cancel());
  }, PING_EVERY_MS);
  session.once('close', () => pings.cancel());
}
