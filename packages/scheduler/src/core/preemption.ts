/**
 * Making room: which less important pods would have to go, and where that hurts least. The rules are those of the stock
 * scheduler. Pure but for the state, which is changed while trying and put back.
 */
import { matchesLabels, type ParsedLabelSelector } from '@kubets/api';
import type { Random } from '@kubets/platform';
import { DEFAULT_ARGS, type PluginArgs } from '../config/profile.ts';
import { PREEMPTION_NODES_WIDE } from '../limits.ts';
import type { Diagnosis } from '../ports.ts';
import type { ClusterState } from './cluster-state.ts';
import { nodesMessage } from './diagnosis.ts';
import type { NodeEntry } from './node-table.ts';
import type { PodInfo } from './pod-info.ts';
import type { Asker, SchedulerCore } from './schedule.ts';

/** A PodDisruptionBudget, as far as it matters here. */
export interface Budget {
  readonly namespace: string;
  readonly selector: ParsedLabelSelector;
  /** How many of its pods may go now. */
  readonly allowed: number;
  /** Names of pods already on their way out. */
  readonly disrupted: ReadonlySet<string>;
}

/** One node, and who would have to leave it. */
export interface Candidate {
  readonly node: string;
  /** The more important first. */
  readonly victims: readonly PodInfo[];
  /** Victims whose budgets do not allow it. */
  readonly violations: number;
}

export type PreemptionResult =
  | { readonly outcome: 'found'; readonly candidate: Candidate }
  | { readonly outcome: 'none'; readonly message: string };

export interface PreemptionOptions {
  readonly pod: PodInfo;
  readonly diagnosis: Diagnosis;
  readonly state: ClusterState;
  readonly core: SchedulerCore;
  readonly budgets: readonly Budget[];
  readonly random: Random;
  /** How many nodes that could do are compared; the stock numbers when absent. */
  readonly effort?: PluginArgs['preemption'];
}

const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
const NO_VICTIMS: readonly string[] = ['No preemption victims found for incoming pod'];

const startOf = ({ startMs }: PodInfo): number => startMs;

/** Higher priority first; of equals, the one that has run longer. */
function byImportance(left: PodInfo, right: PodInfo): number {
  if (left.priority !== right.priority) return right.priority - left.priority;
  const [a, b] = [startOf(left), startOf(right)];
  return a === b ? 0 : a - b;
}

/** Splits pods into those whose eviction breaks a budget and the others, keeping the order. */
function splitByBudgets(
  pods: readonly PodInfo[],
  budgets: readonly Budget[],
): { violating: PodInfo[]; allowed: PodInfo[] } {
  const left = budgets.map((budget) => budget.allowed);
  const split = { violating: [] as PodInfo[], allowed: [] as PodInfo[] };
  for (const pod of pods) {
    let violates = false;
    for (const [at, budget] of budgets.entries()) {
      const { selector } = budget;
      if (budget.namespace !== pod.namespace || selector.requirements.length === 0) continue;
      if (!matchesLabels(selector, pod.labels) || budget.disrupted.has(pod.name)) continue;
      left[at] = (left[at] ?? 0) - 1;
      if ((left[at] ?? 0) < 0) violates = true;
    }
    (violates ? split.violating : split.allowed).push(pod);
  }
  return split;
}

/** How a trial takes pods off a node and puts them back. */
interface Trial {
  take(pod: PodInfo): void;
  giveBack(pod: PodInfo): void;
}

/** Where only what is taken of the node counts, nothing else is touched: maps and groups cost most of a trial. */
function trialOn(entry: NodeEntry, state: ClusterState, { nodeLocal }: Asker): Trial {
  if (nodeLocal) {
    return {
      take: (pod) => state.vacate(entry, pod),
      giveBack: (pod) => state.occupy(entry, pod),
    };
  }
  return {
    take: (pod) => void state.remove(pod.uid),
    giveBack: (pod) => state.place(pod, entry.name),
  };
}

/** Takes every less important pod off a node, then gives back as many as fit, the most important first. */
function victimsOn(
  slot: number,
  options: PreemptionOptions,
  asker: Asker,
): Candidate | readonly string[] {
  const { pod, state, budgets } = options;
  const entry = state.table.entry(slot);
  const lesser: PodInfo[] = [];
  for (const other of entry.pods.values()) if (other.priority < pod.priority) lesser.push(other);
  if (lesser.length === 0) return NO_VICTIMS;
  const trial = trialOn(entry, state, asker);
  for (const other of lesser) trial.take(other);
  const rejected = asker.rejection(slot);
  if (rejected !== undefined) {
    for (const other of lesser) trial.giveBack(other);
    return rejected.reasons;
  }
  const victims: PodInfo[] = [];
  const reprieve = (other: PodInfo): boolean => {
    trial.giveBack(other);
    if (asker.rejection(slot) === undefined) return true;
    trial.take(other);
    victims.push(other);
    return false;
  };
  let violations = 0;
  const { violating, allowed } = splitByBudgets(lesser.sort(byImportance), budgets);
  for (const other of violating) if (!reprieve(other)) violations += 1;
  for (const other of allowed) reprieve(other);
  for (const other of victims) trial.giveBack(other);
  return { node: entry.name, victims: victims.sort(byImportance), violations };
}

