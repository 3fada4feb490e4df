import { isDeepStrictEqual } from 'node:util';
import type { EphemeralContainer, Pod, PodStatus } from '@kubets/api';
import { errorMessage, type Timer } from '@kubets/platform';
import { admit, type Rejection } from '../core/admission.ts';
import type { WaitingReason } from '../core/container-status.ts';
import { alienSystem, misfit } from '../core/node-fit.ts';
import { type ContainerStart, decide, latestOf, type Plan } from '../core/plan.ts';
import {
  allContainers,
  ephemeralContainers,
  graceSecondsOf,
  isFinished,
  podText,
  specOf,
  uidOf,
} from '../core/pod.ts';
import { OWN_CONDITIONS, podStatus } from '../core/pod-status.ts';
import { parseTimeMs } from '../core/time.ts';
import { RuntimeFault, StartFault, VolumeFault } from '../errors.ts';
import { ORPHAN_GRACE_SECONDS, POD_RESYNC_MS, POD_RETRY_MS, VOLUME_REFRESH_MS } from '../limits.ts';
import type { RuntimePod } from '../ports.ts';
import { ContainerStarter } from './container-starter.ts';
import type { PodDeps } from './deps.ts';
import type { LookKind } from './kubelet-figures.ts';
import { PodEnder } from './pod-ender.ts';
import { SandboxMaker } from './sandbox-maker.ts';

/** Why a pod is being ended. */
export type EndReason = 'deleted' | 'gone' | 'orphan';

interface Verdict {
  readonly phase: 'Failed';
  readonly reason: string;
  readonly message: string;
}

/** The running container whose processes an ephemeral one is to see. */
function targetOf({ container }: ContainerStart, runtime: RuntimePod): string | undefined {
  const { targetContainerName } = container as EphemeralContainer;
  if (!targetContainerName) return undefined;
  const target = latestOf(runtime, targetContainerName);
  return target?.phase === 'running' ? target.id : undefined;
}

/** Whether volumes of the pod hold what the API says of it. */
function showsItself(pod: Pod): boolean {
  return (specOf(pod).volumes ?? []).some(
    ({ downwardAPI, projected }) =>
      downwardAPI !== undefined ||
      projected?.sources?.some((source) => source.downwardAPI !== undefined) === true,
  );
}

function hasOtherMarks({ metadata: old }: Pod, { metadata: now }: Pod): boolean {
  const { labels, annotations } = now;
  return !isDeepStrictEqual(labels, old.labels) || !isDeepStrictEqual(annotations, old.annotations);
}

const MAX_STEPS = 64;
const MS_PER_SECOND = 1_000;

/**
 * Brings one pod to what it should be, one look at a time: inspect → decide → act → report. A look that is asked for
 * while another runs happens right after it.
 */
export class PodWorker {
  readonly #deps: PodDeps;
  readonly #starter: ContainerStarter;
  readonly #sandboxes: SandboxMaker;
  readonly #ender: PodEnder;
  readonly #onRemoved: (uid: string) => void;
  readonly #waiting = new Map<string, WaitingReason>();
  readonly #goneSignal = new AbortController();
  #pod: Pod;
  #end: EndReason | undefined;
  #verdict: Verdict | undefined;
  readonly #seenAtMs: number;
  #nextLook: LookKind = 'create';
  /** Whether it was started here and has not run yet. */
  #isStarting = false;
  #admitted = false;
  #refused = false;
  #deleteAgainAtMs = 0;
  #refreshAtMs = 0;
  #running = false;
  #again = false;
  #stopped = false;
  #timer: Timer | undefined;

  constructor(deps: PodDeps, pod: Pod, onRemoved: (uid: string) => void) {
    this.#deps = deps;
    this.#pod = pod;
    this.#seenAtMs = deps.clock.monotonicMs();
    this.#onRemoved = onRemoved;
    this.#starter = new ContainerStarter(deps);
    this.#sandboxes = new SandboxMaker(deps);
    this.#ender = new PodEnder(deps);
  }

  get pod(): Pod {
    return this.#pod;
  }

  /** Holds resources of the node: neither ended nor about to be forgotten. */
  get active(): boolean {
    return this.#end === undefined && !isFinished(this.#pod) && this.#verdict === undefined;
  }

