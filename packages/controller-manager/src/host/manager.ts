import { type Api, EventRecorder, type QueueMetrics } from '@kubets/client';
import type { Clock, Logger, Random } from '@kubets/platform';
import type { Controller, ControllerDeps } from './controller.ts';
import { fencedApi } from './fence.ts';
import type { ControllerFigures } from './figures.ts';
import { SharedInformers } from './informers.ts';

export interface ManagerOptions {
  api: Api;
  clock: Clock;
  random: Random;
  log: Logger;
  /** Where the controllers' queues are counted; absent: nowhere. */
  queueMetrics?: QueueMetrics | undefined;
  /** Where what the loops do is counted; absent: nowhere. */
  figures?: ControllerFigures | undefined;
  /** Makes the controllers of one term. Called only when leading begins. */
  controllers(deps: ControllerDeps): Controller[];
}

/**
 * One term of leadership: its informers, its controllers, its right to write. A follower has none of
 * these, and a new term starts from nothing, so no memory of an old term can mislead it.
 */
class Term {
  readonly #informers: SharedInformers;
  readonly #controllers: Controller[];
  readonly #recorders = new Map<string, EventRecorder>();

  constructor(options: ManagerOptions, signal: AbortSignal) {
    const { clock, random, log, queueMetrics, figures } = options;
    const api = fencedApi(options.api, signal);
    this.#informers = new SharedInformers({ api, clock, random, log });
    const recorder = (component: string): EventRecorder => {
      const known = this.#recorders.get(component);
      if (known) return known;
      const made = new EventRecorder({ api, component, clock, log });
      this.#recorders.set(component, made);
      return made;
    };
    const informers = this.#informers;
    this.#controllers = options.controllers({
      ...{ api, informers, clock, random, log, recorder, queueMetrics, figures },
    });
  }

  start(): void {
    // Handlers first, so that every controller sees the first list.
    for (const controller of this.#controllers) controller.start();
    this.#informers.start();
  }

  /** Informers at once; controllers when what they are doing has ended. */
  async stop(): Promise<void> {
    this.#informers.stop();
    await Promise.all(this.#controllers.map((controller) => controller.stop()));
  }

  async flushEvents(): Promise<void> {
    await Promise.all([...this.#recorders.values()].map((recorder) => recorder.flush()));
  }
}

/** Runs the controllers while this process leads, and nothing while it does not. */
export class ControllerManager {
  readonly #options: ManagerOptions;
  #term: Term | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(options: ManagerOptions) {
    this.#options = options;
  }

  isRunning(): boolean {
    return this.#term !== undefined;
  }

  /**
   * Leading begins. A term that is still ending is waited for, so that two never run side by side.
   * @param signal aborted the moment leading ends: from then on nothing can be written
   */
  begin(signal: AbortSignal): void {
    void this.#ended.then(() => {
      if (signal.aborted) return;
      this.#term = new Term(this.#options, signal);
      this.#term.start();
    });
  }

  /** Leading ended. Resolves when nothing of the term runs any more. */
  end(): Promise<void> {
    const term = this.#term;
    this.#term = undefined;
    if (term) this.#ended = this.#ended.then(() => term.stop());
    return this.#ended;
  }

  /** Before handing leadership over of one's own will: what was done is also told. */
  async flushEvents(): Promise<void> {
    await this.#term?.flushEvents();
  }
}
