import { collectDefaultMetrics, Registry } from 'prom-client';
import { platformName, showBuildInfo } from './build-info.ts';
import type { FamilyRegistry, MetricFamily } from './metric-table.ts';

/**
 * A process's Prometheus registry. Metrics are made with prom-client's classes and `registers: [metrics]`; where they are
 * counted often, with the tables of `metric-table.ts`.
 */
export class Metrics extends Registry implements FamilyRegistry {
  readonly #families = new Map<string, MetricFamily>();

  /** @throws Error when there is a family of this name */
  addFamily(family: MetricFamily): void {
    if (this.#families.has(family.name) || this.getSingleMetric(family.name) !== undefined) {
      throw new Error(`there is a metric ${family.name} already`);
    }
    this.#families.set(family.name, family);
  }

  override async metrics(): Promise<string> {
    const others = await super.metrics();
    const own = Array.from(this.#families.values(), (family) => family.text());
    return `${others.trimEnd()}\n${own.join('')}`.trimStart();
  }
}

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
  const metrics = new ProcessMetrics();
  const { version, platform, arch } = process;
  showBuildInfo(metrics, { version: `node${version}`, platform: platformName(platform, arch) });
  return metrics;
}
