/**
 * Priority and fairness: every request belongs to a flow of a schema, every schema to a priority level, and every level has
 * its share of the seats. Who finds a seat free runs at once, at the cost of a few comparisons and without an allocation.
 */
import {
  type FlowSchema,
  type PriorityLevelConfiguration,
  type PriorityLevelConfigurationSpec,
  tooManyRequests,
} from '@kubets/api';
import type { Clock, Timer } from '@kubets/platform';
import { FLOW_SCHEMAS, PRIORITY_LEVELS } from '../bootstrap/flow-control.ts';
import { INFLIGHT_RETRY_SECONDS, MAX_QUEUE_WAIT_MS, MAX_REQUEST_SEATS } from '../limits.ts';
import type { RequestInfo, UserInfo } from '../ports.ts';
import { type CompiledSchema, compileSchema, inOrder } from './classify.ts';
import { Level, type LevelConfig, type QueuedSeat, type Waiting } from './level.ts';
import { Seats } from './seats.ts';
import { hashOf } from './shuffle.ts';

/** The right to run, given back with `Fairness.leave`. */
export interface Ticket {
  readonly flow: Flow;
  readonly width: number;
  /** Present when the request had waited. */
  readonly queued?: QueuedSeat;
}

export type RejectReason = 'concurrency-limit' | 'queue-full' | 'time-out' | 'cancelled';

/** A schema in use, with what became of its requests. */
export interface Flow {
  readonly schema: CompiledSchema;
  readonly level: Level;
  /** Tickets for requests that found a seat at once, by width: they are all alike. */
  readonly tickets: readonly Ticket[];
  dispatched: number;
  /** What its requests do now; the same while the schema is, however often it is configured. */
  readonly now: { executing: number; seats: number; waiting: number };
  readonly rejected: Record<RejectReason, number>;
}

export interface Asking {
  readonly user: UserInfo;
  readonly info: RequestInfo;
  /** Seats wanted; lists of many objects take several. */
  readonly width: number;
  /** Aborted when the client goes away. */
  readonly signal?: (() => AbortSignal) | undefined;
}

export interface FairnessOptions {
  /** Seats of all levels together. */
  readonly seats: number;
  readonly clock: Clock;
  /** Told how long a request waited that did not run at once. */
  readonly onWaited?: (flow: Flow, waitedMs: number, ran: boolean) => void;
}

const CATCH_ALL = 'catch-all';
/** At least this many of the first objects are there, whatever the administrator does. */
const MANDATORY = 2;

export class Fairness {
  readonly #o: FairnessOptions;
  readonly #seats = new Seats();
  readonly #levels = new Map<string, Level>();
  #flows: Flow[] = [];

  constructor(options: FairnessOptions) {
    this.#o = options;
    this.configure(FLOW_SCHEMAS, PRIORITY_LEVELS);
  }

  get flows(): readonly Flow[] {
    return this.#flows;
  }

  get levels(): readonly Level[] {
    return this.#seats.levels;
  }

  /** Whether a level is wanted still; else it is only waited for its last requests. */
  isConfigured(level: Level): boolean {
    return this.#levels.get(level.config.name) === level;
  }

