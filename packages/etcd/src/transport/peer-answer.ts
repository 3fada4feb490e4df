/** How a call of a peer is answered: nothing but how it went. */
import type { ServerHttp2Stream } from 'node:http2';
import { CODE } from '../errors.ts';
import { encodeStatusMessage, frameHead } from '../server/frames.ts';
import type { CallStatus } from './peer-link.ts';

/** gRPC has no use for a date. */
const RESPOND = { waitForTrailers: true, sendDate: false } as const;
const REFUSE = { endStream: true, sendDate: false } as const;
const HEADERS = { ':status': 200, 'content-type': 'application/grpc' } as const;

export const OK: CallStatus = { code: CODE.ok, details: '' };

function trailersOf({ code, details }: CallStatus) {
  return { 'grpc-status': String(code), 'grpc-message': encodeStatusMessage(details) };
}

/** Says that the call is taken, before it is answered. */
export function accept(stream: ServerHttp2Stream): void {
  if (!isGone(stream)) stream.respond(HEADERS, RESPOND);
}

/**
 * Ends the call, whether or not it was accepted.
 * @param message the answer, if it is one; an empty one otherwise
 */
export function answer(
  stream: ServerHttp2Stream,
  status: CallStatus,
  message: Buffer = frameHead(0),
): void {
  if (isGone(stream)) return;
  const trailers = trailersOf(status);
  if (status.code !== CODE.ok && !stream.headersSent) {
    // The caller breaks off by itself: a reset beside the status may be all it looks at.
    stream.respond({ ...HEADERS, ...trailers }, REFUSE);
    return;
  }
  if (!stream.headersSent) accept(stream);
  stream.on('wantTrailers', () => {
    if (!isGone(stream)) stream.sendTrailers(trailers);
  });
  if (status.code === CODE.ok) stream.end(message);
  else stream.end();
}

function isGone(stream: ServerHttp2Stream): boolean {
  return stream.destroyed || stream.closed;
}
