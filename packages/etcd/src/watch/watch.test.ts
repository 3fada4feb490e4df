import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@kubets/platform';
import {
  type Loose,
  messageType,
  type WatchCreateRequest,
  type WatchResponse,
} from '../codec/index.ts';
import { LIMITS } from '../limits.ts';
import { type Change, intervalOf, keyName, MvccStore } from '../mvcc/index.ts';
import { messagesForEach } from '../testing/store/values.ts';
import { WatchHub } from './hub.ts';
import { IntervalMap } from './intervals.ts';
import type { WatchStream } from './stream.ts';

const RESPONSE = messageType<WatchResponse>('etcdserverpb.WatchResponse');
const b = (text: string): Buffer => Buffer.from(text);

/** A store, a hub, and work put off until `settle`. */
class Bench {
  readonly store = new MvccStore();
  readonly hub: WatchHub;
  private deferred: (() => void)[] = [];

  constructor() {
    this.hub = new WatchHub({
      store: this.store,
      header: (revision) => ({ revision }),
      defer: (fn) => this.deferred.push(fn),
    });
  }

  /** One write transaction. A value of undefined deletes. */
  write(...pairs: readonly (readonly [string, string | undefined])[]): Change[] {
    const txn = this.store.begin();
    for (const [key, value] of pairs) {
      if (value === undefined) txn.deleteRange(intervalOf(b(key), b('')));
      else txn.put(b(key), b(value), 0n);
    }
    this.store.end(txn);
    return txn.changes;
  }

  apply(...pairs: readonly (readonly [string, string | undefined])[]): void {
    this.hub.notify(this.write(...pairs));
  }

  /** Runs one round of what was put off. @returns whether there was anything */
  step(): boolean {
    const work = this.deferred.splice(0);
    for (const fn of work) fn();
    return work.length > 0;
  }

  settle(): void {
    while (this.step());
  }
}

/** The other end of a stream; `room` is how many messages it takes before it is full. */
class Client {
  readonly messages: WatchResponse[] = [];
  room = Number.POSITIVE_INFINITY;
  /** Times it was sent something for several watchers together. */
  writes = 0;
  ended = false;
  readonly stream: WatchStream;

  constructor(hub: WatchHub) {
    this.stream = hub.open({
      send: (message: Loose<WatchResponse>) => {
        this.messages.push(RESPONSE.decode(RESPONSE.encode(message)));
        return --this.room > 0;
      },
      sendToEach: (message, ids) => {
        this.writes++;
        this.messages.push(...messagesForEach(message, ids));
        this.room -= ids.length;
        return this.room > 0;
      },
      end: () => {
        this.ended = true;
      },
    });
  }

  create(request: Partial<WatchCreateRequest>): void {
    this.stream.create({
      ...{ key: b(''), rangeEnd: b(''), startRevision: 0n, progressNotify: false, filters: [] },
      ...{ prevKv: false, watchId: 0n, fragment: false },
      ...request,
    });
  }

  /** Events as `key=value@revision`, deletions as `key-@revision`. */
  events(id = 0n): string[] {
    return this.messages
      .filter((m) => m.watchId === id)
      .flatMap((m) => m.events)
      .map(({ type, kv }) => `${kv?.key}${type === 1 ? '-' : `=${kv?.value}`}@${kv?.modRevision}`);
  }

  last(): WatchResponse | undefined {
    return this.messages.at(-1);
  }
}

const EVERYTHING = { key: Buffer.of(0), rangeEnd: Buffer.of(0) };

