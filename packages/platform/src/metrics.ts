import { collectDefaultMetrics, Registry } from 'prom-client';

/** A process's Prometheus registry. Metrics are made with prom-client's classes and `registers: [metrics]`. */
export class Metrics extends Registry {}

/** A registry with the usual figures of a Node.js process (CPU, memory, event loop delay). */
export function processMetrics(): Metrics {
  const metrics = new Metrics();
  collectDefaultMetrics({ register: metrics });
  return metrics;
}
