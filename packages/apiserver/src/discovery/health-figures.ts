import { Metrics } from '@kubets/platform';
import { Counter, Gauge } from 'prom-client';
import type { PathHandler } from '../ports.ts';

/** What health checks said, check by check: shown at a path of its own, apart from all other figures. */
export class HealthFigures {
  readonly #registry = new Metrics();
  readonly #last = new Gauge({
    name: 'kubernetes_healthcheck',
    help: 'What a health check said last: 1 when it was well.',
    labelNames: ['name', 'type'],
    registers: [this.#registry],
  });
  readonly #total = new Counter({
    name: 'kubernetes_healthchecks_total',
    help: 'Answers of health checks.',
    labelNames: ['name', 'status', 'type'],
    registers: [this.#registry],
  });

  /** @param type the path that was asked: `healthz`, `livez` or `readyz` */
  observe(type: string, name: string, isWell: boolean): void {
    this.#last.set({ name, type }, Number(isWell));
    this.#total.inc({ name, type, status: isWell ? 'success' : 'error' });
  }

  /** `/metrics/slis` */
  path(): PathHandler {
    return {
      name: 'health figures',
      handle: async ({ info }) => {
        if (info.path !== '/metrics/slis') return undefined;
        const headers = { 'content-type': this.#registry.contentType };
        return { status: 200, headers, body: await this.#registry.metrics() };
      },
    };
  }
}
