/** The figures of the doors and the caches, under the stock names where there are some. */
import type { KindDef } from '@kubets/api';
import type { Metrics } from '@kubets/platform';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { CacheSet } from './cache/cache-set.ts';
import type { PathHandler, RequestInfo } from './ports.ts';

const SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export interface ServerMetrics {
  /** A request has been answered; for a watch: its stream has begun. */
  request(info: RequestInfo, code: number, tookMs: number): void;
  watchFrame(def: KindDef): void;
  /** Figures read when they are asked for. */
  observeCaches(caches: CacheSet): void;
}

export function serverMetrics(registry: Metrics): ServerMetrics {
  const registers = [registry];
  const total = new Counter({
    name: 'apiserver_request_total',
    help: 'Requests answered.',
    labelNames: ['verb', 'group', 'resource', 'subresource', 'code'],
    registers,
  });
  const duration = new Histogram({
    name: 'apiserver_request_duration_seconds',
    help: 'Time from the request head to the end of the answer.',
    labelNames: ['verb', 'group', 'resource'],
    buckets: SECONDS,
    registers,
  });
  const frames = new Counter({
    name: 'apiserver_watch_events_total',
    help: 'Watch events sent.',
    labelNames: ['group', 'resource'],
    registers,
  });
  return {
    request({ verb, apiGroup, resource, subresource }, code, tookMs) {
      const labels = { verb, group: apiGroup, resource };
      total.inc({ ...labels, subresource, code: String(code) });
      if (verb !== 'watch') duration.observe(labels, tookMs / 1_000);
    },
    watchFrame: ({ group, resource }) => frames.inc({ group, resource }),
    observeCaches: (caches) => observe(caches, registry),
  };
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

function observe(caches: CacheSet, registry: Metrics): void {
  const registers = [registry];
  const labelNames = ['group', 'resource'];
  const gauge = (
    name: string,
    help: string,
    read: (c: ReturnType<CacheSet['all']>[number]) => number,
  ) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        for (const cache of caches.all()) {
          const { group, resource } = cache.def;
          this.set({ group, resource }, read(cache));
        }
      },
    });
  gauge('apiserver_storage_objects', 'Objects in the watch cache.', (cache) => cache.size);
  gauge('apiserver_longrunning_requests', 'Watches open.', (cache) => cache.watcherCount);
}
