import type { Metrics } from '@kubets/platform';
import { Counter, Gauge, Histogram } from 'prom-client';
import type { AttemptResult } from '../host/scheduler.ts';

const MS_PER_S = 1_000;

/**
 * The scheduler's metrics, under the stock names.
 * @returns to be told about every try
 */
export function instrument(
  metrics: Metrics,
  counts: () => Readonly<Record<string, number>>,
): (result: AttemptResult, ms: number) => void {
  const attempts = new Counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Tries to place a pod, by result',
    labelNames: ['result'],
    registers: [metrics],
  });
  const duration = new Histogram({
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'Time of a try, binding included',
    labelNames: ['result'],
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10],
    registers: [metrics],
  });
  new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods without a node, by the queue they wait in',
    labelNames: ['queue'],
    registers: [metrics],
    collect() {
      for (const [queue, count] of Object.entries(counts())) this.set({ queue }, count);
    },
  });
  return (result, ms) => {
    attempts.inc({ result });
    duration.observe({ result }, ms / MS_PER_S);
  };
}
