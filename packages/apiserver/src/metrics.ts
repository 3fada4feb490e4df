/** The figures of the doors and the caches, under the stock names where there are some. */
import type { KindDef, KindRegistry } from '@kubets/api';
import {
  CounterTable,
  HistogramTable,
  type Metrics,
  readFamily,
  type Tally,
} from '@kubets/platform';
import { Gauge } from 'prom-client';
import type { CacheSet } from './cache/cache-set.ts';
import type { PathHandler, RequestInfo } from './ports.ts';
import { RequestMetrics } from './request-metrics.ts';
import type { Store } from './storage/store.ts';

export type { RequestManner } from './request-metrics.ts';

export type ServerMetrics = Pick<
  RequestMetrics,
  'begin' | 'deprecated' | 'end' | 'opened' | 'terminated'
> & {
  /** Counts the events that watches of a kind send. */
  watchEvents(def: KindDef): Tally;
  /** A request came with a client's certificate that is valid for so long. */
  certificate(leftMs: number): void;
};

/** Seconds a certificate may still be valid: from now to a year. */
const LEFT_SECONDS = [
  ...[0, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400, 172_800, 345_600, 604_800],
  ...[2_592_000, 7_776_000, 15_552_000, 31_104_000],
];
const MS_PER_S = 1_000;

export interface ServerMetricsOptions {
  readonly kinds: KindRegistry;
  readonly monotonicMs: () => number;
}

export function serverMetrics(registry: Metrics, options: ServerMetricsOptions): ServerMetrics {
  const { kinds, monotonicMs } = options;
  const events = new CounterTable({
    registry,
    name: 'apiserver_watch_events_total',
    help: 'Watch events sent.',
    labels: ['group', 'version', 'kind'],
  });
  const left = new HistogramTable({
    registry,
    name: 'apiserver_client_certificate_expiration_seconds',
    help: 'How long the certificates that clients show are still valid.',
    labels: [],
    bounds: LEFT_SECONDS,
  }).at();
  const requests = new RequestMetrics({
    ...{ registry, monotonicMs },
    isKnown: (info) => isKnown(kinds, info),
  });
  return Object.assign(requests, {
    watchEvents: ({ group, version, kind }: KindDef) => events.at(group, version, kind),
    certificate: (leftMs: number) => left.observe(leftMs / MS_PER_S),
  });
}

function isKnown(kinds: KindRegistry, info: RequestInfo): boolean {
  const { apiGroup: group, apiVersion: version, resource, subresource } = info;
  const def = kinds.forResource({ group, version, resource });
  return def !== undefined && (subresource === '' || def.subresourceDefs.has(subresource));
}

/** `/metrics` on the HTTPS door, for those whom RBAC lets. */
export function metricsPath(registry: Metrics): PathHandler {
  return {
    name: 'metrics',
    async handle({ info }) {
      if (info.path !== '/metrics') return undefined;
      const headers = { 'content-type': registry.contentType };
      return { status: 200, headers, body: await registry.metrics() };
    },
  };
}

/** How a resource is named across groups: `pods`, `deployments.apps`. */
export const groupResource = (group: string, resource: string): string =>
  group === '' ? resource : `${resource}.${group}`;

/** Shows what the caches hold. */
export function observeCaches(registry: Metrics, caches: CacheSet): void {
  readFamily({
    registry,
    name: 'apiserver_storage_objects',
    help: 'Objects stored, of the kinds that are in memory.',
    labels: ['resource'],
    *read() {
      for (const { def, size } of caches.all()) {
        yield { labels: [groupResource(def.group, def.resource)], value: size };
      }
    },
  });
}

/** Shows how large the store is, asked of its members when somebody reads the figures. */
export function observeSizes(registry: Metrics, store: Pick<Store, 'sizes'>): void {
  if (store.sizes === undefined) return;
  const names = new Map<string, string>();
  new Gauge({
    name: 'apiserver_storage_size_bytes',
    help: 'Bytes of the store’s database on disk, member by member.',
    labelNames: ['storage_cluster_id'],
    registers: [registry],
    async collect() {
      for (const { member, bytes } of (await store.sizes?.()) ?? []) {
        const name = names.get(member) ?? `etcd-${names.size}`;
        names.set(member, name);
        this.set({ storage_cluster_id: name }, bytes);
      }
    },
  });
}

/** Shows which versions of other servers cannot be reached. */
export function observeExtensions(
  registry: Metrics,
  all: () => Iterable<{ readonly name: string; readonly isAvailable: boolean }>,
): void {
  readFamily({
    registry,
    name: 'aggregator_unavailable_apiservice',
    help: '1 for an APIService whose server cannot be used, else 0.',
    labels: ['name'],
    *read() {
      for (const { name, isAvailable } of all()) {
        yield { labels: [name], value: isAvailable ? 0 : 1 };
      }
    },
  });
}
