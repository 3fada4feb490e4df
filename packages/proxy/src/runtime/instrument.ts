import {
  CounterTable,
  exponentialBounds,
  HistogramTable,
  type Metrics,
  readFamily,
} from '@kubets/platform';
import type { ProxierFigures } from '../host/proxier.ts';
import { MAX_TRIGGERS } from '../limits.ts';

const MS_PER_S = 1_000;
const PREFIX = 'kubeproxy_sync_';
const SECONDS = exponentialBounds(0.001, 2, 15);
const LABELS = [] as const;
const steps = (first: number, width: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => first + width * i);
/** Fine where it should be, coarse up to five minutes. */
const PROGRAMMING_SECONDS = [
  ...steps(0.25, 0.25, 2),
  ...steps(1, 1, 59),
  ...steps(60, 5, 12),
  ...steps(120, 30, 7),
];

export interface InstrumentOptions {
  readonly mode: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

interface State {
  queuedMs: number;
  loadedMs: number;
  services: number;
  endpoints: number;
}

const table = (registry: Metrics, name: string, help: string) => ({
  ...{ registry, help, labels: LABELS },
  name: `${PREFIX}${name}`,
});

function showState(registry: Metrics, state: Readonly<State>): void {
  const show = (name: string, help: string, value: () => number): void =>
    readFamily({
      ...table(registry, name, help),
      read: () => [{ labels: LABELS, value: value() }],
    });
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
}

function tables(registry: Metrics, mode: string) {
  const times = (name: string, help: string) =>
    new HistogramTable({ ...table(registry, name, help), bounds: SECONDS }).at();
  const count = (name: string, help: string) => new CounterTable(table(registry, name, help)).at();
  const failures =
    mode === 'nftables'
      ? 'proxy_rules_nftables_sync_failures_total'
      : 'proxy_rules_iptables_restore_failures_total';
  return {
    all: times('proxy_rules_duration_seconds', 'Time of a load of rules'),
    full: times('full_proxy_rules_duration_seconds', 'Time of a load of all rules'),
    partial: times('partial_proxy_rules_duration_seconds', 'Time of a load of changed rules'),
    failures: count(failures, 'Loads of rules that failed'),
    services: count('proxy_rules_service_changes_total', 'Changes of Services'),
    endpoints: count('proxy_rules_endpoint_changes_total', 'Changes of endpoints'),
    programming: new HistogramTable({
      ...{ registry, labels: LABELS, bounds: PROGRAMMING_SECONDS },
      name: 'kubeproxy_network_programming_duration_seconds',
      help: 'Time from a change of a pod or Service until its rules are loaded',
    }).at(),
  };
}

/** The proxy's metrics, under the stock names. @returns to be told of changes and loads */
export function instrument(registry: Metrics, { mode, now }: InstrumentOptions): ProxierFigures {
  const told = tables(registry, mode);
  const state: State = { queuedMs: 0, loadedMs: 0, services: 0, endpoints: 0 };
  showState(registry, state);
  const startedMs = now();
  const triggers: number[] = [];
  let taken = { services: 0, endpoints: 0, triggers: 0 };
  return {
    begun() {
      const { services, endpoints } = state;
      taken = { services, endpoints, triggers: triggers.length };
    },
    changed(what, triggeredAtMs) {
      // What changed before this process started says nothing of how fast it is.
      const isMeasured = triggeredAtMs !== undefined && triggeredAtMs > startedMs;
      if (isMeasured && triggers.length < MAX_TRIGGERS) triggers.push(triggeredAtMs);
      told[what].inc();
      state[what] += 1;
      state.queuedMs = now();
    },
    synced({ ok, tookMs, full }) {
      const seconds = tookMs / MS_PER_S;
      told.all.observe(seconds);
      told[full ? 'full' : 'partial'].observe(seconds);
      if (!ok) {
        told.failures.inc();
        return;
      }
      state.loadedMs = now();
      // What changed meanwhile waits for the next one.
      state.services -= taken.services;
      state.endpoints -= taken.endpoints;
      for (const triggeredAtMs of triggers.splice(0, taken.triggers)) {
        told.programming.observe(Math.max(0, state.loadedMs - triggeredAtMs) / MS_PER_S);
      }
    },
  };
}
