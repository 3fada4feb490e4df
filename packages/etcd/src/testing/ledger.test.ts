/**
 * The classes of bugs etcd has had, one test each; docs/robustness.md says what each was. Classes that need crashes to show are
 * left to the simulation, here with the set-up that would show them.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { EtcdClient } from '../client/index.ts';
import {
  type Loose,
  messageType,
  type Proposal,
  type WatchCreateRequest,
  type WatchResponse,
} from '../codec/index.ts';
import { EtcdError } from '../errors.ts';
import type { Change } from '../mvcc/index.ts';
import { startEtcd } from '../server/solo.ts';
import { KvState } from '../state/kv-state.ts';
import { WatchHub } from '../watch/index.ts';
import { runStore } from './store/run.ts';
import { messagesForEach } from './store/values.ts';

const PROPOSAL = messageType<Proposal>('kubets.etcd.v1.Proposal');
const CREATE = messageType<WatchCreateRequest>('etcdserverpb.WatchCreateRequest');
const RESPONSE = messageType<WatchResponse>('etcdserverpb.WatchResponse');
const b = (text: string): Buffer => Buffer.from(text);

/** A state and its watchers; what is put off runs on `settle`. */
class Bench {
  readonly state = new KvState({ minLeaseTtlSeconds: 2 });
  #deferred: (() => void)[] = [];
  readonly hub = new WatchHub({
    store: this.state.store,
    header: (revision) => ({ revision }),
    defer: (fn) => this.#deferred.push(fn),
  });

  apply(body: Loose<Proposal>): void {
    const changes: Change[] = [];
    try {
      this.state.apply(PROPOSAL.decode(PROPOSAL.encode(body)), 0, changes);
    } finally {
      this.hub.notify(changes);
    }
  }

  put(key: string, value = 'v'): void {
    this.apply({ put: { key: b(key), value: b(value) } });
  }

  remove(key: string): void {
    this.apply({ deleteRange: { key: b(key) } });
  }

  compact(revision: number): void {
    this.apply({ compact: { revision } });
  }

