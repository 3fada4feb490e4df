/** One decision: which node a pod goes to. Pure: the same state and random sequence give the same answer. */
import type { Random } from '@kubets/platform';
import { MIN_FEASIBLE_NODES, MIN_FEASIBLE_PERCENT } from '../limits.ts';
import type {
  Decision,
  Diagnosis,
  FilterPlugin,
  PreparedFilter,
  Rejection,
  ScorePlugin,
} from '../ports.ts';
import type { ClusterState } from './cluster-state.ts';
import type { Nominations } from './nominations.ts';
import type { PodInfo } from './pod-info.ts';
import { claimsOf, VOLUME_BINDING } from './volumes.ts';

/**
 * How many feasible nodes are enough. Large clusters are not searched whole: the share falls from 50 % to 5 % as they
 * grow, and the next search begins where this one ended.
 * @param percentage the share, where it does not follow the number of nodes
 */
export function feasibleNodesWanted(nodeCount: number, percentage = 0): number {
  if (nodeCount <= MIN_FEASIBLE_NODES) return nodeCount;
  const percent = percentage > 0 ? percentage : adaptivePercentage(nodeCount);
  return Math.max(MIN_FEASIBLE_NODES, Math.floor((nodeCount * percent) / 100));
}

function adaptivePercentage(nodeCount: number): number {
  return Math.max(MIN_FEASIBLE_PERCENT, 50 - Math.floor(nodeCount / 125));
}

export interface SchedulerCoreOptions {
  readonly state: ClusterState;
  readonly nominations: Nominations;
  readonly filters: readonly FilterPlugin[];
  readonly scores: readonly ScorePlugin[];
  readonly random: Random;
  /** How many of the nodes are searched for feasible ones, in percent; 0, or absent: by their number. */
  readonly percentageOfNodes?: number;
}

/** One pod's questions about many nodes. */
export interface Asker {
  /** Whether only what pods take of their node counts for the answers, not which pods are where. */
  readonly nodeLocal: boolean;
  readonly rejection: (slot: number) => Rejection | undefined;
}

interface Search {
  readonly feasible: number[];
  readonly rejections: Map<number, Rejection>;
  readonly evaluated: number;
  /** The nodes there are to be looked at. */
  readonly known: number;
}

/** Nodes that would do, before one of them is chosen. */
export interface Feasible {
  readonly outcome: 'feasible';
  readonly slots: readonly number[];
  readonly rejections: ReadonlyMap<number, Rejection>;
  readonly nodeCount: number;
  readonly others: Diagnosis['others'];
  readonly evaluated: number;
}

type Refused = Extract<Decision, { outcome: 'unschedulable' }>;

function firstNo(filters: readonly PreparedFilter[], slot: number): Rejection | undefined {
  for (const filter of filters) {
    const rejection = filter.reject(slot);
    if (rejection !== undefined) return rejection;
  }
  return undefined;
}

interface GeneralReason {
  readonly plugin: string;
  readonly text: string;
}

const NODE_AFFINITY = 'NodeAffinity';
const NAMES_CONFLICT: GeneralReason = {
  plugin: NODE_AFFINITY,
  text: 'pod affinity terms conflict',
};
/** Of nodes that were not looked at, since the pod names others. */
const NOT_NAMED: Rejection = {
  plugin: NODE_AFFINITY,
  reasons: [`node(s) didn't satisfy plugin(s) [${NODE_AFFINITY}]`],
  unresolvable: true,
};

/** Chooses nodes, keeping its place between searches. */
export class SchedulerCore {
  readonly #state: ClusterState;
  readonly #nominations: Nominations;
  readonly #filters: readonly FilterPlugin[];
  readonly #scores: readonly ScorePlugin[];
  readonly #random: Random;
  readonly #percentage: number;
  readonly #names: ReadonlySet<string>;
  #start = 0;

  constructor(options: SchedulerCoreOptions) {
    this.#state = options.state;
    this.#nominations = options.nominations;
    this.#filters = options.filters;
    this.#scores = options.scores;
    this.#random = options.random;
    this.#percentage = options.percentageOfNodes ?? 0;
    this.#names = new Set(options.filters.map(({ name }) => name));
  }

  /** Does not change the state: the caller places the pod. */
  decide(pod: PodInfo): Decision {
    const nominated = this.nominatedNode(pod);
    if (nominated !== undefined) return { outcome: 'placed', node: nominated, evaluated: 1 };
    const found = this.find(pod);
    if (found.outcome === 'unschedulable') return found;
    const { slots, evaluated } = found;
    return { outcome: 'placed', node: this.choose(pod, slots), evaluated };
  }

  /** The nodes the plugins let the pod run on, as many as are wanted. */
  find(pod: PodInfo): Feasible | Refused {
    const nodeCount = this.#state.nodeCount;
    const general = this.#generalReason(pod);
    if (general !== undefined) {
      const plugins = new Set([general.plugin]);
      const diagnosis = { nodeCount, rejections: new Map(), plugins, general: general.text };
      return { outcome: 'unschedulable', diagnosis };
    }
    const named = this.#names.has(NODE_AFFINITY) ? pod.namedNodes : undefined;
    const { feasible: slots, rejections, evaluated, known } = this.#search(pod, named);
    const others = named && { count: nodeCount - known, rejection: NOT_NAMED };
    if (slots.length > 0) {
      return { outcome: 'feasible', slots, rejections, nodeCount, others, evaluated };
    }
    const plugins = new Set<string>();
    for (const { plugin } of rejections.values()) plugins.add(plugin);
    const diagnosis = { nodeCount, rejections, plugins };
    if (others === undefined) return { outcome: 'unschedulable', diagnosis };
    plugins.add(NODE_AFFINITY);
    return { outcome: 'unschedulable', diagnosis: { ...diagnosis, others } };
  }