describe('a synced watcher', () => {
  it('gets what happens in its interval from now on', () => {
    const bench = new Bench();
    bench.apply(['a', '0']);
    const client = new Client(bench.hub);
    client.create({ key: b('a'), rangeEnd: b('c') });
    assert.equal(client.last()?.created, true);
    assert.equal(client.last()?.header?.revision, 2n);
    bench.apply(['a', '1']);
    bench.apply(['c', '1']);
    bench.apply(['b', '1'], ['a', undefined]);
    assert.deepEqual(client.events(), ['a=1@3', 'b=1@5', 'a-@5']);
    assert.equal(client.last()?.header?.revision, 5n);
  });

  it('gets one message for the revisions applied together', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create(EVERYTHING);
    const changes = [...bench.write(['a', '1']), ...bench.write(['b', '1'])];
    bench.hub.notify(changes);
    assert.equal(client.messages.length, 2);
    assert.deepEqual(client.events(), ['a=1@2', 'b=1@3']);
  });

  it('waits for a revision in the future', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, startRevision: 4n });
    for (const value of ['1', '2', '3', '4']) bench.apply(['a', value]);
    assert.deepEqual(client.events(), ['a=3@4', 'a=4@5']);
  });

  it('gets previous versions and only the types it asked for', () => {
    const bench = new Bench();
    bench.apply(['a', '1']);
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, prevKv: true, filters: [0] });
    bench.apply(['a', '2']);
    bench.apply(['a', undefined]);
    assert.deepEqual(client.events(), ['a-@4']);
    assert.equal(client.last()?.events[0]?.prevKv?.value.toString(), '2');
  });

  it('gets nothing after it was cancelled, nor after its stream is closed', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create(EVERYTHING);
    client.create(EVERYTHING);
    client.stream.cancel(0n);
    assert.equal(client.last()?.canceled, true);
    bench.apply(['a', '1']);
    assert.deepEqual(client.events(0n), []);
    assert.deepEqual(client.events(1n), ['a=1@2']);
    client.stream.close();
    bench.apply(['a', '2']);
    assert.deepEqual(client.events(1n), ['a=1@2']);
    assert.equal(bench.hub.streamCount, 0);
  });
});

describe('a watcher that starts in the past', () => {
  it('reads the history and then goes on without a gap', () => {
    const bench = new Bench();
    for (const value of ['1', '2', '3']) bench.apply(['a', value]);
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, startRevision: 3n });
    bench.apply(['a', '4']);
    bench.settle();
    bench.apply(['a', '5']);
    assert.deepEqual(client.events(), ['a=2@3', 'a=3@4', 'a=4@5', 'a=5@6']);
  });

  it('is told when that past is compacted', () => {
    const bench = new Bench();
    for (const value of ['1', '2', '3']) bench.apply(['a', value]);
    bench.store.compact(3);
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, startRevision: 2n });
    bench.settle();
    assert.equal(client.last()?.canceled, true);
    assert.equal(client.last()?.compactRevision, 3n);
    client.create({ ...EVERYTHING, startRevision: 3n });
    bench.settle();
    assert.deepEqual(client.events(1n), ['a=2@3', 'a=3@4']);
  });

  it('cannot begin before there was anything', () => {
    for (const startRevision of [-1n, -7n]) {
      const bench = new Bench();
      bench.apply(['a', '1']);
      const client = new Client(bench.hub);
      client.create({ ...EVERYTHING, startRevision });
      bench.settle();
      assert.deepEqual(
        client.messages.map(({ created, canceled }) => [created, canceled]),
        [
          [true, false],
          [false, true],
        ],
      );
      assert.equal(client.last()?.compactRevision, -1n);
      bench.apply(['a', '2']);
      bench.settle();
      assert.deepEqual(client.events(), []);
    }
  });

  it('gets large histories in several messages, never part of a revision', () => {
    const bench = new Bench();
    const value = 'x'.repeat(700_000);
    for (let i = 0; i < 8; i++) bench.apply(['a', value], ['b', value]);
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, startRevision: 2n });
    bench.settle();
    const perMessage = client.messages.filter((m) => m.events.length > 0);
    assert.ok(perMessage.length > 1);
    for (const m of perMessage) assert.equal(m.events.length % 2, 0);
    assert.equal(client.events().length, 16);
  });

  it('may have its messages split when it asked for it', () => {
    const bench = new Bench();
    const value = 'x'.repeat(1_000_000);
    bench.apply(['a', value], ['b', value], ['c', value]);
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, startRevision: 2n, fragment: true });
    bench.settle();
    const pieces = client.messages.filter((m) => m.events.length > 0);
    assert.deepEqual(
      pieces.map((m) => m.fragment),
      [true, true, false],
    );
  });
});