  settle(): void {
    while (this.#deferred.length > 0) for (const fn of this.#deferred.splice(0)) fn();
  }

  watch(request: Loose<WatchCreateRequest>, room = Number.POSITIVE_INFINITY): Watching {
    const messages: WatchResponse[] = [];
    let left = room;
    const stream = this.hub.open({
      send: (message) => {
        messages.push(RESPONSE.decode(RESPONSE.encode(message)));
        left -= 1;
        return left > 0;
      },
      sendToEach: (message, ids) => {
        messages.push(...messagesForEach(message, ids));
        left -= ids.length;
        return left > 0;
      },
      end: () => undefined,
    });
    const all = { key: b('a'), rangeEnd: b('z') };
    stream.create(CREATE.decode(CREATE.encode({ ...all, ...request })));
    return { messages, stream };
  }
}

interface Watching {
  readonly messages: WatchResponse[];
  readonly stream: ReturnType<WatchHub['open']>;
}

function seen({ messages }: Watching): string {
  const events = messages.flatMap((message) => message.events);
  return events
    .map((e) => `${e.type === 1 ? '-' : '+'}${e.kv?.key}@${e.kv?.modRevision}`)
    .join(' ');
}

describe('what has gone wrong in etcd', () => {
  it('13766: after a crash under load, state and log position fit together', async () => {
    let failpoints = 0;
    for (let seed = 13766; seed < 13771; seed += 1) {
      failpoints += (await runStore({ seed, steps: 80 })).failpoints;
    }
    assert.ok(failpoints > 0);
  });

  it('14370: a single member loses nothing it has acknowledged', async () => {
    for (let seed = 14370; seed < 14375; seed += 1) {
      await runStore({ seed, steps: 60, members: 1, spares: 0 });
    }
  });

  it('14685: defragmenting changes nothing, whatever follows', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'etcd-ledger-'));
    try {
      let etcd = await startEtcd({ dataDir });
      let client = new EtcdClient({ endpoints: [etcd.endpoint] });
      const puts = Array.from({ length: 50 }, (_, n) => client.put(b(`k${n}`), b('v')));
      await defragment(etcd.endpoint);
      await Promise.all(puts);
      client.close();
      await etcd.stop();
      etcd = await startEtcd({ dataDir });
      client = new EtcdClient({ endpoints: [etcd.endpoint] });
      const { count, revision } = await client.range(b('k'), b('l'), { countOnly: true });
      assert.deepEqual([count, revision], [50n, 51n]);
      client.close();
      await etcd.stop();
    } finally {
      rmSync(dataDir, { recursive: true, force: true });
    }
  });

  it('15220: progress is told only after the events it covers', () => {
    const bench = new Bench();
    for (let n = 0; n < 5; n += 1) bench.put('a');
    const watching = bench.watch({ startRevision: 2 });
    watching.stream.requestProgress();
    bench.settle();
    const last = watching.messages.at(-1);
    assert.equal(seen(watching), '+a@2 +a@3 +a@4 +a@5 +a@6');
    assert.deepEqual([last?.events.length, last?.header?.revision], [0, 6n]);
  });

  it('15271: a watch resumed at a member that is behind does not go back in time', () => {
    const bench = new Bench();
    for (let n = 0; n < 3; n += 1) bench.put('a');
    const watching = bench.watch({ startRevision: 7 });
    bench.settle();
    for (let n = 0; n < 5; n += 1) bench.put('a');
    bench.settle();
    assert.equal(seen(watching), '+a@7 +a@8 +a@9');
  });

  it('17247: a transaction is told once, each change once, all together', () => {
    const bench = new Bench();
    const watching = bench.watch({});
    const put = (key: string) => ({ requestPut: { key: b(key), value: b('1') } });
    const range = { requestRange: { key: b('a'), rangeEnd: b('z') } };
    bench.apply({ txn: { success: [put('a'), range, put('c'), range] } });
    bench.settle();
    assert.equal(seen(watching), '+a@2 +c@2');
    assert.equal(watching.messages.filter((message) => message.events.length > 0).length, 1);
  });

  it('17529: a slow stream loses nothing', () => {
    const bench = new Bench();
    const watching = bench.watch({}, 2);
    for (let n = 0; n < 40; n += 1) bench.put(n % 2 === 0 ? 'a' : 'c');
    for (let n = 0; n < 50; n += 1) {
      watching.stream.drained();
      bench.settle();
    }
    assert.equal(seen(watching).split(' ').length, 40);
    assert.equal(new Set(seen(watching).split(' ')).size, 40);
  });

  it('17780: a crash during compaction takes no revision back', async () => {
    for (let seed = 17780; seed < 17785; seed += 1) await runStore({ seed, steps: 80 });
  });

  for (const issue of ['18089: a deletion', '19179: the deletion of a key made anew']) {
    it(`${issue} at the compacted revision is still told`, () => {
      const bench = new Bench();
      bench.put('a');
      if (issue.startsWith('19179')) bench.put('c');
      bench.remove('a');
      const at = bench.state.store.revision;
      if (issue.startsWith('19179')) bench.put('a');
      bench.compact(at);
      bench.state.store.sweep();
      const watching = bench.watch({ startRevision: at });
      bench.settle();
      const again = issue.startsWith('19179') ? ` +a@${at + 1}` : '';
      assert.equal(seen(watching), `-a@${at}${again}`);
    });
  }

  it('18667: a transaction that reads what is compacted fails alike everywhere, and writes nothing', () => {
    for (const swept of [true, false]) {
      const bench = new Bench();
      for (let n = 0; n < 5; n += 1) bench.put('a');
      bench.compact(5);
      if (swept) bench.state.store.sweep();
      const write = { requestPut: { key: b('c'), value: b('1') } };
      for (const revision of [3, -1]) {
        const read = { requestRange: { key: b('a'), revision } };
        assert.throws(
          () => bench.apply({ txn: { success: [write, read] } }),
          (err) => err instanceof EtcdError && err.kind === 'compacted',
        );
      }
      assert.equal(bench.state.store.revision, 6);
      assert.equal(bench.state.store.latest('c'), undefined);
    }
  });

  it('20221: a watch from a future revision hears nothing before it', () => {
    const bench = new Bench();
    const watching = bench.watch({ startRevision: 5, progressNotify: true });
    const created = watching.messages.length;
    bench.hub.progressTick();
    bench.put('a');
    bench.hub.progressTick();
    bench.settle();
    assert.equal(watching.messages.length, created);
    for (let n = 0; n < 4; n += 1) bench.put('a');
    assert.equal(seen(watching), '+a@5 +a@6');
  });

  it('20418: a leader that slept does not answer reads from before', async () => {
    // Leaders cut off, slow disks, late and repeated messages: each read is judged against real time.
    for (let seed = 20418; seed < 20423; seed += 1) await runStore({ seed, steps: 80 });
  });
});

/** One call without a body worth mentioning. */
function defragment(endpoint: string): Promise<void> {
  const session = connect(endpoint);
  const path = '/etcdserverpb.Maintenance/Defragment';
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc' };
  const stream = session.request(headers);
  stream.end(Buffer.alloc(5));
  return new Promise((resolve, reject) => {
    stream.on('trailers', (trailers) => {
      if (trailers['grpc-status'] === '0') resolve();
      else reject(new Error(`defragment: ${trailers['grpc-message']}`));
    });
    stream.on('error', reject);
    stream.on('close', () => session.close());
    stream.resume();
  });
}
