/** A watch of an extension server, from lines of JSON to messages. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { ServerWritableStream } from '@grpc/grpc-js';
import { internal, isJsonObject, parseExact } from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { grpcError } from './errors.ts';
import type { WatchBatch, WatchEvent, WatchRequest } from './messages.ts';

type Call = ServerWritableStream<WatchRequest, WatchBatch>;

const NEWLINE = 0x0a;
const TYPES = ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK', 'ERROR'] as const;

/** Sends what arrives, no faster than it is read; ends the call when the other server ends, in order or not. */
export async function relayEvents(response: IncomingMessage, call: Call): Promise<void> {
  let rest = Buffer.alloc(0);
  try {
    for await (const chunk of response) {
      const whole = Buffer.concat([rest, chunk as Buffer]);
      const end = whole.lastIndexOf(NEWLINE) + 1;
      rest = whole.subarray(end);
      if (rest.length > LIMITS.extensionEventBytes) throw internal('an event is too large');
      for (const event of eventsOf(whole.subarray(0, end))) {
        if (!call.write({ events: [event] })) await once(call, 'drain');
      }
    }
    call.end();
  } catch (error) {
    // A client that has gone wants no reason.
    if (!call.cancelled) call.emit('error', grpcError(internal(errorMessage(error))));
  } finally {
    response.destroy();
  }
}

/** @throws SyntaxError, ApiError for lines that are no events */
function eventsOf(lines: Buffer): WatchEvent[] {
  const texts = lines.toString('utf8').split('\n');
  return texts.filter((text) => text.trim() !== '').map(eventOf);
}

function eventOf(text: string): WatchEvent {
  const value: unknown = parseExact(text);
  const event = isJsonObject(value) ? value : {};
  const type = TYPES.find((one) => one === event.type);
  if (type === undefined || !isJsonObject(event.object)) throw internal('what came is no event');
  return { type, object: Buffer.from(JSON.stringify(event.object)) };
}
