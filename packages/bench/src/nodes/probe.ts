/** One object written again and again, and watched: how far the watch is behind, and when writes were refused or unanswered. */
import type { Clock } from '@kubets/platform';
import { OUTAGE_MS, PROBE_MS, PROBE_TIMEOUT_MS } from '../limits.ts';
import { Histogram } from '../report/histogram.ts';
import type { RestClient } from '../runtime/rest-client.ts';
import { type Json, SYSTEM_NAMESPACE } from './objects.ts';

/** From an answered write to the next one, where that was long. */
export interface Outage {
  readonly fromMs: number;
  readonly toMs: number;
}

export interface ProbeOptions {
  readonly client: RestClient;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onLag: (ms: number) => void;
}

const NAME = 'kubets-bench-probe';
const MAPS = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/configmaps`;

export class Probe {
  readonly #options: ProbeOptions;
  readonly lag = new Histogram();
  readonly outages: Outage[] = [];
  #lastOkMs = 0;

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { client } = this.#options;
    const metadata = { name: NAME, namespace: SYSTEM_NAMESPACE };
    const body = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: {} };
    await client.call({ verb: 'POST', path: MAPS, body }).catch(() => undefined); // It may be there.
    this.#lastOkMs = this.#options.clock.now();
    this.#follow();
    this.#write();
  }

  async remove(): Promise<void> {
    const path = `${MAPS}/${NAME}`;
    await this.#options.client.call({ verb: 'DELETE', path }).catch(() => undefined); // Tidying only.
  }

  #write(): void {
    const { client, clock, signal } = this.#options;
    if (signal.aborted) return;
    const body = { data: { sentMs: String(clock.now()) } };
    const path = `${MAPS}/${NAME}`;
    const type = 'application/merge-patch+json';
    client
      .call({ verb: 'PATCH', path, body, type, timeoutMs: PROBE_TIMEOUT_MS })
      .then(() => {
        const nowMs = clock.now();
        const silentMs = nowMs - this.#lastOkMs;
        // A write that was answered late kept its client waiting as one that was refused did.
        if (silentMs > OUTAGE_MS) this.outages.push({ fromMs: this.#lastOkMs, toMs: nowMs });
        this.#lastOkMs = nowMs;
      })
      .catch(() => undefined) // What fails is a figure here, not a fault: the next answer tells the time.
      .finally(() => clock.setTimeout(() => this.#write(), PROBE_MS));
  }

  #follow(): void {
    const { client, clock, signal, onLag } = this.#options;
    if (signal.aborted) return;
    const selector = encodeURIComponent(`metadata.name=${NAME}`);
    let first = true;
    const watch = client.watch(`${MAPS}?watch=true&fieldSelector=${selector}`, ({ object }) => {
      const { sentMs } = ((object as Json).data ?? {}) as { sentMs?: string };
      // The state at the beginning is old.
      if (!first && sentMs !== undefined) {
        const ms = clock.now() - Number(sentMs);
        this.lag.record(ms);
        onLag(ms);
      }
      first = false;
    });
    signal.addEventListener('abort', watch.stop, { once: true });
    void watch.done.then(() => {
      signal.removeEventListener('abort', watch.stop);
      clock.setTimeout(() => this.#follow(), PROBE_MS);
    });
  }
}