  /** The API's newest word on the pod. */
  update(pod: Pod): void {
    // Files that show the pod itself follow it at once.
    if (showsItself(pod) && hasOtherMarks(this.#pod, pod)) this.#refreshAtMs = 0;
    this.#pod = pod;
    if (this.#nextLook === 'sync') this.#nextLook = 'update';
    if (pod.metadata.deletionTimestamp !== undefined) this.end('deleted');
    else this.trigger();
  }

  end(reason: EndReason): void {
    if (this.#end !== 'gone') this.#end = reason;
    this.#goneSignal.abort();
    this.trigger();
  }

  /** Look at the pod soon. */
  trigger(): void {
    if (this.#stopped) return;
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    this.#timer?.cancel();
    void this.#loop();
  }

  /** The kubelet goes; the containers stay. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  async #loop(): Promise<void> {
    let waitMs = POD_RESYNC_MS;
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        waitMs = await this.#timedLook();
      }
    } catch (error) {
      this.#report(error);
      waitMs = POD_RETRY_MS;
    } finally {
      this.#running = false;
    }
    if (this.#stopped) return;
    this.#timer = this.#deps.clock.setTimeout(() => this.trigger(), waitMs);
  }

  #report(error: unknown): void {
    const { events, log } = this.#deps;
    const facts = { pod: podText(this.#pod), error: errorMessage(error) };
    if (error instanceof VolumeFault) {
      events.warn(this.#pod, 'FailedMount', error.message);
      log.debug(facts, 'volume is not ready');
    } else if (error instanceof RuntimeFault) {
      log.warn(facts, 'container runtime failed');
    } else {
      log.warn(facts, 'cannot sync pod');
    }
  }

  async #timedLook(): Promise<number> {
    const { clock, figures } = this.#deps;
    const startMs = clock.monotonicMs();
    const kind = this.#end === undefined ? this.#nextLook : 'kill';
    this.#nextLook = 'sync';
    try {
      return await this.#look();
    } finally {
      figures?.looked(kind, clock.monotonicMs() - startMs);
    }
  }

  /** @returns how long until the next look, unless something happens first */
  async #look(): Promise<number> {
    if (this.#end !== undefined) return this.#lookAtEnd(this.#end);
    const runtime = await this.#inspect();
    if (isFinished(this.#pod) || this.#verdict !== undefined || !(await this.#admit(runtime))) {
      return this.#finish(runtime);
    }
    this.#checkDeadline();
    if (this.#verdict !== undefined) return this.#finish(runtime);
    return this.#advance(runtime);
  }

  async #inspect(): Promise<RuntimePod> {
    const { runtime, prober } = this.#deps;
    const state = await runtime.inspectPod(uidOf(this.#pod));
    const isEnding = this.#end !== undefined;
    const podIp = this.#podIps(state)[0] ?? '';
    if (this.active || isEnding) prober.sync(this.#pod, state, podIp, isEnding);
    return this.#withMessages(state);
  }

  /** Adds the last words containers left in their files. */
  async #withMessages(state: RuntimePod): Promise<RuntimePod> {
    const { files } = this.#deps;
    const named = [...allContainers(this.#pod), ...ephemeralContainers(this.#pod)];
    const containers = await Promise.all(
      state.containers.map(async (run) => {
        const container = named.find((one) => one.name === run.name);
        if (run.phase !== 'exited' || run.message !== '' || container === undefined) return run;
        return { ...run, message: await files.terminationMessage(this.#pod, container, run) };
      }),
    );
    return { ...state, containers };
  }

  #podIps(state: RuntimePod): readonly string[] {
    if (specOf(this.#pod).hostNetwork) return this.#deps.node.ips;
    return state.sandboxes[0]?.ips ?? [];
  }

  /** A pod that ran here before was admitted then. */
  async #admit(runtime: RuntimePod): Promise<boolean> {
    if (this.#admitted) return true;
    const known = runtime.sandboxes.length > 0 || this.#pod.status?.startTime !== undefined;
    const refusal = known ? undefined : await this.#refusal();
    const { events } = this.#deps;
    this.#admitted = true;
    this.#isStarting = !known && refusal === undefined;
    if (refusal === undefined) return true;
    events.warn(this.#pod, refusal.reason, refusal.message);
    const { reason, message } = refusal;
    this.#verdict = { phase: 'Failed', reason, message: `Pod was rejected: ${message}` };
    this.#refused = true;
    return false;
  }

  /** What the node is marked with may have changed since it was looked at: nobody is sent away without asking. */
  async #refusal(): Promise<Rejection | undefined> {
    const { node, neighbours, marks } = this.#deps;
    const full = alienSystem(this.#pod) ?? admit(this.#pod, neighbours(this.#pod), node);
    if (full !== undefined) return full;
    const seen = await marks(false);
    if (seen === undefined || misfit(this.#pod, seen) === undefined) return undefined;
    const now = await marks(true);
    return now && misfit(this.#pod, now);
  }

  #checkDeadline(): void {
    const seconds = specOf(this.#pod).activeDeadlineSeconds;
    const startedMs = parseTimeMs(this.#status()?.startTime);
    if (seconds === undefined || startedMs === undefined) return;
    if (this.#deps.clock.now() < startedMs + seconds * MS_PER_SECOND) return;
    const message = 'Pod was active on the node longer than the specified deadline';
    this.#deps.events.normal(this.#pod, 'DeadlineExceeded', message);
    this.#verdict = { phase: 'Failed', reason: 'DeadlineExceeded', message };
  }

  /** The newest status: what was last published, else what the API shows. */
  #status(): PodStatus | undefined {
    return this.#deps.statuses.latest(uidOf(this.#pod)) ?? this.#pod.status;
  }

  #publish(runtime: RuntimePod, final: boolean): PodStatus {
    const { node, prober, clock, statuses, runtimeName } = this.#deps;
    const current = this.#status();
    const pod = current === undefined ? this.#pod : { ...this.#pod, status: this.#merged(current) };
    const computed = podStatus({
      pod,
      runtime,
      runtimeName,
      hostIps: node.ips,
      nowMs: clock.now(),
      waiting: this.#waiting,
      started: (id) => prober.started(id),
      passesReadiness: (id) => prober.passesReadiness(id),
      final,
    });
    const status = this.#judged(computed);
    statuses.publish(this.#pod, status);
    if (this.#isStarting && status.phase === 'Running') {
      this.#isStarting = false;
      this.#deps.figures?.podRuns(clock.monotonicMs() - this.#seenAtMs);
    }
    return status;
  }

  #judged(computed: PodStatus): PodStatus {
    if (this.#verdict === undefined) return computed;
    const { containerStatuses, initContainerStatuses, ...rest } = computed;
    // Of a pod that was never let in there are no containers to tell of.
    const containers = this.#refused ? {} : { containerStatuses, initContainerStatuses };
    return { ...rest, ...containers, ...this.#verdict };
  }

  /** Our own last word on what is ours, the API's on the conditions of others. */
  #merged(current: PodStatus): PodStatus {
    const own = (current.conditions ?? []).filter((one) => OWN_CONDITIONS.has(one.type));
    const fromApi = this.#pod.status?.conditions ?? [];
    const foreign = fromApi.filter((one) => !OWN_CONDITIONS.has(one.type));
    return { ...current, conditions: [...own, ...foreign] };
  }

  /** Steps as long as each one leads to another. */
  async #advance(first: RuntimePod): Promise<number> {
    let runtime = first;
    for (let step = 0; step < MAX_STEPS; step++) {
      if (this.#end !== undefined) return 0;
      const plan = this.#decide(runtime);
      if (plan.kind === 'finish') return this.#finish(runtime);
      this.#forgetReasons(runtime);
      this.#publish(runtime, false);
      const { changed, waitMs } = await this.#execute(plan, runtime);
      runtime = await this.#inspect();
      if (!changed) {
        this.#publish(runtime, false);
        return waitMs;
      }
    }
    return POD_RETRY_MS;
  }

  #decide(runtime: RuntimePod): Plan {
    const { prober } = this.#deps;
    return decide({
      pod: this.#pod,
      runtime,
      unhealthy: prober.unhealthy(uidOf(this.#pod)),
      started: (id) => prober.started(id),
    });
  }

  #forgetReasons(runtime: RuntimePod): void {
    for (const name of [...this.#waiting.keys()]) {
      const [latest] = runtime.containers.filter((one) => one.name === name);
      if (latest?.phase === 'running') this.#waiting.delete(name);
    }
  }

  async #execute(
    plan: Exclude<Plan, { kind: 'finish' }>,
    runtime: RuntimePod,
  ): Promise<{ changed: boolean; waitMs: number }> {
    if (plan.kind === 'sandbox') {
      const stopped = await this.#ender.stopStale(this.#pod, runtime);
      if (!stopped) return { changed: false, waitMs: POD_RETRY_MS };
      await this.#sandboxes.make(this.#pod, plan.attempt, this.#goneSignal.signal);
      return { changed: true, waitMs: 0 };
    }
    for (const kill of plan.kill) this.#ender.killUnhealthy(this.#pod, runtime, kill);
    if (plan.start.length === 0) {
      await this.#refreshVolumes();
      return { changed: false, waitMs: this.#nextLookMs() };
    }
    return this.#startAll(plan, runtime);
  }

  async #startAll(
    plan: Extract<Plan, { kind: 'containers' }>,
    runtime: RuntimePod,
  ): Promise<{ changed: boolean; waitMs: number }> {
    const pod = this.#pod;
    const mounted = await this.#mount();
    const sandboxSpec = this.#sandboxes.spec(pod, plan.sandbox.attempt);
    const podIps = this.#podIps(runtime);
    const { signal } = this.#goneSignal;
    let changed = false;
    let waitMs = this.#nextLookMs();
    for (const item of plan.start) {
      if (this.#end !== undefined) break;
      const { sandbox } = plan;
      const shared = { pod, item, sandbox, sandboxSpec, podIps, volumes: mounted, signal };
      const pidOf = targetOf(item, runtime);
      const request = pidOf === undefined ? shared : { ...shared, pidOf };
      try {
        await this.#starter.start(request);
        this.#waiting.delete(item.container.name);
        changed = true;
      } catch (error) {
        if (!(error instanceof StartFault)) throw error;
        const { reason, message } = error;
        this.#waiting.set(item.container.name, { reason, message });
        waitMs = Math.min(waitMs, this.#starter.waitMs(pod, item) || POD_RETRY_MS);
      }
    }
    return { changed, waitMs };
  }

  async #mount(): Promise<ReadonlyMap<string, string>> {
    const mounted = await this.#deps.volumes.mount(this.#pod);
    this.#refreshAtMs = this.#deps.clock.monotonicMs() + VOLUME_REFRESH_MS;
    return mounted;
  }

  /** Files of running pods follow their sources, now and then. */
  async #refreshVolumes(): Promise<void> {
    if (this.#deps.clock.monotonicMs() >= this.#refreshAtMs) await this.#mount();
  }

  #nextLookMs(): number {
    const seconds = specOf(this.#pod).activeDeadlineSeconds;
    const startedMs = parseTimeMs(this.#status()?.startTime);
    if (seconds === undefined || startedMs === undefined) return POD_RESYNC_MS;
    const leftMs = startedMs + seconds * MS_PER_SECOND - this.#deps.clock.now();
    return Math.min(POD_RESYNC_MS, Math.max(1, leftMs));
  }

  /** The pod ran to its end: nothing may run on, what it used is given back, its logs stay. */
  async #finish(runtime: RuntimePod): Promise<number> {
    const { volumes, prober } = this.#deps;
    const decided = isFinished(this.#pod) || this.#verdict !== undefined;
    // Nothing waits for another run any more: what became of the last one counts.
    for (const { name } of runtime.containers) this.#waiting.delete(name);
    this.#publish(runtime, decided);
    const grace = graceSecondsOf(this.#pod);
    if (!(await this.#ender.stopAll(this.#pod, runtime, grace))) return POD_RESYNC_MS;
    prober.forgetPod(uidOf(this.#pod));
    await volumes.unmount(uidOf(this.#pod));
    // Whatever has not run by now never will.
    this.#publish(await this.#inspect(), true);
    return POD_RESYNC_MS;
  }

  async #lookAtEnd(reason: EndReason): Promise<number> {
    const runtime = await this.#inspect();
    const grace = reason === 'orphan' ? ORPHAN_GRACE_SECONDS : graceSecondsOf(this.#pod);
    if (reason === 'deleted' && specOf(this.#pod).containers.length > 0) {
      this.#publish(runtime, false);
    }
    if (!(await this.#ender.stopAll(this.#pod, runtime, grace))) return POD_RESYNC_MS;
    const after = await this.#inspect();
    if (reason === 'deleted') this.#publish(after, true);
    await this.#ender.release(this.#pod);
    if (reason === 'deleted') {
      await this.#deps.statuses.flushed(uidOf(this.#pod));
      await this.#deleteFromApi();
      return POD_RETRY_MS;
    }
    await this.#ender.removeAll(this.#pod, after);
    this.stop();
    this.#onRemoved(uidOf(this.#pod));
    return POD_RESYNC_MS;
  }

  /** Once per retry period: the pod's own last status change brings us here again. */
  async #deleteFromApi(): Promise<void> {
    const nowMs = this.#deps.clock.monotonicMs();
    if (nowMs < this.#deleteAgainAtMs) return;
    this.#deleteAgainAtMs = nowMs + POD_RETRY_MS;
    await this.#ender.deleteFromApi(this.#pod);
  }
}
