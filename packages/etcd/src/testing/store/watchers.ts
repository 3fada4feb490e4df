/**
 * Clients that watch: through one member's stream at a time, slowly now and then, and when it breaks or is given up, from where
 * they were through another member.
 */
import type { Event, Loose, WatchCreateRequest, WatchResponse } from '../../codec/index.ts';
import type { WatchStream } from '../../watch/stream.ts';
import type { Life } from '../sim/cluster.ts';
import { covered } from './check-watch.ts';
import type { Clients } from './clients.ts';
import type { StoreCluster, StorePart } from './cluster.ts';
import { HistoryViolation, type WatchMessage, type WatchRecord } from './history.ts';
import { eventOf, messagesForEach, roundTrip } from './values.ts';

interface Watching {
  readonly life: Life<StorePart>;
  readonly stream: WatchStream;
  readonly records: Map<number, WatchRecord>;
}

/** `start` 0: from now on. */
type Wanted = Pick<WatchRecord, 'key' | 'end' | 'start' | 'prevKv' | 'noPut' | 'noDelete'>;

/** Everything from a revision on. */
export function everythingFrom(start: number): Wanted {
  return { key: 'a', end: 'z', start, prevKv: true, noPut: false, noDelete: false };
}

export class Watchers {
  readonly records: WatchRecord[] = [];
  readonly #cluster: StoreCluster;
  readonly #clients: Clients;
  #open: Watching[] = [];

  constructor(cluster: StoreCluster, clients: Clients) {
    this.#cluster = cluster;
    this.#clients = clients;
  }

  /** Something happens to a random stream: it begins, ends, asks for progress. */
  step(): void {
    const { random, lives } = this.#cluster;
    this.#open = this.#open.filter((one) => this.#alive(one));
    const one = this.#open[random.int(Math.max(1, this.#open.length))];
    const action = random.int(6);
    if (one !== undefined && action === 0) this.#move(one);
    else if (one !== undefined && action < 3) one.stream.requestProgress();
    else if (this.#open.length < 6) {
      const life = lives[random.int(lives.length)];
      if (life !== undefined) this.open(life, this.#wanted());
    }
  }

  #alive({ life }: Watching): boolean {
    return life.alive;
  }

  #wanted(): Wanted[] {
    const { random } = this.#cluster;
    const newest = this.#clients.revision;
    return Array.from({ length: 1 + random.int(3) }, () => {
      const interval = this.#clients.traffic.interval();
      const choice = random.int(4);
      // From now on, from the past, or from a future that comes or does not.
      const start =
        choice < 2 ? 0 : choice === 2 ? newest + random.int(20) : random.int(newest) + 1;
      const filter = random.int(8);
      const filters = { noPut: filter === 0, noDelete: filter === 1 };
      return { ...interval, start, prevKv: random.int(2) === 0, ...filters };
    });
  }

  /** Gives a stream up and goes on elsewhere. */
  #move(one: Watching): void {
    const { random, lives } = this.#cluster;
    one.stream.close();
    this.#open.splice(this.#open.indexOf(one), 1);
    const life = lives[random.int(lives.length)];
    if (life === undefined) return;
    const records = [...one.records.values()];
    this.open(
      life,
      records.map((record) => ({ ...record, start: covered(record) + 1 })),
    );
  }

  open(life: Life<StorePart>, wanted: readonly Wanted[]): Watching {
    const { random, loop } = this.#cluster;
    const records = new Map<number, WatchRecord>();
    const pending = new Map(wanted.map((one, id) => [id + 1, one]));
    /** @returns false, and reads on some time later, now and then */
    const goesOn = (): boolean => {
      if (random.int(4) > 0) return true;
      loop.schedule(random.next() * 300, () => {
        if (life.alive) stream.drained();
      });
      return false;
    };
    const stream: WatchStream = life.part.hub.open({
      send: (message) => {
        const seen = roundTrip<WatchResponse>('WatchResponse', message);
        this.#receive(seen, { records, pending });
        return goesOn();
      },
      sendToEach: (message, ids) => {
        for (const seen of messagesForEach(message, ids)) {
          this.#receive(seen, { records, pending });
        }
        return goesOn();
      },
      end: () => undefined,
    });
    for (const [id, { key, end, start, prevKv, noPut, noDelete }] of pending) {
      const request: Loose<WatchCreateRequest> = {
        ...{ key: Buffer.from(key), rangeEnd: Buffer.from(end), startRevision: start },
        ...{ prevKv, progressNotify: random.int(2) === 0, watchId: id },
        filters: [...(noPut ? [0] : []), ...(noDelete ? [1] : [])],
      };
      stream.create(roundTrip<WatchCreateRequest>('WatchCreateRequest', request));
    }
    const watching = { life, stream, records };
    this.#open.push(watching);
    return watching;
  }

  #receive(
    message: WatchResponse,
    to: { records: Map<number, WatchRecord>; pending: Map<number, Wanted> },
  ): void {
    const id = Number(message.watchId);
    const revision = Number(message.header?.revision ?? 0n);
    if (message.created) {
      const wanted = to.pending.get(id);
      if (wanted === undefined) throw new Error(`watcher ${id} was not asked for`);
      const start = wanted.start === 0 ? revision + 1 : wanted.start;
      const record = this.#begin({ ...wanted, start });
      to.records.set(id, record);
      return;
    }
    const seen = seenIn(message, revision);
    const own = to.records.get(id);
    if (id >= 0 && own === undefined) throw new HistoryViolation(`watcher ${id} has ended`);
    const receivers = own === undefined ? [...to.records.values()] : [own];
    for (const record of receivers) record.messages.push(seen);
    if (message.canceled) to.records.delete(id);
  }

  #begin(wanted: Wanted): WatchRecord {
    const record: WatchRecord = { ...wanted, messages: [], mustReach: 0 };
    this.records.push(record);
    return record;
  }
}

function seenIn(message: WatchResponse, revision: number): WatchMessage {
  if (message.canceled) {
    return { type: 'compacted', compactRevision: Number(message.compactRevision) };
  }
  if (message.events.length === 0)
    return { type: 'progress', revision, own: message.watchId >= 0n };
  return { type: 'events', events: message.events.map((event: Event) => eventOf(event)) };
}
