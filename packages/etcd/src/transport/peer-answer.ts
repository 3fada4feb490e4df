/** How a call of a peer is answered: nothing but how it went. */
import { type HeaderField, type ServerStream, writeFields } from '@kubets/platform/http2';
import { CODE } from '../errors.ts';
import { encodeStatusMessage, frameHead } from '../server/frames.ts';
import type { CallStatus } from './peer-link.ts';

const HEADERS: readonly HeaderField[] = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const ACCEPTED = writeFields(HEADERS);

export const OK: CallStatus = { code: CODE.ok, details: '' };

const trailersOf = ({ code, details }: CallStatus): HeaderField[] => [
  ['grpc-status', String(code)],
  ['grpc-message', encodeStatusMessage(details)],
];

/** Says that the call is taken, before it is answered. */
export function accept(stream: ServerStream): void {
  stream.respond(ACCEPTED);
}

/**
 * Ends the call, whether or not it was accepted.
 * @param message the answer, if it is one; an empty one otherwise
 */
export function answer(
  stream: ServerStream,
  status: CallStatus,
  message: Buffer = frameHead(0),
): void {
  if (status.code !== CODE.ok && !stream.hasAnswered) {
    stream.respond([...HEADERS, ...trailersOf(status)], true);
    return;
  }
  accept(stream);
  stream.end(status.code === CODE.ok ? message : undefined, writeFields(trailersOf(status)));
}
