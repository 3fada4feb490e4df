import { isNotFound, type Pod } from '@kubets/api';
import { type Api, type EventRecorder, type ResourceApi, WorkQueue } from '@kubets/client';
import { type Clock, errorMessage, type Logger, type Random, type Timer } from '@kubets/platform';
import { DEFAULT_PROFILE, type Profile } from '../config/profile.ts';
import { ClusterState } from '../core/cluster-state.ts';
import { failureMessage } from '../core/diagnosis.ts';
import { Nominations } from '../core/nominations.ts';
import type { PodInfo } from '../core/pod-info.ts';
import { decideExtended } from '../extenders/decide.ts';
import type { Extenders } from '../extenders/extenders.ts';
import { MAX_BINDINGS_IN_FLIGHT, QUEUE_TICK_MS, SLICE_MS, VOLUME_WAIT_MS } from '../limits.ts';
import type { Diagnosis } from '../ports.ts';
import { type BackoffMs, type QueuedPod, SchedulingQueue } from '../queue/scheduling-queue.ts';
import { ClusterFeed } from './cluster-feed.ts';
import { ConditionWriter } from './condition-writer.ts';
import { defaultSelector } from './default-selector.ts';
import { type PreemptionFigures, Preemptor } from './preemptor.ts';
import { Profiles } from './profiles.ts';
import { type Reservation, VolumeBinder } from './volume-binder.ts';
import { Watched } from './watched.ts';

/** What became of a try. */
export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

/** How a try went. Times are milliseconds. */
export interface Attempt {
  /** The profile that placed the pod, or tried to. */
  readonly profile: string;
  readonly tookMs: number;
  /** How long the binding took; absent when there was none. */
  readonly bindMs?: number;
  /** Tries of this pod so far, this one included. */
  readonly attempts: number;
  readonly sinceAddedMs: number;
}

/** Told of what a scheduler does. */
export interface SchedulerFigures extends PreemptionFigures {
  attempt(result: AttemptResult, attempt: Attempt): void;
  /** A node was looked for. */
  decided(tookMs: number): void;
  /** A pod came to wait in a queue. */
  incoming(queue: string, event: string): void;
}

export interface SchedulerOptions {
  readonly api: Api;
  /** Tells in the name of a component. */
  recorder(component: string): EventRecorder;
  /** Absent: the stock scheduler's one. */
  readonly profiles?: readonly Profile[];
  /** Services that have a say in where pods go. */
  readonly extenders?: Extenders;
  readonly backoff?: BackoffMs;
  /** How long a pod waits for its claims to be bound. */
  readonly volumeWaitMs?: number;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Told of every try and what leads to it; absent: nobody is. */
  readonly figures?: SchedulerFigures;
}

/** Places pods on nodes, as long as it leads. It follows the cluster all the time, so that leading can begin at once. */
export class Scheduler {
  readonly queue: SchedulingQueue;
  readonly state = new ClusterState();
  readonly watched: Watched;
  readonly #options: SchedulerOptions;
  readonly #profiles: Profiles;
  readonly #feed: ClusterFeed;
  readonly #pods: ResourceApi<Pod>;
  readonly #conditions: ConditionWriter;
  readonly #nominations = new Nominations();
  readonly #preemptor: Preemptor;
  readonly #volumes: VolumeBinder;
  #leading = false;
  #sliceDue = false;
  /** Extenders think about a pod: the others wait, as if the scheduler thought itself. */
  #asking = false;
  #inFlight = 0;
  #ticker: Timer | undefined;

