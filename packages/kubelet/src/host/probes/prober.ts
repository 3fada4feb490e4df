import type { Container, Pod, Probe } from '@kubets/api';
import type { Clock, Timer } from '@kubets/platform';
import { initContainers, isSidecar, mainContainers, uidOf } from '../../core/pod.ts';
import {
  type ProbeKind,
  ProbeState,
  type ProbeTiming,
  probeTiming,
} from '../../core/probe-state.ts';
import { rpcText } from '../../errors.ts';
import type { ProbeResult, ProbeRunner, RuntimeContainer, RuntimePod } from '../../ports.ts';
import type { PodEvents } from '../pod-events.ts';
import { OK } from './results.ts';

export interface ProberOptions {
  readonly runner: ProbeRunner;
  readonly clock: Clock;
  readonly events: PodEvents;
  /** A verdict changed: look at the pod. */
  readonly onChange: (podUid: string) => void;
}

interface Watched {
  pod: Pod;
  readonly podUid: string;
  readonly container: Container;
  readonly run: RuntimeContainer;
  podIp: string;
  readonly probes: Map<ProbeKind, Runner>;
}

const TITLE: Readonly<Record<ProbeKind, string>> = {
  liveness: 'Liveness',
  readiness: 'Readiness',
  startup: 'Startup',
};

/** How probes of one kind of one container went so far. */
export interface ProbeCount {
  readonly pod: Pod;
  readonly container: string;
  readonly kind: string;
  readonly result: 'successful' | 'failed' | 'unknown';
  readonly count: number;
}

interface RunnerOptions {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly watched: Watched;
  readonly prober: ProberOptions;
}

/** One probe of one running container, on its own timer. */
class Runner {
  readonly state: ProbeState;
  readonly counts = { successful: 0, failed: 0, unknown: 0 };
  readonly #options: RunnerOptions;
  readonly #timing: ProbeTiming;
  #timer: Timer | undefined;
  #stopped = false;
  #began = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#timing = probeTiming(options.probe);
    this.state = new ProbeState(options.kind, this.#timing);
  }

