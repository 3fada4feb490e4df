/** Gathers events and hands them on in batches, so that nobody waits for a slow backend; what finds no room is dropped. */
import type { Clock, Timer } from '@kubets/platform';
import type { AuditBackend } from './auditor.ts';
import type { AuditEvent } from './record.ts';

export interface BatchOptions {
  readonly name: string;
  /** Events that may wait. */
  readonly bufferSize: number;
  readonly maxBatchSize: number;
  /** An event waits at most this long before its batch goes. */
  readonly maxWaitMs: number;
  /** Rejects when the batch is lost. */
  readonly send: (events: readonly AuditEvent[]) => Promise<void>;
  readonly onLost: (count: number, error?: unknown) => void;
  readonly clock: Clock;
}

export class BatchBackend implements AuditBackend {
  readonly name: string;
  readonly #o: BatchOptions;
  #waiting: AuditEvent[] = [];
  #timer: Timer | undefined;
  #sending: Promise<void> = Promise.resolve();
  #isSending = false;

  constructor(options: BatchOptions) {
    this.name = options.name;
    this.#o = options;
  }

  write(event: AuditEvent): void {
    const { bufferSize, maxBatchSize, maxWaitMs, clock, onLost } = this.#o;
    if (this.#waiting.length >= bufferSize) {
      onLost(1);
      return;
    }
    this.#waiting.push(event);
    if (this.#waiting.length >= maxBatchSize) this.#flush();
    else this.#timer ??= clock.setTimeout(() => this.#flush(), maxWaitMs);
  }

  async close(): Promise<void> {
    this.#flush();
    await this.#sending;
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#isSending || this.#waiting.length === 0) return;
    this.#isSending = true;
    this.#sending = this.#drain();
  }

  async #drain(): Promise<void> {
    const { maxBatchSize, send, onLost } = this.#o;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, maxBatchSize);
      try {
        await send(batch);
      } catch (error) {
        onLost(batch.length, error);
      }
    }
    this.#isSending = false;
  }
}
