/**
 * One priority level: so many seats, and queues for those who find none. Queues are served by start-time fair queuing: each
 * has a virtual time that moves on with the seats (and the time) its requests take, and the one that is furthest behind goes
 * next. A flood fills the queues of its own hand and is furthest ahead there; others are served between.
 */
import { type Clock, invariant } from '@kubets/platform';
import type { RequestInfo, UserInfo } from '../ports.ts';
import { deal } from './shuffle.ts';

export interface LevelConfig {
  readonly name: string;
  readonly uid: string;
  readonly exempt: boolean;
  /** Seats by its share. */
  readonly nominal: number;
  /** Of those, what no other level may take. */
  readonly reserved: number;
  /** Seats with what it may borrow. */
  readonly most: number;
  /** Without queues, requests that find no seat are refused. */
  readonly queuing?: {
    readonly queues: number;
    readonly handSize: number;
    readonly lengthLimit: number;
  };
}

/** A request that waits. */
export interface Waiting {
  readonly width: number;
  /** Who waits, for whoever looks at the queues. */
  readonly about: AboutWaiting;
  readonly flowHash: number;
  admit(): void;
}

/** What is shown of a request that waits. */
export interface AboutWaiting {
  readonly schema: string;
  readonly flow: string;
  readonly user: UserInfo;
  readonly info: RequestInfo;
  readonly arrivedMs: number;
}

/** What a queue holds. */
export interface QueueView {
  readonly waiting: readonly Waiting[];
  /** Requests that came from it and run, and the seats they have. */
  readonly executing: number;
  readonly running: number;
  readonly virtual: number;
}

interface Queue extends QueueView {
  waiting: Waiting[];
  /** Seats taken by its requests that run. */
  running: number;
  executing: number;
  /** Its virtual time: where its next request begins. */
  virtual: number;
}

/** A seat taken by a request that had waited. */
export interface QueuedSeat {
  readonly queue: Queue;
  readonly sinceMs: number;
}

/** A seat kept for this long weighs as much again as one kept for a moment. */
const TIME_UNIT_MS = 100;

export class Level {
  #config: LevelConfig;
  readonly #clock: Clock;
  #queues: Queue[] = [];
  #virtual = 0;
  #last = 0;
  #waiting = 0;
  inUse = 0;
  executing = 0;

  constructor(config: LevelConfig, clock: Clock) {
    this.#config = config;
    this.#clock = clock;
    this.configure(config);
  }

  get config(): LevelConfig {
    return this.#config;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get queues(): readonly QueueView[] {
    return this.#queues;
  }

  /** Takes over new figures; who waits already keeps waiting, in the queues of the new hand. */
  configure(config: LevelConfig): void {
    this.#config = config;
    const count = config.queuing?.queues ?? (this.#waiting > 0 ? 1 : 0);
    if (count === this.#queues.length) return;
    const before = this.#queues.flatMap(({ waiting }) => waiting);
    const virtual = this.#virtual;
    this.#queues = Array.from({ length: count }, () => ({
      ...{ waiting: [], running: 0, executing: 0, virtual },
    }));
    this.#waiting = 0;
    for (const one of before) this.#put(one, Number.POSITIVE_INFINITY);
  }

  /** @returns false when there is no queue, or no room in it */
  enqueue(one: Waiting): boolean {
    const { queuing } = this.#config;
    return queuing !== undefined && this.#put(one, queuing.lengthLimit);
  }

  /** Takes out a request that will not wait any longer. */
  cancel(one: Waiting): boolean {
    for (const queue of this.#queues) {
      const at = queue.waiting.indexOf(one);
      if (at < 0) continue;
      queue.waiting.splice(at, 1);
      this.#waiting -= 1;
      return true;
    }
    return false;
  }

  /** The request that is to run next. */
  next(): { readonly one: Waiting; readonly queue: Queue } | undefined {
    let best: Queue | undefined;
    const count = this.#queues.length;
    for (let step = 1; step <= count; step += 1) {
      const queue = this.#queues[(this.#last + step) % count];
      if (queue === undefined || queue.waiting.length === 0) continue;
      if (best === undefined || queue.virtual < best.virtual) best = queue;
    }
    const one = best?.waiting[0];
    return best && one && { one, queue: best };
  }

  /** Takes the request that `next` gave out of its queue: it runs. */
  dispatch(one: Waiting, queue: Queue): QueuedSeat {
    const first = queue.waiting.shift();
    invariant(first === one, 'the first of a queue is dispatched', { level: this.#config.name });
    this.#waiting -= 1;
    this.#last = this.#queues.indexOf(queue);
    this.#virtual = Math.max(this.#virtual, queue.virtual);
    queue.virtual += one.width;
    queue.running += one.width;
    queue.executing += 1;
    return { queue, sinceMs: this.#clock.monotonicMs() };
  }

  /** A request that had waited is over: what it took in time counts for its queue. */
  finish({ queue, sinceMs }: QueuedSeat, width: number): void {
    queue.running -= width;
    queue.executing -= 1;
    queue.virtual += (width * (this.#clock.monotonicMs() - sinceMs)) / TIME_UNIT_MS;
  }

  #put(one: Waiting, lengthLimit: number): boolean {
    const count = this.#queues.length;
    const handSize = Math.min(this.#config.queuing?.handSize ?? 1, count);
    let chosen: Queue | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const index of deal(one.flowHash, count, handSize)) {
      const queue = this.#queues[index];
      if (queue === undefined) continue;
      const load = queue.running + queue.waiting.reduce((sum, { width }) => sum + width, 0);
      if (load >= least) continue;
      least = load;
      chosen = queue;
    }
    if (chosen === undefined || chosen.waiting.length >= lengthLimit) return false;
    // A flow that was quiet has saved nothing up.
    if (chosen.waiting.length === 0) chosen.virtual = Math.max(chosen.virtual, this.#virtual);
    chosen.waiting.push(one);
    this.#waiting += 1;
    return true;
  }
}
