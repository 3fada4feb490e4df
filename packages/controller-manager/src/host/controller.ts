import { ApiError, isConflict, type KubeObject } from '@kubets/api';
import {
  type Api,
  type EventRecorder,
  type Informer,
  type QueueMetrics,
  WorkQueue,
} from '@kubets/client';
import type { Clock, Logger, Random } from '@kubets/platform';
import type { Concurrency } from '../concurrency.ts';
import { StaleCacheError, UnfinishedError } from '../errors.ts';
import { DEFAULT_CONCURRENCY } from '../limits.ts';
import type { ControllerFigures } from './figures.ts';
import type { SharedInformers } from './informers.ts';

/** What every controller is made from. */
export interface ControllerDeps {
  api: Api;
  informers: SharedInformers;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Workers by controller, where they are to be other than usual. */
  concurrency?: Concurrency;
  /** Where the queues are counted; absent: nowhere. */
  queueMetrics?: QueueMetrics | undefined;
  /** Where what the loops do is counted; absent: nowhere. */
  figures?: ControllerFigures | undefined;
  /** A recorder that writes events in the name of this component. */
  recorder(component: string): EventRecorder;
}

/** A running part of the process. Stopping resolves when nothing of it runs any more. */
export interface Controller {
  readonly name: string;
  start(): void;
  stop(): Promise<void>;
}

/** Where handlers put the keys that need a look. */
export interface KeyQueue {
  add(key: string): void;
  addAfter(key: string, ms: number): void;
}

/** The little a controller loop needs to know of an informer. */
export type AnyInformer = Pick<Informer<KubeObject>, 'whenSynced' | 'synced'>;

export interface QueueControllerOptions {
  name: string;
  /** What the stock controller's queue is called in figures. */
  queueName: string;
  deps: ControllerDeps;
  concurrency?: number;
  /** No key is worked on before all of these have their first list. */
  needs: readonly { whenSynced(): Promise<void> }[];
  /** Subscribes; returns how to unsubscribe. Runs before the informers are synced. */
  subscribe(queue: KeyQueue): (() => void)[];
  /** Brings one key closer to what is wanted. Throwing means: again, later. */
  reconcile(key: string, queue: KeyQueue): Promise<void>;
}

/**
 * The frame of a level-triggered controller: events only say which key to look at, the reconcile
 * looks at the present state. Nothing runs after {@link Controller.stop}.
 */
export function queueController(options: QueueControllerOptions): Controller {
  const { name, deps } = options;
  const log = deps.log.child({ controller: name });
  const queue = new WorkQueue<string>({
    ...{ clock: deps.clock, random: deps.random, log },
    counted: countedAs(options.queueName, deps),
  });
  let unsubscribe: (() => void)[] = [];
  let stopped = false;
  let running: { stop(): Promise<void> } | undefined;

  const work = async (key: string): Promise<void> => {
    try {
      await options.reconcile(key, queue);
    } catch (error) {
      // What the API refuses is told by events and conditions too; only our own faults need a trace.
      if (isExpectedRetry(error)) log.debug({ key, reason: String(error) }, 'again soon');
      else if (error instanceof ApiError) log.info({ key, reason: error.message }, 'again later');
      else log.warn({ key, err: error }, 'reconcile failed; again later');
      queue.addRateLimited(key);
    }
  };

  return {
    name,
    start() {
      unsubscribe = options.subscribe(queue);
      void Promise.all(options.needs.map((informer) => informer.whenSynced())).then(() => {
        if (stopped) return;
        const wanted = options.concurrency ?? deps.concurrency?.[name];
        running = queue.run(wanted ?? DEFAULT_CONCURRENCY, work);
      });
    },
    async stop() {
      stopped = true;
      for (const off of unsubscribe) off();
      await (running ?? queue.run(0, work)).stop();
    },
  };
}

/** How a queue is counted under a name. */
export function countedAs(
  name: string,
  { queueMetrics }: Pick<ControllerDeps, 'queueMetrics'>,
): { by: QueueMetrics; as: string } | undefined {
  return queueMetrics && { by: queueMetrics, as: name };
}

/** Faults that belong to normal work: someone else wrote first, or the cache is a moment behind. */
export function isExpectedRetry(error: unknown): boolean {
  return isConflict(error) || error instanceof StaleCacheError || error instanceof UnfinishedError;
}

/** A controller that does the same thing every `periodMs`, one run at a time. */
export function periodicController(options: {
  name: string;
  deps: ControllerDeps;
  periodMs: number;
  needs: readonly { whenSynced(): Promise<void> }[];
  subscribe?: () => (() => void)[];
  tick(): Promise<void>;
}): Controller {
  const { name, deps } = options;
  let stopped = false;
  let busy: Promise<void> = Promise.resolve();
  let timer: { cancel(): void } | undefined;
  let unsubscribe: (() => void)[] = [];

  const run = (): void => {
    busy = options
      .tick()
      .catch((error: unknown) => deps.log.warn({ controller: name, err: error }, 'pass failed'))
      .then(() => {
        if (!stopped) timer = deps.clock.setTimeout(run, options.periodMs);
      });
  };

  return {
    name,
    start() {
      unsubscribe = options.subscribe?.() ?? [];
      void Promise.all(options.needs.map((informer) => informer.whenSynced())).then(() => {
        if (!stopped) run();
      });
    },
    async stop() {
      stopped = true;
      timer?.cancel();
      for (const off of unsubscribe) off();
      await busy;
    },
  };
}
