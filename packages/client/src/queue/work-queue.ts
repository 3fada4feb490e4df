import type { Clock, Logger, Random, Timer } from '@kubets/platform';
import { QUEUE_BACKOFF_MS } from '../limits.ts';
import { Breather } from './breather.ts';
import type { QueueFigures, QueueMetrics } from './queue-metrics.ts';

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The wait after the first failure of a key; doubles with each further one. 5 ms by default. */
  readonly baseDelayMs?: number;
  /** The longest wait; one minute by default. */
  readonly maxDelayMs?: number;
  /** Told about workers that throw. */
  readonly log?: Logger;
  /** Where it is counted, and under which name; absent: nowhere. */
  readonly counted?: { readonly by: QueueMetrics; readonly as: string } | undefined;
}

interface Later {
  readonly atMs: number;
  readonly timer: Timer;
}

const MAX_DOUBLINGS = 40;
const MS_PER_S = 1_000;

/**
 * Keys to work on. A key that is added many times is worked on once; two workers never hold the same key; a key added
 * while it is worked on is worked on again afterwards. A worker that throws gets its key back, later each time.
 */
export class WorkQueue<K extends string = string> {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #baseDelayMs: number;
  readonly #maxDelayMs: number;
  readonly #log: Logger | undefined;
  readonly #breather: Breather;
  /** With the time since when they are. */
  readonly #ready = new Map<K, number>();
  readonly #active = new Map<K, number>();
  readonly #again = new Map<K, number>();
  readonly #later = new Map<K, Later>();
  readonly #failures = new Map<K, number>();
  #worker: ((key: K) => Promise<void>) | undefined;
  #concurrency = 0;
  /** Nothing is taken any more: who still works may add keys, but nobody will come for them. */
  #stopped = false;
  #waiters: (() => void)[] = [];
  readonly #counted: WorkQueueOptions['counted'];
  #figures: QueueFigures | undefined;
  #forget: (() => void) | undefined;

  constructor(options: WorkQueueOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#baseDelayMs = options.baseDelayMs ?? QUEUE_BACKOFF_MS.base;
    this.#maxDelayMs = options.maxDelayMs ?? QUEUE_BACKOFF_MS.max;
    this.#log = options.log;
    this.#breather = new Breather(options.clock);
    this.#counted = options.counted;
    this.#count();
  }

  /** Keys that wait for a worker, without those that wait for a time. */
  get depth(): number {
    return this.#ready.size + this.#again.size;
  }

  /** Keys that wait for their time. */
  get delayed(): number {
    return this.#later.size;
  }

  /** To be worked on as soon as a worker is free. */
  add(key: K): void {
    if (this.#stopped) return;
    this.#dropLater(key);
    const isActive = this.#active.has(key);
    const queue = isActive ? this.#again : this.#ready;
    if (!queue.has(key)) {
      queue.set(key, this.#clock.monotonicMs());
      this.#figures?.adds.inc();
    }
    if (!isActive) this.#pump();
  }

  /** To be worked on after a time; of several times the earliest counts. */
  addAfter(key: K, ms: number): void {
    if (this.#stopped) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    this.#figures?.retries.inc();
    const atMs = this.#clock.monotonicMs() + ms;
    const known = this.#later.get(key);
    if (known !== undefined && known.atMs <= atMs) return;
    this.#dropLater(key);
    this.#later.set(key, { atMs, timer: this.#clock.setTimeout(() => this.add(key), ms) });
  }

  /** To be worked on again after a failure: later with each failure in a row, until {@link forget}. */
  addRateLimited(key: K): void {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const plainMs = this.#baseDelayMs * 2 ** Math.min(failures, MAX_DOUBLINGS);
    const spread = 0.9 + 0.1 * this.#random.next();
    this.addAfter(key, Math.min(this.#maxDelayMs, plainMs) * spread);
  }

  /** How often the key failed in a row. */
  failuresOf(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /** The key's failures count no more. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  /**
   * Starts the workers. A worker that resolves is done with the key (its failures are forgotten unless it added the key
   * rate-limited itself); one that throws has the key added again.
   * @returns how to stop: resolves once no worker runs; keys still waiting, or added from then on, are dropped
   */
  run(concurrency: number, worker: (key: K) => Promise<void>): { stop(): Promise<void> } {
    this.#stopped = false;
    this.#count();
    this.#worker = worker;
    this.#concurrency = concurrency;
    this.#pump();
    return { stop: () => this.#stop() };
  }

  /** Resolves when nothing is ready and no worker runs; keys that wait for their time do not count. */
  whenIdle(): Promise<void> {
    if (this.#idle()) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  #idle(): boolean {
    return this.#active.size === 0 && this.#ready.size === 0;
  }

  #pump(): void {
    while (this.#worker !== undefined && this.#active.size < this.#concurrency) {
      const [next] = this.#ready;
      if (next === undefined) return;
      const [key, sinceMs] = next;
      const nowMs = this.#clock.monotonicMs();
      this.#figures?.waited.observe((nowMs - sinceMs) / MS_PER_S);
      this.#ready.delete(key);
      this.#active.set(key, nowMs);
      void this.#work(key, this.#worker);
    }
  }

  async #work(key: K, worker: (key: K) => Promise<void>): Promise<void> {
    // A fresh turn: whoever adds a key is never re-entered by the worker.
    if (this.#breather.isDue) await this.#breather.breathe();
    else await Promise.resolve();
    const failuresBefore = this.failuresOf(key);
    try {
      await worker(key);
      if (this.failuresOf(key) === failuresBefore) this.forget(key);
    } catch (error) {
      this.#log?.warn({ item: key, err: error }, 'work failed; trying again later');
      if (this.#worker !== undefined) this.addRateLimited(key);
    }
    this.#finish(key);
    this.#pump();
    if (!this.#idle()) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }

  /** The work on a key is over; whoever added it meanwhile waits since then. */
  #finish(key: K): void {
    const startMs = this.#active.get(key) ?? 0;
    this.#figures?.worked.observe((this.#clock.monotonicMs() - startMs) / MS_PER_S);
    this.#active.delete(key);
    const sinceMs = this.#again.get(key);
    if (sinceMs === undefined) return;
    this.#again.delete(key);
    if (this.#worker !== undefined) this.#ready.set(key, sinceMs);
  }

  #count(): void {
    if (this.#counted === undefined || this.#forget !== undefined) return;
    const { by, as: name } = this.#counted;
    const { figures, forget } = by.register(name, () => ({
      depth: this.depth,
      startsMs: this.#active.values(),
      nowMs: this.#clock.monotonicMs(),
    }));
    this.#figures = figures;
    this.#forget = forget;
  }

  async #stop(): Promise<void> {
    this.#stopped = true;
    this.#worker = undefined;
    this.#ready.clear();
    this.#again.clear();
    for (const { timer } of this.#later.values()) timer.cancel();
    this.#later.clear();
    await this.whenIdle();
    this.#forget?.();
    this.#forget = undefined;
  }

  #dropLater(key: K): void {
    this.#later.get(key)?.timer.cancel();
    this.#later.delete(key);
  }
}
