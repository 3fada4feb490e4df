/** A watcher and what its stream needs of the hub. */

import type { Change, Interval, MvccStore, Revision } from '../mvcc/index.ts';
import type { EventEncoder, HeaderOf } from './messages.ts';

export interface WatchHubOptions {
  readonly store: MvccStore;
  readonly header: HeaderOf;
  /** Runs a piece of catching up later, after what waits already. */
  readonly defer: (fn: () => void) => void;
}

/** One watcher of one stream. */
export interface Watcher {
  readonly stream: DeliveringStream;
  readonly id: bigint;
  readonly interval: Interval;
  readonly prevKv: boolean;
  readonly noPut: boolean;
  readonly noDelete: boolean;
  readonly progressNotify: boolean;
  readonly fragment: boolean;
  /** The first revision that has not been delivered. */
  next: Revision;
  synced: boolean;
  /** Something was sent since the last progress tick. */
  active: boolean;
}

/** What the hub needs of a watcher's stream. */
export interface DeliveringStream {
  /** It wants nothing now. */
  readonly full: boolean;
  /** Sends the same changes to watchers of the stream; those there is no room for catch up. */
  deliver(watchers: readonly Watcher[], delivery: Delivery): void;
}

/** Changes ready to be sent. */
export interface Delivery {
  readonly list: readonly Change[];
  readonly encoder: EventEncoder;
}

/** What a stream needs of the hub. */
export interface WatcherRegistry {
  readonly options: WatchHubOptions;
  /** The watcher has everything up to the store's revision, and gets changes as they are applied. */
  setSynced(watcher: Watcher): void;
  /** The watcher gets no more applied changes; it must catch up, or is gone. */
  setUnsynced(watcher: Watcher): void;
}

/** True when the change is one the watcher asked for. */
export function concerns(watcher: Watcher, { version }: Change): boolean {
  if (version.modRevision < watcher.next) return false;
  return version.tombstone ? !watcher.noDelete : !watcher.noPut;
}
