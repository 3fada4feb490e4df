/** Changes as the messages of the watch stream. */

import { type Event, type Loose, messageType, type ResponseHeader } from '../codec/index.ts';
import { LIMITS } from '../limits.ts';
import type { Change, Revision } from '../mvcc/index.ts';

/** The header of an answer at this revision. */
export type HeaderOf = (revision: Revision) => Loose<ResponseHeader>;

const EVENT = messageType<Event>('mvccpb.Event');
const PUT = 0;
const DELETE = 1;

/** Encodes each change once, however many watchers it goes to. */
export class EventEncoder {
  private readonly plain = new Map<Change, Buffer>();
  private readonly withPrevious = new Map<Change, Buffer>();

  encode(change: Change, prevKv: boolean): Buffer {
    const cache = prevKv ? this.withPrevious : this.plain;
    const known = cache.get(change);
    if (known !== undefined) return known;
    const { version, previous } = change;
    const kv = version.tombstone ? { key: version.key, modRevision: version.modRevision } : version;
    const encoded = EVENT.encode({
      type: version.tombstone ? DELETE : PUT,
      kv,
      prevKv: prevKv ? previous : undefined,
    });
    cache.set(change, encoded);
    return encoded;
  }
}

/** Cuts encoded events into pieces of about {@link LIMITS.watchFragmentBytes}. */
export function fragmentsOf(events: readonly Buffer[]): Buffer[][] {
  const out: Buffer[][] = [];
  let piece: Buffer[] = [];
  let bytes = 0;
  for (const event of events) {
    if (piece.length > 0 && bytes + event.length > LIMITS.watchFragmentBytes) {
      out.push(piece);
      piece = [];
      bytes = 0;
    }
    piece.push(event);
    bytes += event.length;
  }
  out.push(piece);
  return out;
}
