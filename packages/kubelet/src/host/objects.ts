import {
  type ConfigMap,
  isNotFound,
  type KubeObject,
  type RuntimeClass,
  type Secret,
} from '@kubets/api';
import { type Api, TransportError } from '@kubets/client';
import type { Clock } from '@kubets/platform';
import { OBJECT_CACHE_ENTRIES, OBJECT_CACHE_MS } from '../limits.ts';
import type { ObjectSource } from '../ports.ts';

interface Entry<T> {
  readonly atMs: number;
  readonly value: Promise<T | undefined>;
}

/**
 * One kind: reads of the same object within a short time share one request. While the API cannot be reached, what was read before
 * goes on being the answer: containers restart without it.
 */
class RecentReads<T extends KubeObject> {
  readonly #entries = new Map<string, Entry<T>>();
  readonly #read: (namespace: string, name: string) => Promise<T>;
  readonly #clock: Clock;

  constructor(read: (namespace: string, name: string) => Promise<T>, clock: Clock) {
    this.#read = read;
    this.#clock = clock;
  }

  get(namespace: string, name: string): Promise<T | undefined> {
    const key = `${namespace}/${name}`;
    const nowMs = this.#clock.monotonicMs();
    const known = this.#entries.get(key);
    if (known !== undefined && nowMs - known.atMs < OBJECT_CACHE_MS) return known.value;
    const value = this.#read(namespace, name).catch((error: unknown) => {
      if (isNotFound(error)) return undefined;
      if (known !== undefined && error instanceof TransportError) return known.value;
      this.#entries.delete(key);
      throw error;
    });
    this.#entries.delete(key);
    this.#entries.set(key, { atMs: nowMs, value });
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > OBJECT_CACHE_ENTRIES && oldest !== undefined) {
      this.#entries.delete(oldest);
    }
    return value;
  }
}

/** ConfigMaps, Secrets and RuntimeClasses by name, as the node is allowed to read them: one at a time. */
export class ApiObjects implements ObjectSource {
  readonly #configMaps: RecentReads<ConfigMap>;
  readonly #secrets: RecentReads<Secret>;
  readonly #runtimeClasses: RecentReads<RuntimeClass>;

  constructor(api: Api, clock: Clock) {
    const configMaps = api.resource<ConfigMap>('v1', 'configmaps');
    const secrets = api.resource<Secret>('v1', 'secrets');
    this.#configMaps = new RecentReads((ns, name) => configMaps.get(ns, name), clock);
    this.#secrets = new RecentReads((ns, name) => secrets.get(ns, name), clock);
    const classes = api.resource<RuntimeClass>('node.k8s.io/v1', 'runtimeclasses');
    this.#runtimeClasses = new RecentReads((_, name) => classes.get('', name), clock);
  }

  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#configMaps.get(namespace, name);
  }

  secret(namespace: string, name: string): Promise<Secret | undefined> {
    return this.#secrets.get(namespace, name);
  }

  runtimeClass(name: string): Promise<RuntimeClass | undefined> {
    return this.#runtimeClasses.get('', name);
  }
}