  /** Takes over the objects of the API; what is mandatory and missing is as it was at first. */
  configure(schemas: readonly FlowSchema[], levels: readonly PriorityLevelConfiguration[]): void {
    const all = withMandatory(levels, PRIORITY_LEVELS);
    this.#configureLevels(all);
    const compiled = withMandatory(schemas, FLOW_SCHEMAS).map(compileSchema);
    const before = new Map(this.#flows.map((flow) => [flow.schema.name, flow]));
    this.#flows = inOrder(compiled).flatMap((schema) => {
      const level = this.#levels.get(schema.levelName);
      return level === undefined ? [] : [flowOf(schema, level, before.get(schema.name))];
    });
    this.#dispatch();
  }

  /** The flow a request belongs to. */
  classify(user: UserInfo, info: RequestInfo): Flow {
    const flow = this.#flows.find(({ schema }) => schema.matches(user, info));
    return flow ?? this.#catchAll();
  }

  /** A seat at once, or when there is one. @throws ApiError TooManyRequests */
  enter(flow: Flow, asking: Asking): Ticket | Promise<Ticket> {
    return this.take(flow, asking.width) ?? this.#wait(flow, widthOn(flow.level, asking), asking);
  }

  /** A seat if there is one just now, without an allocation; undefined if the request would have to wait. */
  take(flow: Flow, wanted: number): Ticket | undefined {
    const { level } = flow;
    const width = wanted === 1 ? 1 : widthOn(level, { width: wanted });
    if (level.waiting > 0 || !this.#seats.fits(level, width)) return undefined;
    return this.#seat(flow, width, undefined);
  }

  leave({ flow, width, queued }: Ticket): void {
    const { level } = flow;
    level.inUse -= level.config.exempt ? 0 : width;
    level.executing -= 1;
    flow.now.executing -= 1;
    flow.now.seats -= width;
    if (queued !== undefined) level.finish(queued, width);
    this.#dispatch();
  }

  #seat(flow: Flow, width: number, queued: QueuedSeat | undefined): Ticket {
    const { level } = flow;
    level.inUse += level.config.exempt ? 0 : width;
    level.executing += 1;
    flow.now.executing += 1;
    flow.now.seats += width;
    flow.dispatched += 1;
    const known = queued === undefined ? flow.tickets[width - 1] : undefined;
    return known ?? { flow, width, ...(queued && { queued }) };
  }

  #wait(flow: Flow, width: number, { user, info, signal }: Asking): Promise<Ticket> {
    const { clock, onWaited } = this.#o;
    const { level, schema } = flow;
    const sinceMs = clock.monotonicMs();
    const { promise, resolve, reject } = Promise.withResolvers<Ticket>();
    let timer: Timer | undefined;
    const gone = signal?.();
    const giveUp = (reason: RejectReason): void => {
      if (!level.cancel(one)) return;
      settle(false);
      flow.rejected[reason] += 1;
      reject(refusal());
    };
    const onGone = (): void => giveUp('cancelled');
    const settle = (ran: boolean): void => {
      flow.now.waiting -= 1;
      timer?.cancel();
      gone?.removeEventListener('abort', onGone);
      onWaited?.(flow, clock.monotonicMs() - sinceMs, ran);
    };
    const of = schema.flowOf(user, info);
    const flowHash = hashOf(`${schema.name}/${of}`);
    const one: Waiting & { seat?: QueuedSeat } = {
      ...{ width, flowHash },
      about: { schema: schema.name, flow: of, user, info, arrivedMs: clock.now() },
      admit: () => {
        settle(true);
        resolve(this.#seat(flow, width, one.seat));
      },
    };
    if (!level.enqueue(one)) {
      const reason = level.config.queuing === undefined ? 'concurrency-limit' : 'queue-full';
      flow.rejected[reason] += 1;
      throw refusal();
    }
    flow.now.waiting += 1;
    timer = clock.setTimeout(() => giveUp('time-out'), MAX_QUEUE_WAIT_MS);
    gone?.addEventListener('abort', onGone, { once: true });
    // Seats may be free that the ones before had no use for.
    this.#dispatch();
    return promise;
  }

  #dispatch(): void {
    this.#seats.dispatch((level) => {
      const found = level.next();
      if (found === undefined) return;
      const { one, queue } = found;
      (one as Waiting & { seat?: QueuedSeat }).seat = level.dispatch(one, queue);
      one.admit();
    });
  }

  #catchAll(): Flow {
    const found = this.#flows.find(({ schema }) => schema.name === CATCH_ALL);
    if (found === undefined) throw new Error('there is no flow schema catch-all');
    return found;
  }

  #configureLevels(objects: readonly PriorityLevelConfiguration[]): void {
    const configs = levelConfigs(objects, this.#o.seats);
    for (const config of configs) {
      const known = this.#levels.get(config.name);
      if (known === undefined) this.#levels.set(config.name, new Level(config, this.#o.clock));
      else known.configure(config);
    }
    const names = new Set(configs.map(({ name }) => name));
    const retired: Level[] = [];
    for (const [name, level] of this.#levels) {
      if (names.has(name)) continue;
      this.#levels.delete(name);
      // Nobody comes any more; who is there may end in peace.
      level.configure({ ...level.config, nominal: 0, reserved: 0 });
      if (level.waiting > 0 || level.executing > 0) retired.push(level);
    }
    this.#seats.configure([...this.#levels.values(), ...retired]);
  }
}

