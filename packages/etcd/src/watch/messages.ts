/** Changes as the messages of the watch stream. */

import {
  type Event,
  type Loose,
  messageType,
  type ResponseHeader,
  type WatchResponse,
} from '../codec/index.ts';
import { LIMITS } from '../limits.ts';
import type { Change, Revision } from '../mvcc/index.ts';

/** The header of an answer at this revision. */
export type HeaderOf = (revision: Revision) => Loose<ResponseHeader>;

const EVENT = messageType<Event>('mvccpb.Event');
const RESPONSE = messageType<WatchResponse>('etcdserverpb.WatchResponse');
const PUT = 0;
const DELETE = 1;

/**
 * A message that goes to many watchers, encoded once: what stands before the watcher's id, and what stands behind it. Fields
 * are in the order of their numbers, as everywhere.
 */
export interface SharedMessage {
  readonly front: Buffer;
  readonly rest: Buffer;
}

/** Changes encoded for one kind of watcher. */
interface Encoded {
  readonly events: readonly Buffer[];
  readonly bytes: number;
  /** The field `events` of a message that has all of them. */
  rest: Buffer | undefined;
}

/** Encodes each change once, and each list of changes once, however many watchers they go to. */
export class EventEncoder {
  private readonly plain = new Map<Change, Buffer>();
  private readonly withPrevious = new Map<Change, Buffer>();
  private readonly plainLists = new Map<readonly Change[], Encoded>();
  private readonly listsWithPrevious = new Map<readonly Change[], Encoded>();
  private readonly header: Loose<ResponseHeader>;
  private front: Buffer | undefined;

  /** @param header of every message made */
  constructor(header: Loose<ResponseHeader>) {
    this.header = header;
  }

  /** The message with these changes for watchers that take it in one piece. */
  shared(list: readonly Change[], prevKv: boolean): SharedMessage {
    const encoded = this.listOf(list, prevKv);
    this.front ??= RESPONSE.encode({ header: this.header });
    encoded.rest ??= RESPONSE.encode({ events: encoded.events });
    return { front: this.front, rest: encoded.rest };
  }

  /** Whether a watcher that lets its messages be split gets these changes in more than one. */
  needsSplit(list: readonly Change[], prevKv: boolean): boolean {
    return this.listOf(list, prevKv).bytes > LIMITS.watchFragmentBytes;
  }

  /** The messages with these changes for a watcher that lets them be split. */
  split(list: readonly Change[], prevKv: boolean): Loose<WatchResponse>[] {
    const pieces = fragmentsOf(this.listOf(list, prevKv).events);
    const { header } = this;
    return pieces.map((events, i) => ({ header, events, fragment: i < pieces.length - 1 }));
  }

  private listOf(list: readonly Change[], prevKv: boolean): Encoded {
    const cache = prevKv ? this.listsWithPrevious : this.plainLists;
    const known = cache.get(list);
    if (known !== undefined) return known;
    const events = list.map((change) => this.encode(change, prevKv));
    const bytes = events.reduce((sum, event) => sum + event.length, 0);
    const made: Encoded = { events, bytes, rest: undefined };
    cache.set(list, made);
    return made;
  }

  private encode(change: Change, prevKv: boolean): Buffer {
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

/**
 * Lists of changes that are equal are one and the same object, so that what is made of a list is made once for all who get it.
 * Changes are added in order, one to all lists it belongs to before the next.
 */
export class ChangeLists {
  private adding: Change | undefined;
  private alone: Change[] = [];
  private readonly longer = new Map<readonly Change[], Change[]>();

  /** @returns the list with one more change */
  with(list: readonly Change[] | undefined, change: Change): readonly Change[] {
    if (this.adding !== change) {
      this.adding = change;
      this.alone = [change];
      this.longer.clear();
    }
    if (list === undefined) return this.alone;
    const known = this.longer.get(list);
    if (known !== undefined) return known;
    const made = [...list, change];
    this.longer.set(list, made);
    return made;
  }
}
