/**
 * Heartbeats of nodes, which nobody waits for with impatience, are served in rounds: the first of a quiet time at once, what
 * comes within so many milliseconds after a round at the end of that time. A request that comes alone finds code and data
 * gone from the processor's caches, and costs much more than the next one of a round; and what a round writes shares the way
 * to the store: one piece on the wire, one entry in its log and one sync of its disk, one message to every watcher.
 */
import type { Clock, Timer } from '@kubets/platform';
import { HEARTBEAT_ROUND_MS, HEARTBEATS_A_ROUND } from './limits.ts';
import type { RequestInfo } from './ports.ts';

/** Where kubelets keep the leases they renew (enhancement proposal 589, node heartbeats). */
const GROUP = 'coordination.k8s.io';
const NAMESPACE = 'kube-node-lease';
const PATHS = `/apis/${GROUP}/v1/namespaces/${NAMESPACE}/leases/`;

/** Whether a request of which no more than the line has been read renews the lease of a node. */
export const isHeartbeat = (method = '', url = ''): boolean =>
  (method === 'PUT' || method === 'PATCH') && url.startsWith(PATHS);

/** The same for a component's call. */
export const isHeartbeatCall = (info: RequestInfo): boolean =>
  (info.verb === 'update' || info.verb === 'patch') &&
  info.namespace === NAMESPACE &&
  info.apiGroup === GROUP;

export class Heartbeats {
  readonly #clock: Clock;
  #lastMs = Number.NEGATIVE_INFINITY;
  #round: { begun: Promise<void>; begin: () => void; timer: Timer; size: number } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** When to serve one more; undefined: now. A round that is full begins early. */
  turn(): Promise<void> | undefined {
    const round = this.#round ?? this.#newRound();
    if (round === undefined) return undefined;
    round.size += 1;
    if (round.size >= HEARTBEATS_A_ROUND) round.begin();
    return round.begun;
  }

  /** Undefined: there was none for so long that it may begin, and be over, now. */
  #newRound() {
    const now = this.#clock.monotonicMs();
    const waitMs = this.#lastMs + HEARTBEAT_ROUND_MS - now;
    if (waitMs <= 0) {
      this.#lastMs = now;
      return undefined;
    }
    const { promise: begun, resolve } = Promise.withResolvers<void>();
    const begin = (): void => {
      timer.cancel();
      this.#round = undefined;
      this.#lastMs = this.#clock.monotonicMs();
      resolve();
    };
    const timer = this.#clock.setTimeout(begin, waitMs);
    this.#round = { begun, begin, timer, size: 0 };
    return this.#round;
  }
}