function withMandatory<T extends { metadata: { name?: string | undefined } }>(
  given: readonly T[],
  defaults: readonly T[],
): readonly T[] {
  const names = new Set(given.map(({ metadata }) => metadata.name));
  return [...given, ...defaults.slice(0, MANDATORY).filter((one) => !names.has(one.metadata.name))];
}

function flowOf(schema: CompiledSchema, level: Level, before: Flow | undefined): Flow {
  const rejected = { 'concurrency-limit': 0, 'queue-full': 0, 'time-out': 0, cancelled: 0 };
  const tickets: Ticket[] = [];
  const flow: Flow = {
    ...{ schema, level, tickets },
    dispatched: before?.dispatched ?? 0,
    rejected: before?.rejected ?? rejected,
    now: before?.now ?? { executing: 0, seats: 0, waiting: 0 },
  };
  for (let width = 1; width <= MAX_REQUEST_SEATS; width += 1) tickets.push({ flow, width });
  return flow;
}

function refusal(): Error {
  return tooManyRequests('Too many requests, please try again later.', INFLIGHT_RETRY_SECONDS);
}

/** One request takes at most this part of its level's seats, so that wide lists do not stop everything. */
const WIDEST_PART = 0.15;

function widthOn(level: Level, { width }: { width: number }): number {
  return Math.max(1, Math.min(width, widestOf(level)));
}

function widestOf({ config }: Level): number {
  if (config.exempt) return MAX_REQUEST_SEATS;
  return Math.max(1, Math.min(MAX_REQUEST_SEATS, Math.floor(config.nominal * WIDEST_PART)));
}

const sharesOf = (spec: PriorityLevelConfigurationSpec | undefined): number => {
  const limits = spec?.type === 'Exempt' ? spec.exempt : spec?.limited;
  return limits?.nominalConcurrencyShares ?? (spec?.type === 'Exempt' ? 0 : 30);
};

/** The seats of each level, by its share. */
export function levelConfigs(
  objects: readonly PriorityLevelConfiguration[],
  seats: number,
): LevelConfig[] {
  const shares = objects.reduce((sum, { spec }) => sum + sharesOf(spec), 0);
  return objects.map(({ metadata, spec }) => {
    const nominal = Math.ceil((seats * sharesOf(spec)) / Math.max(1, shares));
    const exempt = spec?.type === 'Exempt';
    const lendable = (exempt ? spec?.exempt : spec?.limited)?.lendablePercent ?? 0;
    const borrowing = spec?.limited?.borrowingLimitPercent;
    const { queuing } = spec?.limited?.limitResponse ?? {};
    const isQueue = spec?.limited?.limitResponse?.type === 'Queue';
    return {
      name: metadata.name ?? '',
      uid: metadata.uid ?? '',
      exempt,
      nominal,
      reserved: nominal - Math.round((nominal * lendable) / 100),
      most: borrowing === undefined ? seats : nominal + Math.round((nominal * borrowing) / 100),
      ...(isQueue && {
        queuing: {
          queues: queuing?.queues ?? 64,
          handSize: queuing?.handSize ?? 8,
          lengthLimit: queuing?.queueLengthLimit ?? 50,
        },
      }),
    };
  });
}
