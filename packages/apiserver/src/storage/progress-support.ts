/** Whether the members of a store can be believed when they are asked how far a watch is. */
import type { Clock, Timer } from '@kubets/platform';
import { PROGRESS_SUPPORT_MS, PROGRESS_SUPPORT_RETRY_MS } from '../limits.ts';

export interface ProgressSupportOptions {
  readonly clock: Clock;
  readonly endpoints: readonly string[];
  /** @returns such as `3.5.13`; rejects when the member does not answer */
  readonly versionOf: (endpoint: string) => Promise<string>;
}

export class ProgressSupport {
  readonly #o: ProgressSupportOptions;
  #isSure = false;
  #askedMs = Number.NEGATIVE_INFINITY;
  #retry: Timer | undefined;
  #isClosed = false;

  constructor(options: ProgressSupportOptions) {
    this.#o = options;
  }

  /** False as long as no member has said what it is. */
  get isSure(): boolean {
    return this.#isSure;
  }

  /** Asks the members, unless that was done a moment ago: others may have come, with a watch that is opened anew. */
  look(): void {
    const nowMs = this.#o.clock.monotonicMs();
    if (this.#isClosed || nowMs - this.#askedMs < PROGRESS_SUPPORT_MS) return;
    this.#askedMs = nowMs;
    void this.#ask();
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.cancel();
  }

  async #ask(): Promise<void> {
    const { endpoints, versionOf, clock } = this.#o;
    const answers = await Promise.allSettled(endpoints.map((endpoint) => versionOf(endpoint)));
    const versions = answers.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (versions.length > 0) {
      this.#isSure = versions.every(confirmsProgress);
      return;
    }
    this.#askedMs = Number.NEGATIVE_INFINITY;
    if (!this.#isClosed) {
      this.#retry = clock.setTimeout(() => this.look(), PROGRESS_SUPPORT_RETRY_MS);
    }
  }
}

/** Members since 3.4.31 and 3.5.13 answer once everything up to the revision they name was sent (etcd issue 15220). */
export function confirmsProgress(version: string): boolean {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.+-]/).map(Number);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 31;
  if (minor === 5) return patch >= 13;
  return minor > 5;
}
