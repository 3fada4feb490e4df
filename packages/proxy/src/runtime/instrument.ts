import type { Metrics } from '@kubets/platform';
import { Counter, Histogram } from 'prom-client';

const MS_PER_S = 1_000;

/** The proxy's metrics, under the stock names. @returns to be told about every load */
export function instrument(metrics: Metrics): (ok: boolean, ms: number) => void {
  const duration = new Histogram({
    name: 'kubeproxy_sync_proxy_rules_duration_seconds',
    help: 'Time of a load of rules',
    buckets: [0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10],
    registers: [metrics],
  });
  const failures = new Counter({
    name: 'kubeproxy_sync_proxy_rules_iptables_restore_failures_total',
    help: 'Loads of rules that failed',
    registers: [metrics],
  });
  return (ok, ms) => {
    duration.observe(ms / MS_PER_S);
    if (!ok) failures.inc();
  };
}
