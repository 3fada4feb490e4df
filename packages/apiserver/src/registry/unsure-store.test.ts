/** Reads and watches over a store that says a watch has got further than it has, as members of etcd before 3.4.31 may. */
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { MemoryStore } from '../storage/memory-store.ts';
import type { StoreWatch, StoreWatchHandlers } from '../storage/store.ts';
import {
  configMap,
  make,
  RecordingSink,
  type TestRegistry,
  targetOf,
  testRegistry,
} from '../testing/index.ts';
import { at, refusal } from '../testing/scene.ts';

/** Keeps events back until they are let go, and answers questions about progress at once. */
class HastyStore extends MemoryStore {
  #held: (() => void)[] | undefined;

  confirmsProgress(): boolean {
    return false;
  }

  hold(): void {
    this.#held = [];
  }

  release(): void {
    for (const tell of this.#held ?? []) tell();
    this.#held = undefined;
  }

  override watch(prefix: string, from: bigint, handlers: StoreWatchHandlers): StoreWatch {
    const onEvents: StoreWatchHandlers['onEvents'] = (events, revision) => {
      if (this.#held === undefined) handlers.onEvents(events, revision);
      else this.#held.push(() => handlers.onEvents(events, revision));
    };
    const watch = super.watch(prefix, from, { ...handlers, onEvents });
    const progress = async (): Promise<void> => handlers.onProgress(await this.currentRevision());
    return { cancel: () => watch.cancel(), requestProgress: () => void progress() };
  }
}

const TARGET = targetOf('v1', 'ConfigMap');
const FUTURE = '999999';

let store: HastyStore;
let t: TestRegistry;
/** The version of `b`, which the cache has not heard of. */
let version: string;
beforeEach(async () => {
  store = new HastyStore();
  t = testRegistry({ store });
  await make(t, configMap('a'));
  assert.equal((await t.registry.list(TARGET, {})).entries.length, 1);
  await t.caches.of(TARGET.def).waitFor(0n, 1_000);
  store.hold();
  version = (await make(t, configMap('b'))).metadata.resourceVersion ?? '';
});
afterEach(() => t.caches.close());

const names = async (options: object): Promise<string[]> => {
  const { entries } = await t.registry.list(TARGET, options);
  return entries.map(({ name }) => name);
};

async function watching(options: object): Promise<RecordingSink> {
  const sink = new RecordingSink();
  await t.registry.watch(TARGET, options, sink);
  return sink;
}

describe('over a store that cannot confirm how far a watch is', () => {
  it('lists show what was written before', async () => {
    assert.deepEqual(await names({}), ['a', 'b']);
    assert.deepEqual(await names({ limit: 1 }), ['a']);
    assert.deepEqual(await names({ resourceVersion: version }), ['a', 'b']);
    assert.deepEqual(await names({ resourceVersion: '0' }), ['a'], 'any state will do');
    await assert.rejects(names({ resourceVersion: FUTURE }), refusal(504, 'Timeout'));
  });

  it('one object is read as it was written', async () => {
    const found = await t.registry.get(at('b'), version);
    assert.ok('revision' in found && String(found.revision) === version);
    await assert.rejects(t.registry.get(at('b'), FUTURE), refusal(504, 'Timeout'));
  });

  it('watches begin with the state of the store, and go on after it', async () => {
    const all = await watching({
      allowWatchBookmarks: true,
      sendInitialEvents: true,
      resourceVersionMatch: 'NotOlderThan',
    });
    const plain = await watching({});
    assert.deepEqual(all.lines(), ['ADDED a', 'ADDED b', 'BOOKMARK']);
    assert.deepEqual(plain.lines(), ['ADDED a', 'ADDED b']);
    const fromNow = await watching({
      sendInitialEvents: false,
      resourceVersionMatch: 'NotOlderThan',
    });
    store.release();
    await make(t, configMap('c'));
    for (const sink of [all, plain, fromNow]) {
      await sink.until(() => sink.lines().includes('ADDED c'));
      assert.equal(
        sink.lines().filter((line) => line === 'ADDED b').length,
        sink === fromNow ? 0 : 1,
      );
    }
  });
});
