/** Two plain bounds on the requests under way at once, for servers without priority and fairness. */
import { tooManyRequests } from '@kubets/api';
import type { Gate, GateRequest, Pass } from './gate.ts';
import { INFLIGHT_RETRY_SECONDS } from './limits.ts';

const READS: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head']);

class Room {
  readonly #limit: number;
  running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** @throws ApiError TooManyRequests */
  take(): void {
    if (this.#limit > 0 && this.running >= this.#limit) {
      throw tooManyRequests('Too many requests, please try again later.', INFLIGHT_RETRY_SECONDS);
    }
    this.running += 1;
  }
}

export class Inflight implements Gate {
  readonly #reads: Room;
  readonly #writes: Room;

  /** A limit of 0 is none. */
  constructor(limits: { reads: number; writes: number }) {
    this.#reads = new Room(limits.reads);
    this.#writes = new Room(limits.writes);
  }

  get running(): { reads: number; writes: number } {
    return { reads: this.#reads.running, writes: this.#writes.running };
  }

  enter({ info }: GateRequest): Pass {
    const room = READS.has(info.verb) ? this.#reads : this.#writes;
    room.take();
    return room;
  }

  leave(pass: Pass): void {
    (pass as Room).running -= 1;
  }
}
