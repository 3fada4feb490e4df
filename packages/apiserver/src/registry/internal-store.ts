/** The registry as the apiserver's own parts use it: admission, bootstrap, RBAC. */
import {
  apiVersionOf,
  cloneJson,
  type GroupVersionResource,
  type KindDef,
  type KubeObject,
  notFound,
  resourceText,
} from '@kubets/api';
import type { CacheSet } from '../cache/cache-set.ts';
import { objectOf } from '../cache/entry.ts';
import { wholeNamespace } from '../cache/selection.ts';
import type { WatchCache } from '../cache/watch-cache.ts';
import { FRESH_WAIT_MS } from '../limits.ts';
import {
  type CacheView,
  LOOPBACK_USER,
  type ObjectRef,
  type RawStore,
  type ResourceStore,
} from '../ports.ts';
import type { Target, WriteContext } from './context.ts';
import { fromStorage } from './convert.ts';
import { keyOf } from './keys.ts';
import type { Registry } from './registry.ts';

const CONTEXT: WriteContext = {
  user: LOOPBACK_USER,
  dryRun: false,
  options: {},
  fieldManager: 'kube-apiserver',
  warn: () => undefined,
};

export interface InternalStoreOptions {
  /** Late: admission needs this store, and the registry needs admission. */
  readonly registry: () => Registry;
  readonly caches: CacheSet;
  readonly raw: RawStore;
  readonly kindOf: (gvr: GroupVersionResource) => KindDef | undefined;
}

export class InternalStore implements ResourceStore {
  readonly raw: RawStore;
  readonly #o: InternalStoreOptions;

  constructor(options: InternalStoreOptions) {
    this.#o = options;
    this.raw = options.raw;
  }

  async get<T extends KubeObject>(ref: ObjectRef): Promise<T> {
    const target = this.#target(ref, ref.namespace, ref.name);
    const found = await this.#o.registry().get(target, '');
    return cloneJson(plain(target.def, found)) as T;
  }

  async list<T extends KubeObject>(gvr: GroupVersionResource, namespace = '') {
    const target = this.#target(gvr, namespace, '');
    const { entries, resourceVersion } = await this.#o.registry().list(target, {});
    const items = entries.map((entry) => cloneJson(plain(target.def, entry)) as T);
    return { items, resourceVersion };
  }

  async create<T extends KubeObject>(gvr: GroupVersionResource, object: T): Promise<T> {
    const target = this.#target(gvr, object.metadata.namespace ?? '', '');
    const json = { ...named(target.def, object) };
    const { object: made } = await this.#o
      .registry()
      .create(target, { json, validation: 'Ignore' }, CONTEXT);
    return cloneJson(made) as T;
  }

  async update<T extends KubeObject>(
    gvr: GroupVersionResource,
    object: T,
    subresource = '',
  ): Promise<T> {
    const { namespace = '', name = '' } = object.metadata;
    const target = { ...this.#target(gvr, namespace, name), subresource };
    const json = { ...named(target.def, object) };
    const { object: made } = await this.#o
      .registry()
      .update(target, { json, validation: 'Ignore' }, CONTEXT);
    return cloneJson(made) as T;
  }

  async delete(ref: ObjectRef): Promise<void> {
    const target = this.#target(ref, ref.namespace, ref.name);
    await this.#o.registry().delete(target, {}, CONTEXT);
  }

  cache<T extends KubeObject>(gvr: GroupVersionResource): CacheView<T> {
    const { def } = this.#target(gvr, '', '');
    return viewOf<T>(def, this.#o.caches.of(def));
  }

  #target(gvr: GroupVersionResource, namespace: string, name: string): Target {
    const def = this.#o.kindOf(gvr);
    if (def === undefined) throw notFound(gvr, `${apiVersionOf(gvr)} ${resourceText(gvr)}`);
    return { def, namespace, name, subresource: '' };
  }
}

/** The view of one cache. */
export function viewOf<T extends KubeObject>(def: KindDef, cache: WatchCache): CacheView<T> {
  return {
    synced: () => cache.synced(),
    async whenSynced() {
      while (!(await cache.waitFor(0n, FRESH_WAIT_MS)));
    },
    get(namespace, name) {
      const entry = cache.get(keyOf(def, namespace, name));
      return entry && (plain(def, entry) as T);
    },
    list: (namespace = '') =>
      cache.list(wholeNamespace(namespace)).map((entry) => plain(def, entry) as T),
    isEmpty: () => cache.synced() && cache.size === 0,
    onChange: (listener) =>
      cache.listen(({ type, entry, old }) => {
        const { namespace, name } = entry;
        listener({
          ...{ type, namespace, name },
          get object() {
            return plain(def, entry) as T;
          },
          get old() {
            return old && (plain(def, old) as T);
          },
        });
      }),
  };
}

function plain(def: KindDef, found: object): KubeObject {
  return 'bytes' in found && 'key' in found
    ? fromStorage(def, objectOf(found as Parameters<typeof objectOf>[0]))
    : (found as KubeObject);
}

function named(def: KindDef, object: KubeObject): KubeObject {
  return { ...object, apiVersion: def.apiVersion, kind: def.kind };
}
