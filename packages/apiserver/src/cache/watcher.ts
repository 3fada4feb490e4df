/** One watch on a cache: turns changes of objects into the events its selection should see. */
import { type CacheEntry, entryAtRevision } from './entry.ts';
import type { CacheEvent } from './ring.ts';
import type { Selection } from './selection.ts';

export type WatchType = 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';

/** One event for one watcher. */
export interface WatchItem {
  readonly type: WatchType;
  readonly revision: bigint;
  /** Absent for a bookmark. */
  readonly entry: CacheEntry | undefined;
  /** The change behind it, where encodings are shared; absent for initial events and bookmarks. */
  readonly event: CacheEvent | undefined;
  /** On the bookmark which says that the initial events are complete. */
  readonly initialEventsEnd?: boolean;
}

/** Why a watch ended: the client's version is gone, the client was too slow, or the server stops. */
export type WatchEnd = 'expired' | 'slow' | 'closed';

/** Takes what a watch delivers. Must not throw and must not block: it cuts itself off by `stop`. */
export interface WatchSink {
  deliver(items: readonly WatchItem[]): void;
  /** Called once, when the cache ends the watch. */
  end(reason: WatchEnd): void;
}

export interface WatchStart {
  readonly selection: Selection;
  /** Events after this revision; undefined: the present state first. */
  readonly after: bigint | undefined;
  /** The present state as of `after`, where the cache's own will not do. */
  readonly state?: { readonly entries: readonly CacheEntry[]; readonly revision: bigint };
  /** Start a resumed watch only if nothing was missed; with initial events it makes no difference. */
  readonly bookmarks: boolean;
  /** Send a bookmark that marks the end of the initial events. */
  readonly markInitialEvents: boolean;
}

/** A registered watch. */
export class Watcher {
  readonly selection: Selection;
  readonly bookmarks: boolean;
  readonly #sink: WatchSink;
  /** Events up to this revision have been delivered or were not wanted. */
  #seen: bigint;

  constructor(start: WatchStart, seen: bigint, sink: WatchSink) {
    this.selection = start.selection;
    this.bookmarks = start.bookmarks;
    this.#sink = sink;
    this.#seen = seen;
  }

  /** Delivers the current state. */
  sendInitial(entries: readonly CacheEntry[], revision: bigint, mark: boolean): void {
    const items: WatchItem[] = entries.map((entry) => ({
      type: 'ADDED',
      revision: entry.revision,
      entry,
      event: undefined,
    }));
    if (mark) items.push({ ...bookmarkAt(revision), initialEventsEnd: true });
    if (revision > this.#seen) this.#seen = revision;
    if (items.length > 0) this.#sink.deliver(items);
  }

  send(events: readonly CacheEvent[]): void {
    const items: WatchItem[] = [];
    for (const event of events) {
      if (event.revision <= this.#seen) continue;
      const item = this.#itemOf(event);
      if (item !== undefined) items.push(item);
    }
    const last = events.at(-1)?.revision ?? 0n;
    if (last > this.#seen) this.#seen = last;
    if (items.length > 0) this.#sink.deliver(items);
  }

  /** A bookmark at the revision, if the watch takes them and knows less. */
  sendBookmark(revision: bigint): void {
    if (!this.bookmarks || revision < this.#seen) return;
    this.#seen = revision;
    this.#sink.deliver([bookmarkAt(revision)]);
  }

  end(reason: WatchEnd): void {
    this.#sink.end(reason);
  }

  #itemOf(event: CacheEvent): WatchItem | undefined {
    const { revision, entry, old } = event;
    const before = old !== undefined && this.selection.matches(old);
    const after = event.type !== 'DELETED' && this.selection.matches(entry);
    if (after) return { type: before ? 'MODIFIED' : 'ADDED', revision, entry, event };
    if (!before) return undefined;
    if (event.type === 'DELETED') return { type: 'DELETED', revision, entry, event };
    event.gone ??= entryAtRevision(old, revision);
    return { type: 'DELETED', revision, entry: event.gone, event };
  }
}

function bookmarkAt(revision: bigint): WatchItem {
  return { type: 'BOOKMARK', revision, entry: undefined, event: undefined };
}