/** How much it would hurt; compared figure by figure, less is better. */
function costs({ victims, violations }: Candidate): number[] {
  const top = victims[0]?.priority ?? 0;
  // Shifted so that every victim counts, whatever the sign of its priority.
  const sum = victims.reduce((total, { priority }) => total + priority + 2 ** 31, 0);
  const starts = victims.filter(({ priority }) => priority === top).map(startOf);
  // The later the longest-running of the most important began, the less is lost.
  return [violations, top, sum, victims.length, -Math.min(...starts)];
}

function lessHurtful(left: Candidate, right: Candidate): boolean {
  const [a, b] = [costs(left), costs(right)];
  for (const [at, cost] of a.entries()) {
    const other = b[at] ?? 0;
    if (cost !== other) return cost < other;
  }
  return false;
}

/** How many nodes that could do are compared. */
function candidatesWanted({ pod, state, effort }: PreemptionOptions): number {
  const wide = pod.hardSpread.length > 0 || pod.affinities.required.length > 0;
  if (wide) return PREEMPTION_NODES_WIDE;
  const { percent, atLeast } = effort ?? DEFAULT_ARGS.preemption;
  return Math.max(atLeast, Math.floor((state.nodeCount * percent) / 100));
}

/** Nodes that could be emptied, and what is said when there are none. */
export interface Candidates {
  readonly candidates: readonly Candidate[];
  readonly message: () => string;
}

/** Looks for the node where making room for the pod hurts least. The state is as before afterwards. */
export function findPreemption(options: PreemptionOptions): PreemptionResult {
  const { candidates, message } = findCandidates(options);
  const candidate = leastHurtful(candidates);
  if (candidate !== undefined) return { outcome: 'found', candidate };
  return { outcome: 'none', message: message() };
}

/** The first of those that hurt least. */
export function leastHurtful(candidates: readonly Candidate[]): Candidate | undefined {
  const [first, ...more] = candidates;
  if (first === undefined) return undefined;
  return more.reduce((best, one) => (lessHurtful(one, best) ? one : best), first);
}

/** Looks for nodes where room could be made for the pod. The state is as before afterwards. */
export function findCandidates(options: PreemptionOptions): Candidates {
  const { diagnosis, random, core, pod } = options;
  // Made ready while every pod is where it is: what then finds nothing to forbid finds nothing with fewer of them.
  const asker = core.asker(pod);
  const slots: number[] = [];
  for (const [slot, { unresolvable }] of diagnosis.rejections) if (!unresolvable) slots.push(slot);
  const refusals: (readonly string[])[] = [];
  const wanted = candidatesWanted(options);
  const start = slots.length > 0 ? random.int(slots.length) : 0;
  const candidates: Candidate[] = [];
  let isClean = false;
  // As long as every one of them would break a budget, more are looked for.
  const isEnough = (): boolean => candidates.length >= wanted && isClean;
  for (let step = 0; step < slots.length && !isEnough(); step += 1) {
    const slot = slots[(start + step) % slots.length] ?? 0;
    const result = victimsOn(slot, options, asker);
    if (!('victims' in result)) {
      refusals.push(result);
      continue;
    }
    candidates.push(result);
    isClean ||= result.violations === 0;
  }
  const { nodeCount } = diagnosis;
  const rejection = { plugin: '', reasons: [NOT_HELPFUL], unresolvable: true };
  const hopeless = nodeCount - slots.length;
  const others = hopeless === 0 ? undefined : { count: hopeless, rejection };
  return { candidates, message: () => nodesMessage(nodeCount, refusals.flat(), others) };
}

/**
 * Why the pod may not ask others to go; undefined when it may.
 * @param nominatedNode where others are already on their way out for it
 */
export function notEligible(
  pod: PodInfo,
  nominatedNode: string | undefined,
  options: Pick<PreemptionOptions, 'diagnosis' | 'state'>,
): string | undefined {
  const { diagnosis, state } = options;
  if (pod.pod.spec?.preemptionPolicy === 'Never') {
    return 'not eligible due to preemptionPolicy=Never.';
  }
  const entry = nominatedNode === undefined ? undefined : state.table.byName(nominatedNode);
  if (entry === undefined) return undefined;
  const rejection = diagnosis.rejections.get(entry.slot) ?? diagnosis.others?.rejection;
  if (rejection?.unresolvable) return undefined;
  for (const { terminating, priority, pod: other } of entry.pods.values()) {
    const preempted = other.status?.conditions?.some(
      ({ type, status, reason }) =>
        type === 'DisruptionTarget' && status === 'True' && reason === 'PreemptionByScheduler',
    );
    if (terminating && priority < pod.priority && preempted) {
      return 'not eligible due to a terminating pod on the nominated node.';
    }
  }
  return undefined;
}