describe('a slow stream', () => {
  it('does not hold others back and loses nothing', () => {
    const bench = new Bench();
    const slow = new Client(bench.hub);
    const quick = new Client(bench.hub);
    slow.create(EVERYTHING);
    quick.create(EVERYTHING);
    slow.room = 1;
    for (let i = 0; i < 100; i++) bench.apply(['a', `${i}`]);
    bench.settle();
    assert.equal(quick.events().length, 100);
    assert.equal(slow.events().length, 1, 'nothing is queued for it');
    slow.room = Number.POSITIVE_INFINITY;
    slow.stream.drained();
    bench.settle();
    assert.deepEqual(slow.events(), quick.events());
    bench.apply(['a', 'last']);
    assert.deepEqual(slow.events(), quick.events());
  });

  it('is told when what it has missed was compacted meanwhile', () => {
    const bench = new Bench();
    const slow = new Client(bench.hub);
    slow.create(EVERYTHING);
    slow.room = 1;
    for (let i = 0; i < 10; i++) bench.apply(['a', `${i}`]);
    bench.store.compact(8);
    slow.room = Number.POSITIVE_INFINITY;
    slow.stream.drained();
    bench.settle();
    assert.equal(slow.last()?.canceled, true);
    assert.equal(slow.last()?.compactRevision, 8n);
  });

  it('reads a batch that is too large for one message piece by piece', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create(EVERYTHING);
    const changes: Change[] = [];
    for (let i = 0; i < 6; i++) changes.push(...bench.write(['a', 'x'.repeat(1_000_000)]));
    bench.hub.notify(changes);
    bench.settle();
    assert.equal(client.events().length, 6);
    const largest = Math.max(...client.messages.map((m) => m.events.length));
    assert.ok(largest * 1_000_000 <= LIMITS.watchCatchUpBytes + 1_000_000);
  });
});

describe('progress', () => {
  it('is told at once when all watchers are synced', () => {
    const bench = new Bench();
    bench.apply(['a', '1']);
    const client = new Client(bench.hub);
    client.create(EVERYTHING);
    client.stream.requestProgress();
    assert.deepEqual([client.last()?.watchId, client.last()?.header?.revision], [-1n, 2n]);
  });

  it('comes only after everything up to its revision', () => {
    const bench = new Bench();
    for (let i = 0; i < 5; i++) bench.apply(['a', `${i}`]);
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, startRevision: 2n });
    client.stream.requestProgress();
    assert.equal(client.messages.length, 1, 'not yet');
    bench.settle();
    assert.equal(client.events().length, 5);
    assert.equal(client.last()?.watchId, -1n);
    assert.equal(client.last()?.header?.revision, 6n);
  });

  it('waits while the stream is full', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create(EVERYTHING);
    client.room = 1;
    bench.apply(['a', '1']);
    bench.apply(['a', '2']);
    client.stream.requestProgress();
    client.room = Number.POSITIVE_INFINITY;
    client.stream.drained();
    bench.settle();
    assert.deepEqual(client.events(), ['a=1@2', 'a=2@3']);
    assert.equal(client.last()?.watchId, -1n);
  });

  it('is told from time to time to quiet watchers that asked for it', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, progressNotify: true });
    client.create({ ...EVERYTHING, progressNotify: false });
    bench.apply(['a', '1']);
    const before = client.messages.length;
    bench.hub.progressTick();
    assert.equal(client.messages.length, before, 'it was not quiet');
    bench.hub.progressTick();
    assert.equal(client.messages.length, before + 1);
    assert.deepEqual([client.last()?.watchId, client.last()?.header?.revision], [0n, 2n]);
  });
});

