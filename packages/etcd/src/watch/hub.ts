/**
 * Delivers changes to watchers.
 *
 * A watcher is either *synced*: it has been sent everything that concerns it, and each applied change is matched against its
 * interval; or *catching up*: it reads the store's history from its next revision on, in pieces, as fast as its stream takes
 * them. A synced watcher whose stream is full falls back to catching up instead of queueing: a slow client costs its own
 * stream's buffer and nothing else.
 */

import type { Change } from '../mvcc/index.ts';
import { IntervalMap } from './intervals.ts';
import { ChangeLists, EventEncoder } from './messages.ts';
import { type WatchSink, WatchStream } from './stream.ts';
import {
  concerns,
  type DeliveringStream,
  type Watcher,
  type WatcherRegistry,
  type WatchHubOptions,
} from './watcher.ts';

export class WatchHub implements WatcherRegistry {
  readonly options: WatchHubOptions;
  private readonly synced = new IntervalMap<Watcher>();
  private readonly streams = new Set<WatchStream>();
  /** Every synced watcher has been sent all that concerns it up to here. */
  private reached = 0;

  constructor(options: WatchHubOptions) {
    this.options = options;
  }

  /** Streams open now. */
  get streamCount(): number {
    return this.streams.size;
  }

  get watcherCount(): number {
    let count = 0;
    for (const stream of this.streams) count += stream.watcherCount;
    return count;
  }

  /** A new stream that writes to `sink`. */
  open(sink: WatchSink): WatchStream {
    const stream: WatchStream = new WatchStream(this, sink, () => this.streams.delete(stream));
    this.streams.add(stream);
    return stream;
  }

  setSynced(watcher: Watcher): void {
    watcher.synced = true;
    this.reached = this.options.store.revision;
    watcher.next = Math.max(watcher.next, this.reached + 1);
    this.synced.add(watcher.interval, watcher);
  }

  setUnsynced(watcher: Watcher): void {
    if (!watcher.synced) return;
    watcher.synced = false;
    this.synced.remove(watcher.interval, watcher);
  }

  /** Tells synced watchers of the changes just applied: whole revisions, in order. */
  notify(changes: readonly Change[]): void {
    if (changes.length === 0) return;
    const { store, header } = this.options;
    this.reached = store.revision;
    if (this.streams.size === 0) return;
    const matched = this.match(changes);
    if (matched.size === 0) return;
    const encoder = new EventEncoder(header(store.revision));
    for (const [stream, lists] of byStream(matched)) {
      for (const [list, watchers] of lists) stream.deliver(watchers, { list, encoder });
    }
  }

  /** Which of the changes each watcher gets. Watchers of one key, of which there may be many, are looked at once. */
  private match(changes: readonly Change[]): Map<Watcher, readonly Change[]> {
    const matched = new Map<Watcher, readonly Change[]>();
    const lists = new ChangeLists();
    const add = (watcher: Watcher, change: Change): void => {
      if (concerns(watcher, change)) {
        matched.set(watcher, lists.with(matched.get(watcher), change));
      }
    };
    for (const [name, own] of Map.groupBy(changes, ({ version }) => version.name)) {
      this.synced.forEachOfKey(name, (watcher) => {
        if (own.every((change) => concerns(watcher, change))) matched.set(watcher, own);
        else for (const change of own) add(watcher, change);
      });
    }
    for (const change of changes) {
      this.synced.forEachOfRanges(change.version.name, (watcher) => add(watcher, change));
    }
    return matched;
  }

  /** The store's content was replaced: every watcher looks for itself what it has missed. */
  storeReplaced(): void {
    for (const stream of this.streams) stream.resync(this.reached);
  }

  /** Sends progress to the watchers that asked for it and have been quiet since the last tick. */
  progressTick(): void {
    for (const stream of this.streams) stream.progressTick();
  }

  /** Ends all streams. */
  close(): void {
    for (const stream of this.streams) stream.end();
  }
}

type Groups = Map<DeliveringStream, Map<readonly Change[], Watcher[]>>;

/** Watchers of one stream that get the same are served together. */
function byStream(matched: ReadonlyMap<Watcher, readonly Change[]>): Groups {
  const groups: Groups = new Map();
  for (const [watcher, list] of matched) {
    let lists = groups.get(watcher.stream);
    if (lists === undefined) {
      lists = new Map();
      groups.set(watcher.stream, lists);
    }
    const watchers = lists.get(list);
    if (watchers === undefined) lists.set(list, [watcher]);
    else watchers.push(watcher);
  }
  return groups;
}
