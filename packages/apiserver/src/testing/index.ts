/** Helpers of this package's tests. */
import { builtinKind, builtinKinds, type KindDef, type KubeObject } from '@kubets/api';
import { type Clock, Metrics, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { CacheSet } from '../cache/cache-set.ts';
import type { WatchEnd, WatchItem, WatchSink } from '../cache/watcher.ts';
import { type ServerMetrics, serverMetrics } from '../metrics.ts';
import type { AdmissionChain, WriteHook } from '../ports.ts';
import type { Target, WriteContext } from '../registry/context.ts';
import { Registry } from '../registry/registry.ts';
import { MemoryStore } from '../storage/memory-store.ts';

export const NO_ADMISSION: AdmissionChain = {
  admit: () => Promise.resolve(),
  validate: () => Promise.resolve(),
};

/** What doors count with; into a registry where somebody wants to see it. */
export function testMetrics(registry = new Metrics()): ServerMetrics {
  return serverMetrics(registry, { kinds: builtinKinds, monotonicMs: systemClock.monotonicMs });
}

export interface TestRegistry {
  readonly store: MemoryStore;
  readonly caches: CacheSet;
  readonly registry: Registry;
  readonly warnings: string[];
  readonly ctx: WriteContext;
}

export interface TestRegistryOptions {
  readonly admission?: AdmissionChain;
  readonly hooks?: readonly WriteHook[];
  readonly clock?: Clock;
  readonly eventTtlSeconds?: number;
  /** A store that others use as well. */
  readonly store?: MemoryStore;
}

/** A registry on a store in memory. Close its caches when done. */
export function testRegistry(o: TestRegistryOptions = {}): TestRegistry {
  const {
    clock = systemClock,
    admission = NO_ADMISSION,
    hooks = [],
    store = new MemoryStore(),
  } = o;
  const random = seededRandom(7);
  const log = silentLogger;
  const caches = new CacheSet({ store, clock, random, log, storageKind });
  let uids = 0;
  const newUid = (): string => {
    uids += 1;
    return `00000000-0000-4000-8000-${String(uids).padStart(12, '0')}`;
  };
  const kinds = builtinKinds;
  const registry = new Registry({
    store,
    caches,
    kinds,
    admission,
    hooks,
    clock,
    random,
    newUid,
    allowPrivileged: true,
    eventTtlSeconds: o.eventTtlSeconds ?? 3_600,
    deleteWorkers: 8,
    log,
  });
  const warnings: string[] = [];
  const ctx: WriteContext = {
    user: { name: 'tester', uid: '', groups: ['system:masters'], extra: {} },
    dryRun: false,
    options: {},
    warn: (text) => warnings.push(text),
  };
  return { store, caches, registry, warnings, ctx };
}

function storageKind(def: KindDef): KindDef {
  return builtinKinds.forKind({ ...def.storageVersion, kind: def.kind }) ?? def;
}

/** A target by kind. */
export function targetOf(
  apiVersion: string,
  kind: string,
  o: { namespace?: string; name?: string; subresource?: string } = {},
): Target {
  const def = builtinKind(apiVersion, kind);
  const { namespace = def.namespaced ? 'default' : '', name = '', subresource = '' } = o;
  return { def, namespace, name, subresource };
}

/** Creates an object; resolves with it as stored. */
export async function make(t: TestRegistry, object: KubeObject): Promise<KubeObject> {
  const { apiVersion = '', kind = '', metadata } = object;
  const { namespace } = metadata;
  const target = targetOf(apiVersion, kind, namespace === undefined ? {} : { namespace });
  const json = JSON.stringify(object);
  const made = await t.registry.create(target, { json, validation: 'Strict' }, t.ctx);
  return made.object;
}

export const configMap = (
  name: string,
  o: { labels?: Record<string, string>; n?: number } = {},
) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, ...(o.labels && { labels: o.labels }) },
  data: { n: String(o.n ?? 0) },
});

export const podObject = (
  name: string,
  o: { nodeName?: string; labels?: Record<string, string> } = {},
) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, ...(o.labels && { labels: o.labels }) },
  spec: {
    containers: [{ name: 'c', image: 'img:1' }],
    ...(o.nodeName && { nodeName: o.nodeName }),
  },
});

/** A watch sink that remembers, and lets a test wait for what it wants to see. */
export class RecordingSink implements WatchSink {
  readonly items: WatchItem[] = [];
  ended: WatchEnd | undefined;
  #waiting: { met: () => boolean; resolve: () => void }[] = [];

  deliver(items: readonly WatchItem[]): void {
    this.items.push(...items);
    this.#check();
  }

  end(reason: WatchEnd): void {
    this.ended = reason;
    this.#check();
  }

  /** `ADDED a`, `MODIFIED a`, `BOOKMARK`, … */
  lines(): string[] {
    return this.items.map(({ type, entry }) => (entry ? `${type} ${entry.name}` : type));
  }

  /** Resolves once the condition holds. */
  until(met: () => boolean): Promise<void> {
    if (met()) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting.push({ met, resolve });
    });
  }

  count(n: number): Promise<void> {
    return this.until(() => this.items.length >= n);
  }

  #check(): void {
    const met = this.#waiting.filter((each) => each.met());
    this.#waiting = this.#waiting.filter((each) => !met.includes(each));
    for (const each of met) each.resolve();
  }
}