  constructor(options: SchedulerOptions) {
    const { api, clock, random, log } = options;
    this.#options = options;
    const { figures, backoff } = options;
    this.queue = new SchedulingQueue(clock, {
      ...(backoff && { backoff }),
      ...(figures && { onIncoming: (queue, event) => figures.incoming(queue, event) }),
    });
    this.watched = new Watched(options);
    this.#profiles = new Profiles({
      profiles: options.profiles ?? [DEFAULT_PROFILE],
      state: this.state,
      nominations: this.#nominations,
      selectorOf: (pod) => defaultSelector(pod, this.watched),
      random,
      recorder: options.recorder,
    });
    this.#feed = new ClusterFeed({
      watched: this.watched,
      state: this.state,
      profiles: this.#profiles,
      queue: this.queue,
      nominations: this.#nominations,
      onWork: () => this.#kick(),
      onVolumes: () => this.#volumes.changed(),
    });
    const waitMs = options.volumeWaitMs ?? VOLUME_WAIT_MS;
    this.#volumes = new VolumeBinder({ api, clock, state: this.state, waitMs });
    this.#pods = api.resource<Pod>('v1', 'pods');
    this.#conditions = new ConditionWriter({
      pods: this.#pods,
      queue: new WorkQueue({ clock, random, log }),
      clock,
    });
    this.#preemptor = new Preemptor({
      ...options,
      pods: this.#pods,
      state: this.state,
      profiles: this.#profiles,
      nominations: this.#nominations,
      conditions: this.#conditions,
      budgets: () => this.watched.budgets(),
    });
  }

  /** Begins to follow the cluster. */
  start(): void {
    this.#feed.attach();
    this.watched.start();
    this.#ticker = this.#options.clock.setInterval(() => {
      if (this.queue.tick()) this.#kick();
    }, QUEUE_TICK_MS);
  }

  /** Stops following; bindings under way go on to their end. */
  async stop(): Promise<void> {
    this.#leading = false;
    this.#ticker?.cancel();
    this.watched.stop();
    await this.#conditions.stop();
  }

  /** Places pods until the signal is aborted. */
  async lead(signal: AbortSignal): Promise<void> {
    await this.watched.whenSynced();
    if (signal.aborted) return;
    this.#leading = true;
    signal.addEventListener('abort', () => {
      this.#leading = false;
    });
    this.#kick();
  }

  #kick(): void {
    if (!this.#leading || this.#sliceDue || this.#asking) return;
    this.#sliceDue = true;
    setImmediate(() => this.#slice());
  }

  /** Works for a while, then lets the rest of the process have its turn. */
  #slice(): void {
    this.#sliceDue = false;
    const { clock } = this.#options;
    const startMs = clock.monotonicMs();
    while (this.#leading && !this.#asking && this.#inFlight < MAX_BINDINGS_IN_FLIGHT) {
      const pod = this.queue.pop();
      if (pod === undefined) return;
      const { extenders } = this.#options;
      if (extenders?.concern(pod.info.pod)) {
        void this.#placeExtended(pod, extenders);
        return;
      }
      this.#place(pod);
      if (clock.monotonicMs() - startMs < SLICE_MS) continue;
      this.#kick();
      return;
    }
  }

  #place(pod: QueuedPod): void {
    const { clock, figures } = this.#options;
    const startMs = clock.monotonicMs();
    const decision = this.#profiles.of(pod.info).core.decide(pod.info);
    figures?.decided(clock.monotonicMs() - startMs);
    if (decision.outcome === 'placed') {
      this.#assign(pod, decision.node, startMs);
      return;
    }
    const { diagnosis } = decision;
    const tries = diagnosis.nodeCount > 0;
    this.#refuse(pod, diagnosis, tries ? this.#preemptor.tryFor(pod.info, diagnosis) : '');
    this.#note('unschedulable', pod, startMs);
  }

  async #placeExtended(pod: QueuedPod, extenders: Extenders): Promise<void> {
    const { clock, figures } = this.#options;
    const startMs = clock.monotonicMs();
    const { core } = this.#profiles.of(pod.info);
    this.#asking = true;
    try {
      const decision = await decideExtended(pod.info, { core, state: this.state, extenders });
      figures?.decided(clock.monotonicMs() - startMs);
      const { info } = pod;
      if (!this.#leading) this.queue.retry(pod);
      else if (decision.outcome === 'placed') {
        if (this.queue.holds(pod)) this.#assign(pod, decision.node, startMs);
      } else {
        const { diagnosis } = decision;
        const tries = diagnosis.nodeCount > 0;
        const why = tries ? await this.#preemptor.tryExtended(info, diagnosis, extenders) : '';
        this.#refuse(pod, diagnosis, why);
        this.#note('unschedulable', pod, startMs);
      }
    } catch (error) {
      this.#onDecisionFailed(pod, error);
      this.#note('error', pod, startMs);
    }
    this.#asking = false;
    this.#kick();
  }

  /** No decision came about, for reasons that are not the pod's. */
  #onDecisionFailed(pod: QueuedPod, error: unknown): void {
    const { info } = pod;
    const message = errorMessage(error);
    this.#options.log.warn({ pod: info.key, err: error }, 'no decision; trying again later');
    this.#profiles.of(info).events.event(subject(info), 'Warning', 'FailedScheduling', message);
    this.#conditions.failed(info, message, this.#nominations.nodeOf(info.uid));
    this.queue.retry(pod);
  }

  #assign(pod: QueuedPod, node: string, startMs: number): void {
    this.#nominations.delete(pod.info.uid);
    const volumes = this.#volumes.reserve(pod.info, node);
    this.#feed.assume(pod.info, node);
    if (volumes === undefined) void this.#bind(pod, node, startMs);
    else void this.#bindWithVolumes(pod, volumes, startMs);
  }

  /** @param preemption what came of trying to make room; '' when room is being made */
  #refuse(pod: QueuedPod, diagnosis: Diagnosis, preemption: string): void {
    const { info } = pod;
    const message = failureMessage(diagnosis, preemption);
    this.queue.unschedulable(pod, diagnosis.plugins);
    this.#profiles.of(info).events.event(subject(info), 'Warning', 'FailedScheduling', message);
    this.#conditions.unschedulable(info, message, this.#nominations.nodeOf(info.uid));
  }

  /** Waiting for volumes may take long: it takes no place of the bindings under way. */
  async #bindWithVolumes(pod: QueuedPod, volumes: Reservation, startMs: number): Promise<void> {
    try {
      await this.#volumes.carryOut(volumes);
    } catch (error) {
      await this.#onBindingFailed(pod, error);
      this.#note('error', pod, startMs);
      this.#kick();
      return;
    }
    await this.#bind(pod, volumes.node, startMs);
  }

  async #bind(pod: QueuedPod, node: string, startMs: number): Promise<void> {
    const { clock } = this.#options;
    const { info } = pod;
    const { events } = this.#profiles.of(info);
    const bindStartMs = clock.monotonicMs();
    this.#inFlight += 1;
    try {
      const isBound = await this.#options.extenders?.bind(info, node);
      if (isBound !== true) await this.#submit(info, node);
      this.queue.delete(info.key);
      const message = `Successfully assigned ${info.key} to ${node}`;
      events.event(subject(info), 'Normal', 'Scheduled', message);
      this.#note('scheduled', pod, startMs, bindStartMs);
    } catch (error) {
      await this.#onBindingFailed(pod, error);
      this.#note('error', pod, startMs, bindStartMs);
    }
    this.#inFlight -= 1;
    this.#kick();
  }

  async #submit({ namespace, name, uid }: PodInfo, node: string): Promise<void> {
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { namespace, name, uid },
      target: { kind: 'Node', name: node },
    };
    await this.#pods.submit(binding, { namespace, name, subresource: 'binding' });
  }

  #note(result: AttemptResult, pod: QueuedPod, startMs: number, bindStartMs?: number): void {
    const { clock, figures } = this.#options;
    if (figures === undefined) return;
    const nowMs = clock.monotonicMs();
    figures.attempt(result, {
      profile: this.#profiles.of(pod.info).profile.name,
      ...{ tookMs: nowMs - startMs, attempts: pod.attempts, sinceAddedMs: nowMs - pod.addedMs },
      ...(bindStartMs !== undefined && { bindMs: nowMs - bindStartMs }),
    });
  }

  /** The answer was no, or there was none: the pod's own state tells whether it has a node. */
  async #onBindingFailed(pod: QueuedPod, error: unknown): Promise<void> {
    const { info } = pod;
    const { log } = this.#options;
    const { events } = this.#profiles.of(info);
    const current = await this.#pods
      .get(info.namespace, info.name)
      .catch((failure: unknown) => failure);
    const isPod = typeof current === 'object' && current !== null && 'spec' in current;
    const bound = isPod && Boolean((current as Pod).spec?.nodeName);
    if (bound) return;
    this.#feed.forget(info);
    if (isNotFound(current)) {
      this.queue.delete(info.key);
      return;
    }
    log.warn({ pod: info.key, err: error }, 'binding failed; trying again later');
    const message = `binding rejected: ${error instanceof Error ? error.message : String(error)}`;
    events.event(subject(info), 'Warning', 'FailedScheduling', message);
    this.queue.retry(pod);
  }
}

/** The pod with its kind, which lists leave out. */
function subject(info: PodInfo): Pod {
  return { ...info.pod, apiVersion: 'v1', kind: 'Pod' };
}
