import { type Event, isNotFound, type KubeObject } from '@kubets/api';
import { type Clock, delay, exponentialBackoff, type Logger, systemRandom } from '@kubets/platform';
import { TransportError } from '../errors.ts';
import {
  EVENT_BACKOFF_MS,
  EVENT_LANES,
  FLUSH_LIMIT_MS,
  MAX_EVENT_TRIES,
  MAX_PENDING_EVENTS,
} from '../limits.ts';
import type { Api, ResourceApi } from '../ports.ts';
import { EventCorrelator, type Remembered } from './correlator.ts';

export interface EventRecorderOptions {
  readonly api: Api;
  /** The source shown by kubectl, such as `default-scheduler`. */
  readonly component: string;
  /** The node, for events of a node's agent. */
  readonly host?: string;
  readonly clock: Clock;
  readonly log: Logger;
}

interface Pending {
  readonly key: string;
  readonly event: Event;
  readonly namespace: string;
  /** Present for a repetition: only count and time of an event written before change. */
  readonly repeats: Remembered | undefined;
}

/** Events are written in several lanes, those about one object in one lane, in their order. */
interface Lane {
  readonly pending: Pending[];
  sending: Promise<void> | undefined;
}

/** Which lane an object's events take. */
function laneOf(objectKey: string): number {
  let hash = 0;
  for (let at = 0; at < objectKey.length; at += 1) {
    hash = (Math.imul(hash, 31) + objectKey.charCodeAt(at)) >>> 0;
  }
  return hash % EVENT_LANES;
}

const timeText = (epochMs: number): string =>
  new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');

/** What an event is about, in its own words. */
function referenceTo(object: KubeObject): NonNullable<Event['involvedObject']> {
  const { name, namespace, uid, resourceVersion } = object.metadata;
  return {
    ...(object.apiVersion === undefined ? {} : { apiVersion: object.apiVersion }),
    ...(object.kind === undefined ? {} : { kind: object.kind }),
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/**
 * Tells users what a component did, as core/v1 Events. Never blocks and never fails its caller: events wait in a
 * bounded queue, repetitions raise a count, floods about one object are cut, and what cannot be written is dropped.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #events: ResourceApi<Event>;
  readonly #correlator = new EventCorrelator();
  readonly #lanes: Lane[] = Array.from({ length: EVENT_LANES }, () => ({
    pending: [],
    sending: undefined,
  }));
  #waiting = 0;
  #dropped = 0;
  #sequence = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#events = options.api.resource<Event>('v1', 'events');
  }

  /** Events given up, because of floods or because they could not be written. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * @param regarding what the event is about; needs apiVersion, kind, metadata
   * @param reason one CamelCase word
   */
  event(regarding: KubeObject, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const nowMs = this.#options.clock.now();
    const { uid = '', name = '', namespace = '' } = regarding.metadata;
    const objectKey = [regarding.kind, namespace, name, uid].join('|');
    if (!this.#correlator.admits(objectKey, nowMs)) {
      this.#dropped += 1;
      return;
    }
    const key = [objectKey, type, reason, message].join('|');
    const repeats = this.#correlator.repeat(key);
    const event = this.#build(regarding, { type, reason, message, nowMs, repeats });
    if (repeats === undefined) {
      const written = { name: event.metadata.name ?? '', firstMs: nowMs, count: 1 };
      this.#correlator.remember(key, written);
    }
    const pending = { key, event, namespace: event.metadata.namespace ?? 'default', repeats };
    this.#enqueue(laneOf(objectKey), pending);
  }

  /** Resolves when nothing waits any more, or when that takes too long to wait for. */
  async flush(): Promise<void> {
    const done = Promise.all(this.#lanes.map(({ sending }) => sending));
    const gaveUp = new AbortController();
    const { clock } = this.#options;
    const limit = delay(FLUSH_LIMIT_MS, { clock, signal: gaveUp.signal }).catch(() => undefined);
    await Promise.race([done, limit]);
    gaveUp.abort();
  }

  #enqueue(at: number, pending: Pending): void {
    const lane = this.#lanes[at];
    if (lane === undefined) return;
    lane.pending.push(pending);
    this.#waiting += 1;
    lane.sending ??= this.#send(lane);
    if (this.#waiting <= MAX_PENDING_EVENTS) return;
    // The longest queue gives up its oldest event.
    const longest = this.#lanes.reduce((a, b) => (b.pending.length > a.pending.length ? b : a));
    longest.pending.shift();
    this.#waiting -= 1;
    this.#dropped += 1;
  }

  #build(
    regarding: KubeObject,
    what: {
      type: 'Normal' | 'Warning';
      reason: string;
      message: string;
      nowMs: number;
      repeats: Remembered | undefined;
    },
  ): Event {
    const { component, host } = this.#options;
    const { type, reason, message, nowMs, repeats } = what;
    this.#sequence += 1;
    const unique = BigInt(nowMs) * 1_000_000n + BigInt(this.#sequence % 1_000_000);
    const subject = regarding.metadata.name ?? 'unknown';
    return {
      apiVersion: 'v1',
      kind: 'Event',
      metadata: {
        name: repeats?.name ?? `${subject}.${unique.toString(16)}`,
        namespace: regarding.metadata.namespace || 'default',
      },
      involvedObject: referenceTo(regarding),
      reason,
      message,
      type,
      source: host === undefined ? { component } : { component, host },
      firstTimestamp: timeText(repeats?.firstMs ?? nowMs),
      lastTimestamp: timeText(nowMs),
      count: repeats?.count ?? 1,
      reportingComponent: component,
      reportingInstance: host ?? '',
    };
  }

  async #send(lane: Lane): Promise<void> {
    // A fresh turn, so that the caller's own work goes first.
    await Promise.resolve();
    for (let next = lane.pending.shift(); next !== undefined; next = lane.pending.shift()) {
      this.#waiting -= 1;
      await this.#write(next);
    }
    lane.sending = undefined;
  }

  async #write(pending: Pending): Promise<void> {
    const { clock, log } = this.#options;
    const { initial: initialMs, max: maxMs } = EVENT_BACKOFF_MS;
    const backoff = exponentialBackoff({ initialMs, maxMs }, systemRandom);
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#writeOnce(pending);
      } catch (error) {
        if (!(error instanceof TransportError) || tries >= MAX_EVENT_TRIES) {
          this.#dropped += 1;
          this.#correlator.forget(pending.key);
          log.info({ err: error, reason: pending.event.reason }, 'event not written');
          return;
        }
      }
      await delay(backoff.nextMs(), { clock });
    }
  }

  async #writeOnce({ key, event, namespace, repeats }: Pending): Promise<void> {
    if (repeats !== undefined) {
      const { count, lastTimestamp } = event;
      try {
        await this.#events.patch(namespace, repeats.name, 'merge', { count, lastTimestamp });
        return;
      } catch (error) {
        // Events expire; the count starts again with a new object.
        if (!isNotFound(error)) throw error;
        this.#correlator.forget(key);
      }
    }
    await this.#events.submit(event, { namespace });
  }
}
