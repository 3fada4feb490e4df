import { collectDefaultMetrics, Registry } from 'prom-client';

/** A process's Prometheus registry. Metrics are made with prom-client's classes and `registers: [metrics]`. */
export class Metrics extends Registry {}

/**
 * Adds the usual figures of a Node.js process (CPU, memory, event loop delay) at the first scrape: their observers of every
 * garbage collection cost memory and time in the many processes that nobody ever asks.
 */
class ProcessMetrics extends Metrics {
  #hasFigures = false;

  override metrics(): Promise<string> {
    if (!this.#hasFigures) {
      this.#hasFigures = true;
      collectDefaultMetrics({ register: this });
    }
    return super.metrics();
  }
}

/** A registry with the usual figures of a Node.js process, the observed ones since the first scrape. */
export function processMetrics(): Metrics {
  return new ProcessMetrics();
}
