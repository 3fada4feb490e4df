import type { Clock } from '@kubets/platform';
import type { PodInfo } from '../core/pod-info.ts';
import { POD_BACKOFF_MS, UNSCHEDULABLE_FLUSH_MS } from '../limits.ts';
import { EXTENDERS } from '../ports.ts';
import { Heap } from './heap.ts';

type Place = 'active' | 'backoff' | 'unschedulable' | 'out';

/** A pod on its way to a node. */
export interface QueuedPod {
  info: PodInfo;
  /** Tries so far. */
  attempts: number;
  /** When it was first seen; pods of equal priority go in this order. */
  readonly addedMs: number;
  /** When the last try ended. */
  triedMs: number;
  /** The plugins that said no in the last try. */
  rejectedBy: ReadonlySet<string>;
  place: Place;
}

/** Higher priority first, then first come, first served. */
function goesBefore(left: QueuedPod, right: QueuedPod): boolean {
  if (left.info.priority !== right.info.priority) return left.info.priority > right.info.priority;
  return left.addedMs < right.addedMs;
}

const MAX_DOUBLINGS = 10;
/** Why pods come to wait after a try. */
const FAILED = 'ScheduleAttemptFailure';

/** The wait of a pod after its first failed try, and the longest. */
export interface BackoffMs {
  readonly initial: number;
  readonly max: number;
}

function backoffEndMs({ attempts, triedMs }: QueuedPod, { initial, max }: BackoffMs): number {
  if (attempts === 0) return triedMs;
  const waitMs = initial * 2 ** Math.min(attempts - 1, MAX_DOUBLINGS);
  return triedMs + Math.min(max, waitMs);
}

export interface QueueOptions {
  readonly backoff?: BackoffMs;
  /** Told of every pod that comes into a queue, and why. */
  readonly onIncoming?: (queue: string, event: string) => void;
}

/**
 * Pods without a node. *Active* ones are to be tried now; those in *backoff* wait for their time; *unschedulable* ones
 * wait for a change in the cluster that could help them, and are tried again after some minutes all the same.
 */
export class SchedulingQueue {
  readonly #clock: Clock;
  readonly #backoffMs: BackoffMs;
  readonly #pods = new Map<string, QueuedPod>();
  /** May hold pods that have moved on since: their place tells. */
  readonly #active = new Heap<QueuedPod>(goesBefore);
  readonly #backoff = new Set<QueuedPod>();
  readonly #unschedulable = new Set<QueuedPod>();
  readonly #onIncoming: ((queue: string, event: string) => void) | undefined;
  #activeCount = 0;

  constructor(clock: Clock, { backoff = POD_BACKOFF_MS, onIncoming }: QueueOptions = {}) {
    this.#clock = clock;
    this.#backoffMs = backoff;
    this.#onIncoming = onIncoming;
  }

  get counts(): { active: number; backoff: number; unschedulable: number } {
    const [backoff, unschedulable] = [this.#backoff.size, this.#unschedulable.size];
    return { active: this.#activeCount, backoff, unschedulable };
  }

  /** Pods that wait for a change. */
  rejected(): Iterable<QueuedPod> {
    return this.#unschedulable;
  }

  /** A new pod, or one whose spec or labels changed: to be tried at once. */
  add(info: PodInfo): void {
    const known = this.#pods.get(info.key);
    if (known !== undefined && known.info.uid === info.uid) {
      known.info = info;
      if (known.place === 'unschedulable') this.#wake(known, 'PodUpdate');
      return;
    }
    this.delete(info.key);
    const nowMs = this.#clock.monotonicMs();
    const pod: QueuedPod = {
      info,
      attempts: 0,
      addedMs: nowMs,
      triedMs: nowMs,
      rejectedBy: new Set(),
      place: 'out',
    };
    this.#pods.set(info.key, pod);
    this.#move(pod, 'active', 'PodAdd');
  }

  /** The pod as it is now, where nothing changed that scheduling looks at. */
  refresh(info: PodInfo): void {
    const known = this.#pods.get(info.key);
    if (known?.info.uid === info.uid) known.info = info;
  }

  has(key: string): boolean {
    return this.#pods.has(key);
  }

  /** Whether the pod is still this one, to be placed. */
  holds(pod: QueuedPod): boolean {
    return this.#pods.get(pod.info.key) === pod;
  }

  delete(key: string): void {
    const pod = this.#pods.get(key);
    if (pod === undefined) return;
    this.#pods.delete(key);
    this.#move(pod, 'out');
  }

  /** The pod to try next. It stays known, in no place, until its try has ended. */
  pop(): QueuedPod | undefined {
    for (let pod = this.#active.pop(); pod !== undefined; pod = this.#active.pop()) {
      if (pod.place !== 'active') continue;
      this.#move(pod, 'out');
      pod.attempts += 1;
      return pod;
    }
    return undefined;
  }

  /** The try ended without a node. */
  unschedulable(pod: QueuedPod, rejectedBy: ReadonlySet<string>): void {
    if (this.#pods.get(pod.info.key) !== pod) return;
    pod.triedMs = this.#clock.monotonicMs();
    pod.rejectedBy = rejectedBy;
    this.#move(pod, 'unschedulable', FAILED);
  }

  /** The try ended with a failure of something else: again, later. */
  retry(pod: QueuedPod): void {
    if (this.#pods.get(pod.info.key) !== pod) return;
    pod.triedMs = this.#clock.monotonicMs();
    this.#move(pod, 'backoff', FAILED);
  }

  /** Something changed: pods it could help are tried again, once their backoff is over. */
  wake(helps: (pod: QueuedPod) => boolean): void {
    for (const pod of [...this.#unschedulable]) {
      if (pod.rejectedBy.has(EXTENDERS) || helps(pod)) this.#wake(pod, 'ClusterChange');
    }
  }

  /** Moves on whatever's time has come. @returns whether a pod became active */
  tick(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#activeCount;
    for (const pod of [...this.#unschedulable]) {
      if (nowMs - pod.triedMs < UNSCHEDULABLE_FLUSH_MS) continue;
      this.#move(pod, 'active', 'UnschedulableTimeout');
    }
    for (const pod of [...this.#backoff]) {
      if (backoffEndMs(pod, this.#backoffMs) > nowMs) continue;
      this.#move(pod, 'active', 'BackoffComplete');
    }
    return this.#activeCount > before;
  }

  #wake(pod: QueuedPod, event: string): void {
    const over = backoffEndMs(pod, this.#backoffMs) <= this.#clock.monotonicMs();
    this.#move(pod, over ? 'active' : 'backoff', event);
  }

  #move(pod: QueuedPod, place: Place, event = ''): void {
    if (pod.place === place) return;
    if (place !== 'out') this.#onIncoming?.(place, event);
    if (pod.place === 'active') this.#activeCount -= 1;
    this.#backoff.delete(pod);
    this.#unschedulable.delete(pod);
    pod.place = place;
    if (place === 'backoff') this.#backoff.add(pod);
    if (place === 'unschedulable') this.#unschedulable.add(pod);
    if (place !== 'active') return;
    this.#activeCount += 1;
    this.#active.push(pod);
  }
}
