/**
 * Delivers changes to watchers.
 *
 * A watcher is either *synced*: it has been sent everything that concerns it, and each applied change is matched against its
 * interval; or *catching up*: it reads the store's history from its next revision on, in pieces, as fast as its stream takes
 * them. A synced watcher whose stream is full falls back to catching up instead of queueing: a slow client costs its own
 * stream's buffer and nothing else.
 */

import { LIMITS } from '../limits.ts';
import type { Change } from '../mvcc/index.ts';
import { IntervalMap } from './intervals.ts';
import { EventEncoder } from './messages.ts';
import { type WatchSink, WatchStream } from './stream.ts';
import { concerns, type Watcher, type WatcherRegistry, type WatchHubOptions } from './watcher.ts';

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
    const first = changes[0];
    if (first === undefined) return;
    const matched = new Map<Watcher, Change[]>();
    for (const change of changes) {
      this.synced.forEach(change.version.name, (watcher) => {
        if (!concerns(watcher, change)) return;
        const list = matched.get(watcher);
        if (list === undefined) matched.set(watcher, [change]);
        else list.push(change);
      });
    }
    const encoder = new EventEncoder();
    const revision = this.options.store.revision;
    this.reached = revision;
    for (const [watcher, list] of matched) {
      // Too much for the stream, or for one message: the watcher reads it from history, piece by piece.
      if (watcher.stream.full || bytesOf(list) > LIMITS.watchCatchUpBytes) {
        this.setUnsynced(watcher);
        watcher.next = list[0]?.version.modRevision ?? first.version.modRevision;
        watcher.stream.catchUp(watcher);
      } else watcher.stream.sendEvents(watcher, { list, encoder, revision });
    }
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

function bytesOf(changes: readonly Change[]): number {
  return changes.reduce((sum, { version }) => sum + version.name.length + version.valueBytes, 0);
}
