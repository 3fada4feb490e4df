/** One client's watch stream: its watchers, their catching up, and what may be written when. */

import type { Loose, WatchCreateRequest, WatchResponse } from '../codec/index.ts';
import { LIMITS } from '../limits.ts';
import { type Change, intervalOf, type Revision } from '../mvcc/index.ts';
import { EventEncoder, type SharedMessage } from './messages.ts';
import { listsOf, Piece } from './piece.ts';
import type { DeliveringStream, Delivery, Watcher, WatcherRegistry } from './watcher.ts';

/** Where a stream's messages go. */
export interface WatchSink {
  /** @returns false when no more should be sent until the stream is told `drained` */
  send(message: Loose<WatchResponse>): boolean;
  /** Sends a message to several watchers, to each with its own id. @returns as `send` does */
  sendToEach(message: SharedMessage, watchIds: readonly bigint[]): boolean;
  /** The stream is over. */
  end(): void;
}

/** Stands for "no watcher" or "all of the stream" in a response. */
const NO_WATCHER = -1;
const NOPUT = 0;
const NODELETE = 1;
const FIRST_KEY = Buffer.of(0);
/** What stands before the events of a message, roughly. */
const FRONT_BYTES = 48;

export class WatchStream implements DeliveringStream {
  /** The sink wants nothing now. */
  full = false;
  private readonly hub: WatcherRegistry;
  private readonly sink: WatchSink;
  private readonly onClose: () => void;
  private readonly watchers = new Map<bigint, Watcher>();
  private readonly behind = new Set<Watcher>();
  private nextId = 0n;
  private progressWanted = false;
  private pumping = false;
  private closed = false;

  constructor(hub: WatcherRegistry, sink: WatchSink, onClose: () => void) {
    this.hub = hub;
    this.sink = sink;
    this.onClose = onClose;
  }

  get watcherCount(): number {
    return this.watchers.size;
  }

  /** Answers a create request, and starts its watcher unless the request is wrong. */
  create(request: WatchCreateRequest): void {
    const revision = this.hub.options.store.revision;
    const key = request.key.length === 0 ? FIRST_KEY : request.key;
    const interval = intervalOf(key, request.rangeEnd);
    const nonEmpty = interval.to === undefined || interval.from < interval.to;
    const wrong = this.whyNot(request.watchId, nonEmpty);
    if (wrong !== undefined) {
      this.refuse(wrong);
      return;
    }
    const id = request.watchId === 0n ? this.freeId() : request.watchId;
    const start = Number(request.startRevision);
    const watcher: Watcher = {
      stream: this,
      id,
      interval,
      prevKv: request.prevKv,
      noPut: request.filters.includes(NOPUT),
      noDelete: request.filters.includes(NODELETE),
      progressNotify: request.progressNotify,
      fragment: request.fragment,
      next: start === 0 ? revision + 1 : start,
      synced: false,
      active: false,
    };
    this.watchers.set(id, watcher);
    this.send({ header: this.hub.options.header(revision), watchId: id, created: true });
    if (watcher.next > revision) this.hub.setSynced(watcher);
    else this.catchUp(watcher);
  }

  /** Answers a create request that will not be carried out. */
  refuse(cancelReason: string): void {
    const { header, store } = this.hub.options;
    const refusal = { watchId: NO_WATCHER, created: true, canceled: true, cancelReason };
    this.send({ header: header(store.revision), ...refusal });
  }

  private whyNot(id: bigint, nonEmpty: boolean): string | undefined {
    if (!nonEmpty) return 'mvcc: watcher range is empty';
    if (id !== 0n && this.watchers.has(id))
      return 'mvcc: duplicate watch ID provided on the WatchStream';
    if (this.watchers.size >= LIMITS.watchersPerStream) return 'etcdserver: too many watchers';
    return undefined;
  }

  private freeId(): bigint {
    while (this.watchers.has(this.nextId)) this.nextId++;
    return this.nextId++;
  }

  /** Ends a watcher; an unknown id is not answered. */
  cancel(id: bigint): void {
    const watcher = this.watchers.get(id);
    if (watcher === undefined) return;
    this.forget(watcher);
    const header = this.hub.options.header(this.hub.options.store.revision);
    this.send({ header, watchId: id, canceled: true });
  }

  private forget(watcher: Watcher): void {
    this.hub.setUnsynced(watcher);
    this.behind.delete(watcher);
    this.watchers.delete(watcher.id);
  }

  /** Says how far the stream has come as soon as none of its watchers is behind. */
  requestProgress(): void {
    this.progressWanted = true;
    this.answerProgress();
  }

  private answerProgress(): void {
    if (!this.progressWanted || this.behind.size > 0 || this.full) return;
    this.progressWanted = false;
    const header = this.hub.options.header(this.hub.options.store.revision);
    this.send({ header, watchId: NO_WATCHER });
  }

  /** Tells quiet watchers that asked for it how far they have come. */
  progressTick(): void {
    const { header, store } = this.hub.options;
    for (const watcher of this.watchers.values()) {
      // A watcher of the future hears nothing of the revisions before it.
      const begun = watcher.next <= store.revision + 1;
      const quiet = watcher.progressNotify && watcher.synced && !watcher.active && begun;
      if (quiet && !this.full) this.send({ header: header(store.revision), watchId: watcher.id });
      watcher.active = false;
    }
  }

