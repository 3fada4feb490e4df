/** Watches judged against a model: whatever happens, a client that applies what it is told knows what a list would say. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isAlreadyExists, isExpired, isNotFound } from '@kubets/api';
import { type Random, seededRandom } from '@kubets/platform';
import { configMap, make, type TestRegistry, targetOf, testRegistry } from '../testing/index.ts';
import type { WatchEnd, WatchItem, WatchSink } from './watcher.ts';

const MAPS = targetOf('v1', 'ConfigMap');
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];
const TIERS = ['web', 'db'];
const SEEDS = 12;
const STEPS = 120;

/** A client as informers are: list, then watch; list again when told that the version is too old. */
class Client implements WatchSink {
  readonly known = new Map<string, bigint>();
  readonly #t: TestRegistry;
  readonly labelSelector: string;
  #version = 0n;
  #stop: (() => void) | undefined;

  constructor(t: TestRegistry, labelSelector: string) {
    this.#t = t;
    this.labelSelector = labelSelector;
  }

  async start(): Promise<void> {
    const { labelSelector } = this;
    const list = await this.#t.registry.list(MAPS, { labelSelector });
    this.known.clear();
    for (const entry of list.entries) this.known.set(entry.name, entry.revision);
    this.#version = BigInt(list.resourceVersion);
    await this.resume();
  }

  async resume(): Promise<void> {
    const { labelSelector } = this;
    const options = {
      labelSelector,
      resourceVersion: String(this.#version),
      allowWatchBookmarks: true,
    };
    try {
      this.#stop = await this.#t.registry.watch(MAPS, options, this);
    } catch (error) {
      if (!isExpired(error)) throw error;
      await this.start();
    }
  }

  /** The connection breaks: what comes now is not seen. */
  disconnect(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  get connected(): boolean {
    return this.#stop !== undefined;
  }

  deliver(items: readonly WatchItem[]): void {
    for (const { type, revision, entry } of items) {
      assert.ok(revision >= this.#version, 'revisions never go back');
      this.#version = revision;
      if (entry === undefined) continue;
      const before = this.known.get(entry.name);
      if (type === 'ADDED') assert.equal(before, undefined, `${entry.name} arrives twice`);
      else assert.notEqual(before, undefined, `${type} of unknown ${entry.name}`);
      if (type === 'DELETED') this.known.delete(entry.name);
      else this.known.set(entry.name, entry.revision);
    }
  }

  end(_reason: WatchEnd): void {
    this.#stop = undefined;
  }
}

const pick = <T>(random: Random, from: readonly T[]): T => from[random.int(from.length)] as T;

async function mutate(t: TestRegistry, random: Random): Promise<void> {
  const name = pick(random, NAMES);
  const labels = { tier: pick(random, TIERS) };
  const target = { ...MAPS, name };
  try {
    const kind = random.int(4);
    if (kind === 0) await make(t, configMap(name, { labels }));
    else if (kind === 1) await t.registry.delete(target, {}, t.ctx);
    else {
      const patch = { metadata: { labels }, data: { n: String(random.int(1_000)) } };
      await t.registry.patch(target, { type: 'merge', patch, validation: 'Ignore' }, t.ctx);
    }
  } catch (error) {
    if (!isNotFound(error) && !isAlreadyExists(error)) throw error;
  }
}

async function step(t: TestRegistry, clients: readonly Client[], random: Random): Promise<void> {
  const what = random.int(20);
  if (what === 0) t.store.compactEverything();
  else if (what <= 2) pick(random, clients).disconnect();
  else if (what <= 5) {
    const client = pick(random, clients);
    if (!client.connected) await client.resume();
  } else await mutate(t, random);
}

describe('clients that list and watch', () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    it(`end up with what a list says (seed ${seed})`, async () => {
      const random = seededRandom(seed);
      const t = testRegistry();
      const clients = ['', 'tier=web', 'tier!=web', 'tier in (web,db)'].map(
        (s) => new Client(t, s),
      );
      for (const client of clients) await client.start();
      for (let i = 0; i < STEPS; i += 1) await step(t, clients, random);
      for (const client of clients) if (!client.connected) await client.resume();
      const cache = t.caches.of(MAPS.def);
      assert.ok(await cache.waitFor(await t.caches.storeRevision(), 1_000));
      for (const client of clients) {
        if (!client.connected) await client.resume();
        const { labelSelector } = client;
        const list = await t.registry.list(MAPS, { labelSelector });
        const expected = list.entries.map((entry): [string, bigint] => [
          entry.name,
          entry.revision,
        ]);
        assert.deepEqual([...client.known].sort(), expected, `selector "${labelSelector}"`);
      }
      t.caches.close();
    });
  }
});
