/** What is counted of webhooks, under the stock names. */
import { ApiError } from '@kubets/api';
import { CounterTable, type FamilyRegistry, HistogramTable } from '@kubets/platform';
import { WebhookCallError } from './response.ts';

/** Which webhook was asked, and what for. */
export interface AskedWebhook {
  readonly name: string;
  readonly type: 'admit' | 'validating';
  /** CREATE, UPDATE, DELETE or CONNECT. */
  readonly operation: string;
}

const MS_PER_S = 1_000;
const SECONDS = [0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 25];
const OK = 200;
/** What stands for the code of refusals that have none. */
const NO_CODE = 0;

export class WebhookFigures {
  readonly #took;
  readonly #asked;
  readonly #refused;
  readonly #open;

  constructor(registry: FamilyRegistry) {
    const table = <const L extends readonly string[]>(name: string, help: string, labels: L) => ({
      ...{ registry, help, labels },
      name: `apiserver_admission_webhook_${name}`,
    });
    const which = ['name', 'type', 'operation'] as const;
    this.#took = new HistogramTable({
      ...table('admission_duration_seconds', 'Time to ask a webhook', [
        ...which,
        'rejected',
      ] as const),
      bounds: SECONDS,
    });
    this.#asked = new CounterTable(
      table('request_total', 'Webhooks asked', [...which, 'code', 'rejected'] as const),
    );
    this.#refused = new CounterTable(
      table('rejection_count', 'Writes that webhooks refused', [
        ...which,
        ...(['error_type', 'rejection_code'] as const),
      ] as const),
    );
    this.#open = new CounterTable(
      table('fail_open_count', 'Webhooks that failed and were left out', ['name', 'type'] as const),
    );
  }

  /** @param error why the write may not go on; undefined: it may */
  ended({ name, type, operation }: AskedWebhook, tookMs: number, error: unknown): void {
    const rejected = String(error !== undefined);
    this.#took.at(name, type, operation, rejected).observe(tookMs / MS_PER_S);
    const code = error instanceof ApiError ? error.code : NO_CODE;
    const shown = error === undefined ? OK : code;
    this.#asked.at(name, type, operation, String(shown), rejected).inc();
    if (error === undefined) return;
    const isCall = error instanceof WebhookCallError;
    const errorType = isCall ? 'calling_webhook_error' : 'no_error';
    this.#refused.at(name, type, operation, errorType, String(isCall ? NO_CODE : code)).inc();
  }

  failedOpen({ name, type }: AskedWebhook): void {
    this.#open.at(name, type).inc();
  }
}