  /** Sends synced watchers the same changes. */
  deliver(watchers: readonly Watcher[], delivery: Delivery): void {
    const tooMuch = bytesOf(delivery.list) > LIMITS.watchCatchUpBytes;
    const sent = tooMuch ? 0 : this.fan(watchers, delivery);
    // Too much for the stream, or for one message: these read it from history, piece by piece.
    for (let i = sent; i < watchers.length; i++) {
      const watcher = watchers[i] as Watcher;
      this.hub.setUnsynced(watcher);
      watcher.next = delivery.list[0]?.version.modRevision ?? watcher.next;
      this.behind.add(watcher);
    }
    if (sent < watchers.length) this.schedule();
  }

  /** Sends watchers the same changes, as many of them as the stream takes. @returns how many got them */
  private fan(watchers: readonly Watcher[], { list, encoder }: Delivery): number {
    const next = (list.at(-1)?.version.modRevision ?? 0) + 1;
    let sent = 0;
    while (sent < watchers.length && !this.full) {
      const first = watchers[sent] as Watcher;
      if (mustSplit(first, { list, encoder })) {
        for (const message of encoder.split(list, first.prevKv)) {
          this.send({ ...message, watchId: first.id });
        }
        advance(first, next);
        sent++;
        continue;
      }
      const message = encoder.shared(list, first.prevKv);
      const most = Math.ceil(LIMITS.watchWriteBytes / (message.rest.length + FRONT_BYTES));
      const ids: bigint[] = [];
      for (; ids.length < most && sent < watchers.length; sent++) {
        const watcher = watchers[sent] as Watcher;
        if (watcher.prevKv !== first.prevKv || mustSplit(watcher, { list, encoder })) break;
        advance(watcher, next);
        ids.push(watcher.id);
      }
      if (!this.closed && !this.sink.sendToEach(message, ids)) this.full = true;
    }
    return sent;
  }

  /** Lets a watcher read the history from its next revision on. */
  private catchUp(watcher: Watcher): void {
    this.behind.add(watcher);
    this.schedule();
  }

  /**
   * Every watcher looks again for what it has missed.
   * @param reached what synced watchers have: a quiet one must not be taken for one that is far behind
   */
  resync(reached: Revision): void {
    for (const watcher of this.watchers.values()) {
      if (watcher.synced) watcher.next = Math.max(watcher.next, reached + 1);
      this.hub.setUnsynced(watcher);
      this.behind.add(watcher);
    }
    this.schedule();
  }

  /** The sink takes messages again. */
  drained(): void {
    this.full = false;
    this.answerProgress();
    this.schedule();
  }

  private schedule(): void {
    if (this.pumping || this.full || this.closed || this.behind.size === 0) return;
    this.pumping = true;
    this.hub.options.defer(() => {
      this.pumping = false;
      this.pump();
      this.schedule();
    });
  }

  /** One piece of history for the watcher that has waited longest, and for all that are where it is. */
  private pump(): void {
    const [longest] = this.behind;
    if (longest === undefined || this.full || this.closed) return;
    const { store, header } = this.hub.options;
    const { next } = longest;
    const level = [...this.behind].filter((watcher) => watcher.next === next);
    if (next < 0 || next < store.compactRevision) {
      for (const watcher of level) this.cancelCompacted(watcher, store.compactRevision);
      this.answerProgress();
      return;
    }
    const changes = store.changesFrom(next, LIMITS.watchCatchUpBytes);
    const encoder = new EventEncoder(header(store.revision));
    const reached = changes.at(-1)?.version.modRevision ?? store.revision;
    for (const [list, watchers] of listsOf(level, new Piece(changes))) {
      const sent = list.length === 0 ? watchers.length : this.fan(watchers, { list, encoder });
      for (const watcher of watchers.slice(0, sent)) this.moved(watcher, reached);
    }
    this.answerProgress();
  }

  /** A watcher that was behind has been sent everything up to `reached`. */
  private moved(watcher: Watcher, reached: Revision): void {
    this.behind.delete(watcher);
    watcher.next = Math.max(watcher.next, reached + 1);
    if (reached >= this.hub.options.store.revision) this.hub.setSynced(watcher);
    else this.behind.add(watcher);
  }

  private cancelCompacted(watcher: Watcher, compactRevision: Revision): void {
    this.forget(watcher);
    const header = this.hub.options.header(0);
    this.send({ header, watchId: watcher.id, canceled: true, compactRevision });
  }

  private send(message: Loose<WatchResponse>): void {
    if (this.closed) return;
    if (!this.sink.send(message)) this.full = true;
  }

  /** The server ends the stream. */
  end(): void {
    this.close();
    this.sink.end();
  }

  /** The client is gone: nothing is sent any more. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const watcher of this.watchers.values()) this.hub.setUnsynced(watcher);
    this.watchers.clear();
    this.behind.clear();
    this.onClose();
  }
}

function mustSplit({ fragment, prevKv }: Watcher, { list, encoder }: Delivery): boolean {
  return fragment && encoder.needsSplit(list, prevKv);
}

function advance(watcher: Watcher, next: Revision): void {
  watcher.active = true;
  watcher.next = next;
}

function bytesOf(changes: readonly Change[]): number {
  return changes.reduce((sum, { version }) => sum + version.name.length + version.valueBytes, 0);
}