  /** Starts counting from the container's own start. Starting again does nothing. */
  begin(): void {
    if (this.#began) return;
    this.#began = true;
    const { watched, prober } = this.#options;
    const dueMs = watched.run.startedAtMs + this.#timing.initialDelayMs - prober.clock.now();
    if (dueMs <= 0) void this.#round();
    else this.#timer = prober.clock.setTimeout(() => void this.#round(), dueMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #tell(pod: Pod, result: ProbeResult | Error): void {
    const { kind, prober } = this.#options;
    const { events } = prober;
    const title = `${TITLE[kind]} probe`;
    if (result instanceof Error) {
      this.counts.unknown += 1;
      const what = `${title} errored and resulted in unknown state: ${result.message}`;
      events.warn(pod, 'Unhealthy', what);
    } else if (!result.ok) {
      this.counts.failed += 1;
      events.warn(pod, 'Unhealthy', `${title} failed: ${result.output}`);
    } else {
      this.counts.successful += 1;
      if (result.warning === undefined) return;
      events.warn(pod, 'ProbeWarning', `${title} warning: ${result.warning}`);
    }
  }

  async #round(): Promise<void> {
    const { probe, watched, prober, kind } = this.#options;
    const { runner, clock } = prober;
    const { pod, container, run, podIp } = watched;
    const startedMs = clock.monotonicMs();
    const target = { pod, container, containerId: run.id, podIp };
    const result = runner.alwaysWell
      ? OK
      : await runner
          .run(probe, target, this.#timing.timeoutMs)
          .catch((error: unknown) => new Error(rpcText(error)));
    if (this.#stopped) return;
    this.#tell(pod, result);
    // What could not be asked is not ill because of that.
    const answered = !(result instanceof Error);
    if (answered && this.state.record(result.ok)) prober.onChange(watched.podUid);
    if (this.#stopped || (runner.alwaysWell && this.state.verdict === 'success')) return;
    // These have said all they can: the container has started, or will be replaced.
    if (kind === 'startup' && this.state.verdict !== 'unknown') return;
    if (kind === 'liveness' && this.state.verdict === 'failure') return;
    const waitMs = Math.max(0, this.#timing.periodMs - (clock.monotonicMs() - startedMs));
    this.#timer = clock.setTimeout(() => void this.#round(), waitMs);
  }
}

/** A pod that is going is neither restarted nor waited for; whether it is ready still counts. */
const END_WITH_POD: readonly ProbeKind[] = ['startup', 'liveness'];
const KINDS: readonly ProbeKind[] = ['startup', 'liveness', 'readiness'];

function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  if (kind === 'startup') return container.startupProbe;
  return kind === 'liveness' ? container.livenessProbe : container.readinessProbe;
}

/** Was the container ready when the API last heard of it? It stays so until a probe says otherwise. */
function wasReady(pod: Pod, run: RuntimeContainer): boolean {
  const statuses = [
    ...(pod.status?.containerStatuses ?? []),
    ...(pod.status?.initContainerStatuses ?? []),
  ];
  const known = statuses.find((one) => one.name === run.name);
  return (known?.ready ?? false) && (known?.containerID?.endsWith(`//${run.id}`) ?? false);
}

/** Probes the running containers of all pods and remembers the verdicts. */
export class Prober {
  readonly #options: ProberOptions;
  readonly #watched = new Map<string, Watched>();
  readonly #byPod = new Map<string, Set<string>>();
  readonly #adopted = new Set<string>();

  constructor(options: ProberOptions) {
    this.#options = options;
  }

  /**
   * Begins to probe containers that run, ends it for those that do not. Of a pod that is ending it goes on finding out who is
   * ready, and nothing else.
   */
  sync(pod: Pod, runtime: RuntimePod, podIp: string, isEnding = false): void {
    const podUid = uidOf(pod);
    const running = new Set<string>();
    const candidates = [...initContainers(pod).filter(isSidecar), ...mainContainers(pod)];
    for (const container of candidates) {
      if (!KINDS.some((kind) => probeOf(container, kind) !== undefined)) continue;
      const run = runtime.containers.find((one) => one.name === container.name);
      if (run?.phase !== 'running') continue;
      running.add(run.id);
      if (!isEnding) this.#watch(pod, container, run, podIp);
    }
    if (isEnding) this.#endWithPod(podUid);
    for (const id of this.#byPod.get(podUid) ?? []) {
      if (!running.has(id)) this.#drop(podUid, id);
    }
  }

  /** Stops all probes of a pod. */
  forgetPod(podUid: string): void {
    for (const id of this.#byPod.get(podUid) ?? []) this.#drop(podUid, id);
  }

  /** Passed its startup probe, or has none. */
  started(containerId: string): boolean {
    const startup = this.#watched.get(containerId)?.probes.get('startup');
    return startup === undefined || startup.state.verdict === 'success';
  }

  /** Passes its readiness probe, or has none. */
  passesReadiness(containerId: string): boolean {
    const readiness = this.#watched.get(containerId)?.probes.get('readiness');
    if (readiness === undefined || readiness.state.verdict === 'success') return true;
    return this.#adopted.has(containerId) && readiness.state.answers === 0;
  }

  /** What has been asked of the containers that are probed now. */
  *counts(): Iterable<ProbeCount> {
    for (const { pod, container, probes } of this.#watched.values()) {
      for (const [kind, { counts }] of probes) {
        const where = { pod, container: container.name, kind: TITLE[kind] };
        yield { ...where, result: 'successful', count: counts.successful };
        if (counts.failed > 0) yield { ...where, result: 'failed', count: counts.failed };
        if (counts.unknown > 0) yield { ...where, result: 'unknown', count: counts.unknown };
      }
    }
  }

  /** Containers of a pod that have to be restarted. */
  unhealthy(podUid: string): ReadonlyMap<string, 'liveness' | 'startup'> {
    const out = new Map<string, 'liveness' | 'startup'>();
    for (const id of this.#byPod.get(podUid) ?? []) {
      const probes = this.#watched.get(id)?.probes;
      if (probes?.get('liveness')?.state.verdict === 'failure') out.set(id, 'liveness');
      if (probes?.get('startup')?.state.verdict === 'failure') out.set(id, 'startup');
    }
    return out;
  }

  stop(): void {
    for (const uid of [...this.#byPod.keys()]) this.forgetPod(uid);
  }

  #watch(pod: Pod, container: Container, run: RuntimeContainer, podIp: string): void {
    let watched = this.#watched.get(run.id);
    if (watched === undefined) {
      watched = this.#add(pod, container, run, podIp);
    }
    watched.pod = pod;
    watched.podIp = podIp;
    const startup = watched.probes.get('startup');
    startup?.begin();
    if (startup !== undefined && startup.state.verdict !== 'success') return;
    watched.probes.get('liveness')?.begin();
    watched.probes.get('readiness')?.begin();
  }

  #endWithPod(podUid: string): void {
    for (const id of this.#byPod.get(podUid) ?? []) {
      const probes = this.#watched.get(id)?.probes;
      for (const kind of END_WITH_POD) probes?.get(kind)?.stop();
    }
  }

  #add(pod: Pod, container: Container, run: RuntimeContainer, podIp: string): Watched {
    const podUid = uidOf(pod);
    const watched: Watched = { pod, podUid, container, run, podIp, probes: new Map() };
    for (const kind of KINDS) {
      const probe = probeOf(container, kind);
      if (probe === undefined) continue;
      watched.probes.set(kind, new Runner({ kind, probe, watched, prober: this.#options }));
    }
    if (wasReady(pod, run)) this.#adopted.add(run.id);
    this.#watched.set(run.id, watched);
    const ids = this.#byPod.get(podUid) ?? new Set();
    ids.add(run.id);
    this.#byPod.set(podUid, ids);
    return watched;
  }

  #drop(podUid: string, id: string): void {
    for (const runner of this.#watched.get(id)?.probes.values() ?? []) runner.stop();
    this.#watched.delete(id);
    this.#adopted.delete(id);
    const ids = this.#byPod.get(podUid);
    ids?.delete(id);
    if (ids?.size === 0) this.#byPod.delete(podUid);
  }
}