describe('watch ids', () => {
  it('are chosen from 0 and skip those in use', () => {
    const client = new Client(new Bench().hub);
    client.create({ ...EVERYTHING, watchId: 1n });
    client.create(EVERYTHING);
    client.create(EVERYTHING);
    assert.deepEqual(
      client.messages.map((m) => m.watchId),
      [1n, 0n, 2n],
    );
  });

  it('are not used up by what is refused', () => {
    const client = new Client(new Bench().hub);
    client.create({ key: b('b'), rangeEnd: b('a') });
    client.create(EVERYTHING);
    assert.equal(client.last()?.watchId, 0n);
  });

  it('cannot be used twice, nor for nothing', () => {
    const client = new Client(new Bench().hub);
    client.create({ ...EVERYTHING, watchId: 5n });
    client.create({ ...EVERYTHING, watchId: 5n });
    assert.match(client.last()?.cancelReason ?? '', /duplicate watch ID/);
    client.create({ key: b('b'), rangeEnd: b('a') });
    assert.match(client.last()?.cancelReason ?? '', /range is empty/);
    assert.equal(client.last()?.watchId, -1n);
  });
});

describe('a store that was replaced', () => {
  it('is read anew by every watcher', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create(EVERYTHING);
    bench.apply(['a', '1']);
    const source = new MvccStore();
    for (const value of ['1', '2', '3']) {
      const txn = source.begin();
      txn.put(b('a'), b(value), 0n);
      source.end(txn);
    }
    const { revision, compactRevision } = source;
    bench.store.restore(source.allVersions(), { revision, compactRevision });
    bench.hub.storeReplaced();
    bench.settle();
    assert.deepEqual(client.events(), ['a=1@2', 'a=2@3', 'a=3@4']);
  });
});

describe('many watchers, streams that fill and drain, compaction', () => {
  for (const seed of [11, 12, 13, 14]) {
    it(`lose, repeat and reorder nothing (seed ${seed})`, () => {
      const random = seededRandom(seed);
      const bench = new Bench();
      const clients = Array.from({ length: 6 }, () => new Client(bench.hub));
      const starts = clients.map((client) => {
        for (let i = random.int(4); i > 0; i--) bench.apply([`k${random.int(9)}`, 'x']);
        const start = 1 + random.int(bench.store.revision + 3);
        client.create({ ...EVERYTHING, startRevision: BigInt(start), fragment: false });
        return start;
      });
      for (let i = 0; i < 300; i++) {
        const key = `k${random.int(9)}`;
        if (random.next() < 0.8) bench.apply([key, `${i}`], ['other', `${i}`]);
        const client = clients[random.int(clients.length)];
        if (client && random.next() < 0.3) client.room = random.int(3);
        else if (client?.stream.full) {
          client.room = 1 + random.int(5);
          client.stream.drained();
        }
        if (random.next() < 0.5) bench.step();
      }
      for (const client of clients) {
        client.room = Number.POSITIVE_INFINITY;
        client.stream.drained();
      }
      bench.settle();
      for (const [i, client] of clients.entries()) {
        const expected = bench.store
          .changesFrom(starts[i] ?? 0, 1e9)
          .map(({ version: v }) => `${v.key}=${v.value}@${v.modRevision}`);
        assert.deepEqual(client.events(), expected);
      }
    });
  }
});

