/** One process kept alive. */
import {
  type Backoff,
  type Clock,
  errorMessage,
  exponentialBackoff,
  type Logger,
  type Random,
  type Timer,
} from '@kubets/platform';
import { limits } from '../limits.ts';
import type { ProcessSpec } from '../plan/processes.ts';
import type { Child, ChildExit, Launcher, Prober } from '../ports.ts';

export type ProcessState =
  | 'waiting'
  | 'starting'
  | 'ready'
  | 'backing-off'
  | 'stopping'
  | 'stopped';

export interface SupervisedOptions {
  readonly spec: ProcessSpec;
  readonly logFile: string;
  readonly launcher: Launcher;
  readonly prober: Prober;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Called after every change of state or pid. */
  readonly onChange: () => void;
  /** Sees whether a process without a health port serves; throws while it does not. */
  readonly checkReady?: (() => Promise<void>) | undefined;
}

/** Starts a process, watches it, starts it again with growing waits when it dies. */
export class Supervised {
  readonly spec: ProcessSpec;
  readonly #options: SupervisedOptions;
  readonly #backoff: Backoff;
  #child: Child | undefined;
  #state: ProcessState = 'waiting';
  #timer: Timer | undefined;
  #everReady = false;
  #startedAtMs = 0;
  #restarts = 0;
  #lastExit: ChildExit | undefined;

  constructor(options: SupervisedOptions) {
    this.spec = options.spec;
    this.#options = options;
    const waits = { initialMs: limits.restartInitialMs, maxMs: limits.restartMaxMs };
    this.#backoff = exponentialBackoff(waits, options.random);
  }

  get state(): ProcessState {
    return this.#state;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  get restarts(): number {
    return this.#restarts;
  }

  get startedAtMs(): number {
    return this.#startedAtMs;
  }

  get logFile(): string {
    return this.#options.logFile;
  }

  /** How it ended last, when it died before it was ever ready, and trying again is pointless or was tried often enough. */
  get startFailure(): ChildExit | undefined {
    if (this.#everReady || this.#lastExit === undefined) return undefined;
    const isUsageError = this.#lastExit.code === 2;
    return isUsageError || this.#restarts >= limits.startAttempts ? this.#lastExit : undefined;
  }

  start(): void {
    const { launcher, logFile, clock } = this.#options;
    const { name, command, args } = this.spec;
    this.#startedAtMs = clock.now();
    const child = launcher.launch({ name, command, args, logFile });
    this.#child = child;
    this.#set('starting');
    void child.exited.then((exit) => this.#onExit(child, exit));
    this.#probeSoon();
  }

  /** Ends it for good: SIGTERM, then SIGKILL after the grace. */
  async stop(): Promise<void> {
    this.#timer?.cancel();
    const child = this.#child;
    if (child === undefined) {
      this.#set('stopped');
      return;
    }
    this.#set('stopping');
    child.kill('SIGTERM');
    const { clock, log } = this.#options;
    const force = clock.setTimeout(() => {
      log.warn({ process: this.spec.name }, 'did not stop in time, killing it');
      child.kill('SIGKILL');
    }, limits.stopGraceMs);
    await child.exited;
    force.cancel();
    this.#child = undefined;
    this.#set('stopped');
  }

  #set(state: ProcessState): void {
    this.#state = state;
    this.#options.onChange();
  }

  #onExit(child: Child, exit: ChildExit): void {
    if (this.#child !== child || this.#state === 'stopping') return;
    const { log, clock } = this.#options;
    this.#timer?.cancel();
    this.#child = undefined;
    this.#lastExit = exit;
    this.#restarts += 1;
    if (this.startFailure !== undefined) {
      this.#set('stopped');
      return;
    }
    if (clock.now() - this.#startedAtMs > limits.stableAfterMs) this.#backoff.reset();
    const waitMs = Math.round(this.#backoff.nextMs());
    log.warn({ process: this.spec.name, ...exit, waitMs }, 'process ended, starting it again');
    this.#set('backing-off');
    this.#timer = clock.setTimeout(() => this.#restart(), waitMs);
  }

  #restart(): void {
    try {
      this.start();
    } catch (error) {
      const { log, clock } = this.#options;
      log.error({ process: this.spec.name, error: errorMessage(error) }, 'cannot start');
      this.#timer = clock.setTimeout(() => this.#restart(), this.#backoff.nextMs());
    }
  }

  #probeSoon(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.setTimeout(() => {
      void this.#probe(this.#child);
    }, limits.probeIntervalMs);
  }

  async #probe(child: Child | undefined): Promise<void> {
    const problem = await this.#problem();
    if (child === undefined || this.#child !== child || this.#state !== 'starting') return;
    if (problem === undefined) {
      this.#everReady = true;
      this.#set('ready');
    } else this.#probeSoon();
  }

  async #problem(): Promise<string | undefined> {
    const { checkReady, prober } = this.#options;
    try {
      await checkReady?.();
    } catch (error) {
      return errorMessage(error);
    }
    const { healthPort } = this.spec;
    return healthPort === undefined ? undefined : prober.probe(healthPort);
  }
}
