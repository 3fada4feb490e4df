import { isNotFound, labelSelectorOf, type Pod, type PodDisruptionBudget } from '@kubets/api';
import type { ResourceApi } from '@kubets/client';
import { type Clock, errorMessage, type Logger, type Random } from '@kubets/platform';
import type { ClusterState } from '../core/cluster-state.ts';
import type { Nominations } from '../core/nominations.ts';
import type { PodInfo } from '../core/pod-info.ts';
import {
  type Budget,
  type Candidate,
  type Candidates,
  findCandidates,
  leastHurtful,
  notEligible,
} from '../core/preemption.ts';
import type { Extenders } from '../extenders/extenders.ts';
import type { Diagnosis } from '../ports.ts';
import type { ConditionWriter } from './condition-writer.ts';
import type { Profiles } from './profiles.ts';

/** Told of tries to make room. */
export interface PreemptionFigures {
  /** @param found whether pods could be told to go */
  triedToMakeRoom(profile: string, tookMs: number, found: boolean): void;
  /** So many pods are told to go. */
  madeRoom(victims: number): void;
}

export interface PreemptorOptions {
  readonly pods: ResourceApi<Pod>;
  readonly state: ClusterState;
  readonly profiles: Profiles;
  readonly nominations: Nominations;
  readonly conditions: ConditionWriter;
  /** All PodDisruptionBudgets; undefined while they are not known: nobody is told to go then. */
  readonly budgets: () => readonly PodDisruptionBudget[] | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly figures?: PreemptionFigures;
}

/** Where extenders left none of the nodes that could be emptied. */
const NO_CANDIDATE = 'no candidate node for preemption';

const timeText = (epochMs: number): string =>
  new Date(epochMs).toISOString().replace(/\.\d+Z$/, 'Z');

function budgetOf({ metadata, spec, status }: PodDisruptionBudget): Budget {
  return {
    namespace: metadata.namespace ?? '',
    selector: labelSelectorOf(spec?.selector),
    allowed: status?.disruptionsAllowed ?? 0,
    disrupted: new Set(Object.keys(status?.disruptedPods ?? {})),
  };
}

/** Tells less important pods to go when that lets a more important one run, and keeps their place for it. */
export class Preemptor {
  readonly #options: PreemptorOptions;

  constructor(options: PreemptorOptions) {
    this.#options = options;
  }

  /** @returns what to add to the message about the pod; '' when room is being made */
  tryFor(pod: PodInfo, diagnosis: Diagnosis): string {
    const found = this.#lookFor(pod, diagnosis);
    return typeof found === 'string' ? found : this.#settle(pod, found.candidates, found.message);
  }

  /** The same, where extenders have a say in who goes. */
  async tryExtended(pod: PodInfo, diagnosis: Diagnosis, extenders: Extenders): Promise<string> {
    const found = this.#lookFor(pod, diagnosis);
    if (typeof found === 'string') return found;
    const { candidates, message } = found;
    if (candidates.length === 0) return this.#settle(pod, candidates, message);
    const podOn = (node: string, uid: string): PodInfo | undefined =>
      this.#options.state.table.byName(node)?.pods.get(uid);
    try {
      const left = await extenders.preempt(pod, candidates, podOn);
      return this.#settle(pod, left, () => NO_CANDIDATE);
    } catch (error) {
      return errorMessage(error);
    }
  }

  #lookFor(pod: PodInfo, diagnosis: Diagnosis): Candidates | string {
    const { state, profiles, nominations, random, budgets } = this.#options;
    const { core, profile } = profiles.of(pod);
    if (!profile.preempts) return '';
    const nominated = nominations.nodeOf(pod.uid) ?? pod.pod.status?.nominatedNodeName;
    const refusal = notEligible(pod, nominated || undefined, { diagnosis, state });
    if (refusal !== undefined) return refusal;
    const known = budgets();
    if (known === undefined) return 'not tried, since disruption budgets are not known yet.';
    const all = known.map(budgetOf);
    const effort = profile.args.preemption;
    const { clock, figures } = this.#options;
    const startMs = clock.monotonicMs();
    const found = findCandidates({
      ...{ pod, diagnosis, state, core, budgets: all, random, effort },
    });
    const tookMs = clock.monotonicMs() - startMs;
    figures?.triedToMakeRoom(profile.name, tookMs, found.candidates.length > 0);
    return found;
  }

  #settle(pod: PodInfo, candidates: readonly Candidate[], message: () => string): string {
    const best = leastHurtful(candidates);
    if (best === undefined) {
      this.#options.nominations.delete(pod.uid);
      return message();
    }
    this.#carryOut(pod, best);
    return '';
  }

  #carryOut(pod: PodInfo, { node, victims }: Candidate): void {
    const { nominations, conditions, log, figures } = this.#options;
    figures?.madeRoom(victims.length);
    for (const other of nominations.on(node)) {
      if (other.priority >= pod.priority) continue;
      nominations.delete(other.uid);
      conditions.clearNomination(other);
    }
    nominations.set(pod, node);
    log.info({ pod: pod.key, node, victims: victims.map(({ key }) => key) }, 'making room');
    for (const victim of victims) void this.#evict(victim, pod, node);
  }

  async #evict(victim: PodInfo, pod: PodInfo, node: string): Promise<void> {
    const { pods, profiles, clock, log } = this.#options;
    const { events, profile } = profiles.of(pod);
    if (victim.terminating) return;
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'PreemptionByScheduler',
      message: `${profile.name}: preempting to accommodate a higher priority pod`,
      lastTransitionTime: timeText(clock.now()),
    };
    const body = { metadata: { uid: victim.uid }, status: { conditions: [condition] } };
    const { namespace, name, uid } = victim;
    try {
      await pods.patch(namespace, name, 'strategic', body, { subresource: 'status' });
      await pods.delete(namespace, name, { preconditions: { uid } });
      const message = `Preempted by pod ${pod.uid} on node ${node}`;
      const subject = { ...victim.pod, apiVersion: 'v1', kind: 'Pod' };
      events.event(subject, 'Normal', 'Preempted', message);
    } catch (error) {
      if (isNotFound(error)) return;
      // The pod in need is tried again by and by, and asks again if there still is no room.
      log.warn({ victim: victim.key, err: error }, 'a pod could not be told to go');
      this.#options.nominations.delete(pod.uid);
    }
  }
}