describe('the interval map', () => {
  it('finds what a plain search finds', () => {
    const random = seededRandom(5);
    const map = new IntervalMap<number>();
    const all = new Map<number, { from: string; to: string | undefined }>();
    for (let i = 0; i < 400; i++) {
      const from = `${random.int(100)}`;
      const kind = random.int(4);
      const to = kind === 0 ? undefined : kind === 1 ? `${from}\0` : `${from}${random.int(9)}`;
      all.set(i, { from, to });
      map.add({ from, to }, i);
      if (random.next() < 0.4) {
        const gone = [...all.keys()][random.int(all.size)] ?? 0;
        const interval = all.get(gone);
        if (interval) map.remove(interval, gone);
        all.delete(gone);
      }
      const name = keyName(b(`${random.int(120)}`));
      const found: number[] = [];
      map.forEachOfKey(name, (n) => found.push(n));
      map.forEachOfRanges(name, (n) => found.push(n));
      const expected = [...all].filter(
        ([, r]) => name >= r.from && (r.to === undefined || name < r.to),
      );
      assert.deepEqual(found.sort(), expected.map(([n]) => n).sort());
    }
  });
});

describe('watchers that are not where the store is', () => {
  it('of the future hear nothing of what is before', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, startRevision: 9n, progressNotify: true });
    const before = client.messages.length;
    bench.hub.progressTick();
    assert.equal(client.messages.length, before);
  });

  it('and had nothing to be sent for long are not taken for compacted after a snapshot', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    client.create({ ...EVERYTHING, key: b('quiet'), rangeEnd: b('') });
    for (let i = 0; i < 20; i++) bench.apply(['busy', `${i}`]);
    bench.store.restore(bench.store.allVersions(), { revision: 22, compactRevision: 20 });
    bench.hub.storeReplaced();
    bench.settle();
    assert.equal(client.last()?.canceled, false);
    bench.apply(['quiet', 'now']);
    assert.deepEqual(client.events(), ['quiet=now@23']);
  });
});

describe('watchers of one stream that get the same', () => {
  it('are served by one write, each with its own id', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    for (let i = 0; i < 300; i++) client.create({ key: b('a') });
    client.create({ key: b('a'), watchId: -7n });
    client.create({ key: b('a'), watchId: 1n << 40n });
    const created = client.messages.length;
    bench.apply(['a', '1']);
    const ids = client.messages.slice(created).map((m) => m.watchId);
    const expected = [...Array.from({ length: 300 }, (_, i) => BigInt(i)), -7n, 1n << 40n];
    assert.deepEqual(ids, expected);
    for (const id of ids) assert.deepEqual(client.events(id), ['a=1@2']);
    assert.equal(client.writes, 1);
  });

  it('are told apart by what they asked for', () => {
    const bench = new Bench();
    bench.apply(['a', '0']);
    const client = new Client(bench.hub);
    client.create({ key: b('a') });
    client.create({ key: b('a'), prevKv: true });
    client.create({ key: b('a'), filters: [0] });
    client.create({ key: b('a'), rangeEnd: b('c') });
    bench.hub.notify([...bench.write(['a', '1']), ...bench.write(['b', '2'])]);
    const previous = client.messages.map((m) => m.events.map(({ prevKv }) => `${prevKv?.value}`));
    assert.deepEqual(client.events(0n), ['a=1@3']);
    assert.deepEqual([client.events(1n), previous[5]], [['a=1@3'], ['0']]);
    assert.deepEqual(client.events(2n), []);
    assert.deepEqual(client.events(3n), ['a=1@3', 'b=2@4']);
  });

  it('do not overfill it: those there is no room for catch up together', () => {
    const bench = new Bench();
    const client = new Client(bench.hub);
    for (let i = 0; i < 1_000; i++) client.create({ key: b('a'), fragment: i % 2 === 0 });
    const value = 'x'.repeat(10_000);
    client.room = 100;
    for (let i = 0; i < 3; i++) bench.apply(['a', value]);
    const sentWhileFull = client.messages.length - 1_000;
    assert.ok(sentWhileFull < 200, `${sentWhileFull} messages to a stream that has no room`);
    const before = client.writes;
    client.room = Number.POSITIVE_INFINITY;
    client.stream.drained();
    bench.settle();
    for (let i = 0n; i < 1_000n; i++) assert.equal(client.events(i).length, 3);
    assert.ok(client.writes - before < 300, `${client.writes} writes`);
  });
});
