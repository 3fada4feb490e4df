import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock, silentLogger } from '@kubets/platform';
import { COMPACTION_INTERVAL_MS } from '../limits.ts';
import { Compactor } from './compactor.ts';
import { MemoryStore } from './memory-store.ts';

const make = (store: MemoryStore): Compactor =>
  new Compactor({
    ...{ store, clock: new ManualClock(), log: silentLogger },
    intervalMs: COMPACTION_INTERVAL_MS,
  });

describe('compaction', () => {
  it('gives up what was there a round ago, not what came since', async () => {
    const store = new MemoryStore();
    const compactor = make(store);
    await store.swap('/registry/a', Buffer.from('1'), 0n);
    const old = await store.currentRevision();
    await compactor.round();
    assert.equal(store.compacted, 0n);
    await store.swap('/registry/b', Buffer.from('1'), 0n);
    await compactor.round();
    assert.equal(store.compacted, old);
  });

  it('is done once a round however many servers there are', async () => {
    const store = new MemoryStore();
    const compactions: bigint[] = [];
    const compact = store.compact.bind(store);
    store.compact = (revision) => {
      compactions.push(revision);
      return compact(revision);
    };
    const servers = [make(store), make(store), make(store)];
    for (let round = 0; round < 4; round += 1) {
      await store.swap(`/registry/${round}`, Buffer.from('1'), 0n);
      for (const server of servers) await server.round();
    }
    assert.equal(compactions.length, 3);
    assert.deepEqual(compactions, [...new Set(compactions)].sort());
  });

  it('runs by the clock, survives a store that is away, and stops', async () => {
    const store = new MemoryStore();
    const clock = new ManualClock();
    const compactor = new Compactor({
      ...{ store, clock, log: silentLogger },
      intervalMs: COMPACTION_INTERVAL_MS,
    });
    const get = store.get.bind(store);
    store.get = () => Promise.reject(new Error('away'));
    compactor.start();
    await compactor.stop();
    store.get = get;
    compactor.start();
    await compactor.stop();
    assert.equal(store.compacted, 0n);
    clock.advance(3 * COMPACTION_INTERVAL_MS);
    assert.equal(store.compacted, 0n);
  });
});
