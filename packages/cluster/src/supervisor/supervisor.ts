/** All processes of a cluster: started in stages, kept alive, stopped in reverse. */
import { type Clock, delay, type Logger, type Random } from '@kubets/platform';
import { StartError } from '../errors.ts';
import { limits } from '../limits.ts';
import type { ProcessSpec } from '../plan/processes.ts';
import type { Launcher, Prober } from '../ports.ts';
import { Supervised } from './supervised.ts';

export interface SupervisorOptions {
  readonly specs: readonly ProcessSpec[];
  readonly logFile: (name: string) => string;
  readonly lastLogLine: (file: string) => string;
  readonly launcher: Launcher;
  readonly prober: Prober;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly onChange: () => void;
  /** Readiness of processes without a health port, by name. */
  readonly checkReady?: (name: string) => (() => Promise<void>) | undefined;
  /** Runs before the processes of a stage start, for what only then can be made. */
  readonly beforeStage?: (stage: 0 | 1 | 2, signal: AbortSignal) => Promise<void>;
  /** How long a stage may take to get ready. Infinite for hosts that wait for others. */
  readonly readyTimeoutMs?: number;
}

const STAGES = [0, 1, 2] as const;

export class Supervisor {
  readonly processes: readonly Supervised[];
  readonly #options: SupervisorOptions;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.processes = options.specs.map(
      (spec) =>
        new Supervised({
          spec,
          logFile: options.logFile(spec.name),
          launcher: options.launcher,
          prober: options.prober,
          clock: options.clock,
          random: options.random,
          log: options.log,
          onChange: options.onChange,
          checkReady: options.checkReady?.(spec.name),
        }),
    );
  }

  /**
   * Resolves once everything is ready.
   * @throws StartError with the last words of the process that cannot start
   */
  async start(signal: AbortSignal): Promise<void> {
    for (const stage of STAGES) {
      const group = this.processes.filter((one) => one.spec.stage === stage);
      await this.#options.beforeStage?.(stage, signal);
      for (const one of group) one.start();
      await this.#untilReady(group, signal);
    }
  }

  /**
   * Starts processes again, one after the other, each when the one before is ready: never more than one is away.
   * @throws StartError when one does not come back; those after it are left as they are
   */
  async roll(only: (one: Supervised) => boolean, signal: AbortSignal): Promise<void> {
    for (const one of this.processes.filter(only)) {
      await one.stop();
      one.start();
      await this.#untilReady([one], signal, limits.readyTimeoutMs);
    }
  }

  /** Stops the processes of these roles, or all: last stage first. */
  async stop(only: (one: Supervised) => boolean = () => true): Promise<void> {
    for (const stage of STAGES.toReversed()) {
      const group = this.processes.filter((one) => one.spec.stage === stage && only(one));
      await Promise.all(group.map((one) => one.stop()));
    }
  }

  async #untilReady(
    group: readonly Supervised[],
    signal: AbortSignal,
    timeoutMs = this.#options.readyTimeoutMs ?? limits.readyTimeoutMs,
  ): Promise<void> {
    const { clock } = this.#options;
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    for (;;) {
      signal.throwIfAborted();
      const failed = group.find((one) => one.startFailure !== undefined);
      if (failed !== undefined) throw this.#cannotStart(failed);
      const late = group.find((one) => one.state !== 'ready');
      if (late === undefined) return;
      if (clock.monotonicMs() > deadlineMs) throw this.#tooLate(late);
      await delay(limits.probeIntervalMs, { clock, signal });
    }
  }

  #cannotStart(one: Supervised): StartError {
    const words = this.#options.lastLogLine(one.logFile);
    return new StartError(`${one.spec.name} cannot start: ${words} (log: ${one.logFile})`);
  }

  #tooLate(one: Supervised): StartError {
    const seconds = limits.readyTimeoutMs / 1000;
    return new StartError(
      `${one.spec.name} is not ready after ${seconds} s; see its log ${one.logFile}`,
    );
  }
}
