import type { Container, Pod } from '@kubets/api';
import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import { podText, uidOf } from '../core/pod.ts';
import { RuntimeFault } from '../errors.ts';
import { MIN_GRACE_SECONDS } from '../limits.ts';
import type { ContainerRuntime, RuntimeContainer } from '../ports.ts';
import { runHook } from './hooks.ts';
import type { PodEvents } from './pod-events.ts';

export interface KillerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly log: Logger;
  readonly events: PodEvents;
  /** A container has stopped: look at the pod. */
  readonly onStopped: (podUid: string) => void;
}

export interface KillRequest {
  readonly pod: Pod;
  /** Undefined: the pod's spec is not known any more, so there is no hook to run. */
  readonly container: Container | undefined;
  readonly target: RuntimeContainer;
  readonly graceSeconds: number;
  /** For the event. */
  readonly why: string;
  readonly podIp: string;
}

interface Underway {
  deadlineMs: number;
}

const MS_PER_SECOND = 1_000;
const STOPPED_MEMORY_MS = 2_000;

/**
 * Stops containers in the background: grace periods can be long, and a pod must be looked at meanwhile. Asking again is free;
 * asking with less time shortens what is left.
 */
export class Killer {
  readonly #options: KillerOptions;
  readonly #underway = new Map<string, Underway>();
  /** When containers were stopped, for a moment: whoever looked just before would stop them again. */
  readonly #stoppedAtMs = new Map<string, number>();

  constructor(options: KillerOptions) {
    this.#options = options;
  }

  stopping(containerId: string): boolean {
    return this.#underway.has(containerId);
  }

  kill(request: KillRequest): void {
    const { clock } = this.#options;
    const { id } = request.target;
    const deadlineMs = clock.monotonicMs() + request.graceSeconds * MS_PER_SECOND;
    const known = this.#underway.get(id);
    if (this.#justStopped(id)) return;
    if (known === undefined) {
      const underway: Underway = { deadlineMs };
      this.#underway.set(id, underway);
      void this.#run(request, underway);
    } else if (deadlineMs + MS_PER_SECOND < known.deadlineMs) {
      known.deadlineMs = deadlineMs;
      void this.#stop(request.target.id, request.graceSeconds);
    }
  }

  #justStopped(id: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    for (const [other, atMs] of this.#stoppedAtMs) {
      if (nowMs - atMs > STOPPED_MEMORY_MS) this.#stoppedAtMs.delete(other);
    }
    return this.#stoppedAtMs.has(id);
  }

  async #run(request: KillRequest, underway: Underway): Promise<void> {
    const { clock, events, onStopped } = this.#options;
    const { pod, target } = request;
    events.normal(pod, 'Killing', request.why);
    await this.#preStop(request);
    const leftMs = underway.deadlineMs - clock.monotonicMs();
    const seconds = Math.max(MIN_GRACE_SECONDS, Math.ceil(leftMs / MS_PER_SECOND));
    await this.#stop(target.id, request.graceSeconds === 0 ? 0 : seconds);
    this.#underway.delete(target.id);
    onStopped(uidOf(pod));
  }

  async #preStop(request: KillRequest): Promise<void> {
    const { runtime, clock, events } = this.#options;
    const { pod, container, target, podIp, graceSeconds } = request;
    const hook = container?.lifecycle?.preStop;
    if (hook === undefined || container === undefined) return;
    const timeoutMs = graceSeconds * MS_PER_SECOND;
    try {
      const hookTarget = { container, containerId: target.id, podIp };
      await runHook(hook, hookTarget, { runtime, clock, timeoutMs });
    } catch (error) {
      // More people read events and logs of a cluster than the pod: what the hook printed is not for all of them.
      events.warn(pod, 'FailedPreStopHook', 'PreStopHook failed');
      this.#options.log.debug({ pod: podText(pod), error: errorMessage(error) }, 'preStop failed');
    }
  }

  async #stop(id: string, seconds: number): Promise<void> {
    try {
      await this.#options.runtime.stopContainer(id, seconds);
      this.#stoppedAtMs.set(id, this.#options.clock.monotonicMs());
    } catch (error) {
      if (!(error instanceof RuntimeFault)) throw error;
      // The pod is looked at again and finds the container still running.
      this.#options.log.warn({ id, error: error.message }, 'cannot stop container');
    }
  }
}
