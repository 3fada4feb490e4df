import {
  CounterTable,
  exponentialBounds,
  HistogramTable,
  type Metrics,
  readFamily,
} from '@kubets/platform';
import type { ProxierFigures } from '../host/proxier.ts';

const MS_PER_S = 1_000;
const PREFIX = 'kubeproxy_sync_';
const SECONDS = exponentialBounds(0.001, 2, 15);
const LABELS = [] as const;

export interface InstrumentOptions {
  readonly mode: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** The proxy's metrics, under the stock names. @returns to be told of changes and loads */
export function instrument(registry: Metrics, { mode, now }: InstrumentOptions): ProxierFigures {
  const table = (name: string, help: string) => ({
    ...{ registry, help, labels: LABELS },
    name: `${PREFIX}${name}`,
  });
  const times = (name: string, help: string) =>
    new HistogramTable({ ...table(name, help), bounds: SECONDS }).at();
  const count = (name: string, help: string) => new CounterTable(table(name, help)).at();
  const all = times('proxy_rules_duration_seconds', 'Time of a load of rules');
  const full = times('full_proxy_rules_duration_seconds', 'Time of a load of all rules');
  const partial = times('partial_proxy_rules_duration_seconds', 'Time of a load of changed rules');
  const failures = count(
    mode === 'nftables'
      ? 'proxy_rules_nftables_sync_failures_total'
      : 'proxy_rules_iptables_restore_failures_total',
    'Loads of rules that failed',
  );
  const services = count('proxy_rules_service_changes_total', 'Changes of Services');
  const endpoints = count('proxy_rules_endpoint_changes_total', 'Changes of endpoints');
  const state = { queuedMs: 0, loadedMs: 0, services: 0, endpoints: 0 };
  const show = (name: string, help: string, value: () => number): void =>
    readFamily({ ...table(name, help), read: () => [{ labels: LABELS, value: value() }] });
  show(
    'proxy_rules_last_timestamp_seconds',
    'When rules were loaded last',
    () => state.loadedMs / MS_PER_S,
  );
  show(
    'proxy_rules_last_queued_timestamp_seconds',
    'When a load was asked for last',
    () => state.queuedMs / MS_PER_S,
  );
  show(
    'proxy_rules_service_changes_pending',
    'Changes of Services to be loaded',
    () => state.services,
  );
  show(
    'proxy_rules_endpoint_changes_pending',
    'Changes of endpoints to be loaded',
    () => state.endpoints,
  );
  let taken = { services: 0, endpoints: 0 };
  return {
    begun() {
      taken = { services: state.services, endpoints: state.endpoints };
    },
    changed(what) {
      (what === 'services' ? services : endpoints).inc();
      state[what] += 1;
      state.queuedMs = now();
    },
    synced({ ok, tookMs, full: isFull }) {
      const seconds = tookMs / MS_PER_S;
      all.observe(seconds);
      (isFull ? full : partial).observe(seconds);
      if (!ok) {
        failures.inc();
        return;
      }
      state.loadedMs = now();
      // What changed meanwhile waits for the next one.
      state.services -= taken.services;
      state.endpoints -= taken.endpoints;
    },
  };
}