  /**
   * The best of nodes that would do.
   * @param slots at least one
   * @param extra what others add to the score of each
   */
  choose(pod: PodInfo, slots: readonly number[], extra?: readonly number[]): string {
    const best = slots.length === 1 ? (slots[0] ?? 0) : this.#best(pod, slots, extra);
    return this.#state.table.entry(best).name;
  }

  /** Reasons that hold whatever the nodes are. */
  #generalReason(pod: PodInfo): GeneralReason | undefined {
    if (pod.namedNodes?.size === 0 && this.#names.has(NODE_AFFINITY)) return NAMES_CONFLICT;
    if (!pod.hasClaims || !this.#names.has(VOLUME_BINDING)) return undefined;
    const claims = claimsOf(pod, this.#state.volumes);
    return typeof claims === 'string' ? { plugin: VOLUME_BINDING, text: claims } : undefined;
  }

  /**
   * Whether the node's own facts would let the pod in: tells whether a change of that node could help a pod that waits.
   */
  couldRunOn(pod: PodInfo, node: string): boolean {
    const entry = this.#state.table.byName(node);
    if (entry?.node === undefined) return false;
    const local = this.#filters.filter(({ nodeLocal }) => nodeLocal);
    return firstNo(this.#prepare(local, pod), entry.slot) === undefined;
  }

  /** Why the pod cannot run on a node as the state is now; what is kept for more important pods counts as taken. */
  rejection(pod: PodInfo, slot: number): Rejection | undefined {
    return this.#ask(this.#prepare(this.#filters, pod), pod, slot);
  }

  /**
   * Asks {@link rejection} again and again while pods come and go but nodes stay. What only looks at the node is made ready
   * once.
   */
  asker(pod: PodInfo): Asker {
    const prepared = this.#prepare(this.#filters, pod);
    const isLocal = ({ plugin }: PreparedFilter): boolean =>
      this.#filters.some(({ name, nodeLocal }) => nodeLocal && name === plugin);
    const nodeLocal = prepared.every(isLocal);
    if (!nodeLocal) return { nodeLocal, rejection: (slot) => this.rejection(pod, slot) };
    return { nodeLocal, rejection: (slot) => this.#ask(prepared, pod, slot) };
  }

  /** The node that others were told to leave for this pod, once it is free. */
  nominatedNode(pod: PodInfo): string | undefined {
    const node = this.#nominations.nodeOf(pod.uid);
    const entry = node === undefined ? undefined : this.#state.table.byName(node);
    if (entry?.node === undefined || this.#generalReason(pod) !== undefined) return undefined;
    return this.rejection(pod, entry.slot) === undefined ? node : undefined;
  }

  /** A node must do both as it is, and with the pods that wait for it and are not less important. */
  #ask(prepared: readonly PreparedFilter[], pod: PodInfo, slot: number): Rejection | undefined {
    const plain = firstNo(prepared, slot);
    if (plain !== undefined || this.#nominations.size === 0) return plain;
    const { name } = this.#state.table.entry(slot);
    const waiting = this.#nominations
      .on(name)
      .filter(({ uid, priority }) => uid !== pod.uid && priority >= pod.priority);
    if (waiting.length === 0) return undefined;
    for (const other of waiting) this.#state.place(other, name);
    const crowded = firstNo(this.#prepare(this.#filters, pod), slot);
    for (const other of waiting) this.#state.remove(other.uid);
    return crowded;
  }

  #prepare(filters: readonly FilterPlugin[], pod: PodInfo): PreparedFilter[] {
    return filters.flatMap((filter) => filter.prepare(pod, this.#state) ?? []);
  }

  /** @param named the only nodes to look at, where the pod names some */
  #search(pod: PodInfo, named: ReadonlySet<string> | undefined): Search {
    const order = named === undefined ? this.#state.table.order : this.#slotsOf(named);
    const filters = this.#prepare(this.#filters, pod);
    const wanted = feasibleNodesWanted(order.length, this.#percentage);
    const feasible: number[] = [];
    const rejections = new Map<number, Rejection>();
    let evaluated = 0;
    for (; evaluated < order.length && feasible.length < wanted; evaluated += 1) {
      const slot = order[(this.#start + evaluated) % order.length] ?? 0;
      const rejection = this.#ask(filters, pod, slot);
      if (rejection === undefined) feasible.push(slot);
      else rejections.set(slot, rejection);
    }
    if (named === undefined && order.length > 0)
      this.#start = (this.#start + evaluated) % order.length;
    return { feasible, rejections, evaluated, known: order.length };
  }

  #slotsOf(names: ReadonlySet<string>): number[] {
    return [...names].flatMap((name) => {
      const entry = this.#state.table.byName(name);
      return entry?.node === undefined ? [] : [entry.slot];
    });
  }

  #best(pod: PodInfo, feasible: readonly number[], extra: readonly number[] = []): number {
    const totals = new Float64Array(feasible.length);
    totals.set(extra);
    const scores = new Float64Array(feasible.length);
    for (const plugin of this.#scores) {
      if (!plugin.score(pod, this.#state, feasible, scores)) continue;
      for (let at = 0; at < totals.length; at += 1) {
        totals[at] = (totals[at] ?? 0) + (scores[at] ?? 0) * plugin.weight;
      }
    }
    let best = 0;
    let ties = 1;
    for (let at = 1; at < totals.length; at += 1) {
      const [score, top] = [totals[at] ?? 0, totals[best] ?? 0];
      if (score > top) {
        best = at;
        ties = 1;
      } else if (score === top) {
        // Each of the equals is kept with the same chance.
        ties += 1;
        if (this.#random.int(ties) === 0) best = at;
      }
    }
    return feasible[best] ?? 0;
  }
}
