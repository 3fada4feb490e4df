/** Writes down who did what: a record a request that the policy wants, each of its stages sent to every backend. */
import type { Clock } from '@kubets/platform';
import type { UserInfo } from '../ports.ts';
import type { AuditPolicy } from './policy.ts';
import type { AuditEvent } from './record.ts';
import { AuditRecord, type RequestFacts } from './record.ts';

/** Where events go. */
export interface AuditBackend {
  readonly name: string;
  /** An event that cannot be written is counted; only a strict backend throws, and only for the first of a request. */
  write(event: AuditEvent): void;
  /** Lets what waits be written. */
  close(): Promise<void>;
}

export interface AuditMetrics {
  event(): void;
}

export class Auditor {
  readonly #policy: AuditPolicy;
  readonly #backends: readonly AuditBackend[];
  readonly #clock: Clock;
  readonly #metrics: AuditMetrics;

  constructor(o: {
    policy: AuditPolicy;
    backends: readonly AuditBackend[];
    clock: Clock;
    metrics: AuditMetrics;
  }) {
    this.#policy = o.policy;
    this.#backends = o.backends;
    this.#clock = o.clock;
    this.#metrics = o.metrics;
  }

  /** Begins the record of a request; undefined when the policy wants nothing of it. */
  begin(user: UserInfo | undefined, facts: RequestFacts): AuditRecord | undefined {
    const verdict = this.#policy.verdict(user, facts.info);
    if (verdict.level === 'None') return undefined;
    return new AuditRecord({
      ...{ facts, user, verdict },
      now: () => this.#clock.now(),
      emit: (event) => this.#write(event),
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.#backends.map((backend) => backend.close()));
  }

  #write(event: AuditEvent): void {
    this.#metrics.event();
    for (const backend of this.#backends) backend.write(event);
  }
}
