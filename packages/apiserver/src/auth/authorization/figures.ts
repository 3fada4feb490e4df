/** Figures of authorisation under the stock names. */
import {
  CounterTable,
  DEFAULT_BOUNDS,
  HistogramTable,
  type Metrics,
  type Tally,
} from '@kubets/platform';

/** How a question to a webhook ended. */
export type WebhookResult = 'success' | 'error' | 'timeout';

const NAMED = ['type', 'name'] as const;
const RESULTS = ['name', 'result'] as const;
const CONDITION_BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25];
const WEBHOOK = 'Webhook';

export class AuthorizationFigures {
  readonly #decisions: CounterTable<readonly ['type', 'name', 'decision']>;
  readonly #evaluations: CounterTable<typeof RESULTS>;
  readonly #durations: HistogramTable<typeof RESULTS>;
  readonly #failOpen: CounterTable<typeof RESULTS>;
  readonly #conditionErrors: CounterTable<typeof NAMED>;
  readonly #exclusions: CounterTable<typeof NAMED>;
  readonly #conditionSeconds: HistogramTable<typeof NAMED>;

  constructor(registry: Metrics) {
    const family = <const L extends readonly string[]>(name: string, help: string, labels: L) => ({
      ...{ registry, help, labels },
      name: `apiserver_authorization_${name}`,
    });
    this.#decisions = new CounterTable(
      family('decisions_total', 'Decisions by the authorizer that made them.', [
        ...(['type', 'name', 'decision'] as const),
      ] as const),
    );
    this.#evaluations = new CounterTable(
      family('webhook_evaluations_total', 'Questions to authorization webhooks.', RESULTS),
    );
    this.#durations = new HistogramTable({
      ...family('webhook_duration_seconds', 'How long authorization webhooks took.', RESULTS),
      bounds: DEFAULT_BOUNDS,
    });
    this.#failOpen = new CounterTable(
      family('webhook_evaluations_fail_open_total', 'Webhooks passed over for a failure.', RESULTS),
    );
    this.#conditionErrors = new CounterTable(
      family('match_condition_evaluation_errors_total', 'Conditions that failed.', NAMED),
    );
    this.#exclusions = new CounterTable(
      family('match_condition_exclusions_total', 'Questions that conditions kept away.', NAMED),
    );
    this.#conditionSeconds = new HistogramTable({
      ...family('match_condition_evaluation_seconds', 'How long conditions took.', NAMED),
      bounds: CONDITION_BOUNDS,
    });
  }

  /** The cell of one sort of decision of an authorizer. */
  decisions(type: string, name: string, decision: 'allowed' | 'denied'): Tally {
    return this.#decisions.at(type, name, decision);
  }

  asked(name: string, result: WebhookResult, seconds: number): void {
    this.#evaluations.at(name, result).inc();
    this.#durations.at(name, result).observe(seconds);
  }

  failedOpen(name: string, result: WebhookResult): void {
    this.#failOpen.at(name, result).inc();
  }

  /** The conditions of a webhook were looked at. */
  matched(name: string, outcome: 'match' | 'excluded' | 'error', seconds: number): void {
    if (outcome === 'error') this.#conditionErrors.at(WEBHOOK, name).inc();
    if (outcome === 'excluded') this.#exclusions.at(WEBHOOK, name).inc();
    this.#conditionSeconds.at(WEBHOOK, name).observe(seconds);
  }
}
