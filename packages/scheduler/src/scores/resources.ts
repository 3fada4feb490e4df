/** Scores by what would be left on a node. */
import type { FitStrategy, ScoredResource } from '../config/profile.ts';
import type { ClusterState } from '../core/cluster-state.ts';
import type { PodInfo } from '../core/pod-info.ts';
import { CPU, MEMORY } from '../core/resources.ts';
import { MAX_NODE_SCORE } from '../limits.ts';
import type { ScorePlugin } from '../ports.ts';

/** The share that would be free, in percent; 0 when the node would be over-full or has none. */
function freeShare(has: number, wanted: number): number {
  if (has <= 0 || wanted > has) return 0;
  return Math.floor(((has - wanted) * MAX_NODE_SCORE) / has);
}

/** The share that would be taken, in percent; 100 when the node would be over-full, 0 when it has none. */
function usedShare(has: number, wanted: number): number {
  if (has <= 0) return 0;
  return Math.floor((Math.min(wanted, has) * MAX_NODE_SCORE) / has);
}

/** Scores of utilizations: 0–100 by straight lines between the points of a shape, whose scores go up to 10. */
function shaped(shape: FitStrategy['shape']): (has: number, wanted: number) => number {
  const scale = MAX_NODE_SCORE / 10;
  const points = shape.map(({ utilization, score }) => ({ at: utilization, score: score * scale }));
  const line = (x: number): number => {
    const next = points.findIndex(({ at }) => x <= at);
    if (next < 0) return points.at(-1)?.score ?? 0;
    const to = points[next];
    const from = points[next - 1];
    if (to === undefined || from === undefined) return to?.score ?? 0;
    // Whole numbers, cut as the stock scheduler cuts them.
    const rise = ((to.score - from.score) * (x - from.at)) / (to.at - from.at);
    return from.score + Math.trunc(rise);
  };
  return (has, wanted) => {
    if (has <= 0 || wanted > has) return line(MAX_NODE_SCORE);
    return line(Math.trunc((wanted * MAX_NODE_SCORE) / has));
  };
}

/** What a resource comes to on a node, if the pod goes there. */
interface Taken {
  readonly has: Float64Array;
  readonly taken: Float64Array;
  readonly adds: number;
}

interface Column extends Taken {
  readonly weight: number;
}

/**
 * CPU and memory always count, other resources only where the pod asks for them.
 * @param assumes whether containers that ask for no CPU and memory count for a little
 */
function columnOf(
  { name, weight }: ScoredResource,
  pod: PodInfo,
  { table, names }: ClusterState,
  assumes: boolean,
): Column | undefined {
  const column = names.column(name);
  const has = table.allocatable(column);
  const isBasic = column === CPU || column === MEMORY;
  if (isBasic && assumes) {
    return column === CPU
      ? { weight, has, taken: table.scoredCpu, adds: pod.scoredCpu }
      : { weight, has, taken: table.scoredMemory, adds: pod.scoredMemory };
  }
  const [, adds = 0] = pod.requests.find(([one]) => one === column) ?? [];
  if (adds === 0 && !isBasic) return undefined;
  return { weight, has, taken: table.requested(column), adds };
}

const SHARE_OF = { LeastAllocated: freeShare, MostAllocated: usedShare } as const;

/** What nearly every cluster has: the innermost loop of scheduling, without anything that is not needed for it. */
function basicsLeft(): ScorePlugin {
  return {
    name: 'NodeResourcesFit',
    weight: 1,
    score(pod, { table }, slots, scores) {
      const cpu = table.allocatable(CPU);
      const memory = table.allocatable(MEMORY);
      const { scoredCpu, scoredMemory } = table;
      for (const [at, slot] of slots.entries()) {
        const freeCpu = freeShare(cpu[slot] ?? 0, (scoredCpu[slot] ?? 0) + pod.scoredCpu);
        const memoryWanted = (scoredMemory[slot] ?? 0) + pod.scoredMemory;
        const freeMemory = freeShare(memory[slot] ?? 0, memoryWanted);
        scores[at] = Math.floor((freeCpu + freeMemory) / 2);
      }
      return true;
    },
  };
}

function isBasic({ type, resources }: FitStrategy): boolean {
  const both = resources.map(({ name, weight }) => `${name} ${weight}`).sort();
  return type === 'LeastAllocated' && both.join() === 'cpu 1,memory 1';
}

/** Ranks nodes by each resource that would be free, or taken, by weight. */
export function resourcesLeft(strategy: FitStrategy): ScorePlugin {
  return isBasic(strategy) ? basicsLeft() : weighed(strategy);
}

function weighed({ type, resources, shape }: FitStrategy): ScorePlugin {
  const share = type === 'RequestedToCapacityRatio' ? shaped(shape) : SHARE_OF[type];
  // By capacity only what is asked for counts, a score of nothing is left out, and what is left is rounded.
  const isByShape = type === 'RequestedToCapacityRatio';
  return {
    name: 'NodeResourcesFit',
    weight: 1,
    score(pod, state, slots, scores) {
      const columns = resources.flatMap((one) => columnOf(one, pod, state, !isByShape) ?? []);
      for (const [at, slot] of slots.entries()) {
        let [sum, weights] = [0, 0];
        for (const { weight, has, taken, adds } of columns) {
          const total = has[slot] ?? 0;
          if (total === 0) continue;
          const score = share(total, (taken[slot] ?? 0) + adds);
          if (isByShape && score <= 0) continue;
          sum += score * weight;
          weights += weight;
        }
        const mean = weights === 0 ? 0 : sum / weights;
        scores[at] = isByShape ? Math.round(mean) : Math.floor(mean);
      }
      return true;
    },
  };
}

/** Prefers nodes where the resources would be used to the same degree. */
export function balancedAllocation(resources: readonly string[]): ScorePlugin {
  return {
    name: 'NodeResourcesBalancedAllocation',
    weight: 1,
    score(pod, { table, names }, slots, scores) {
      const asked = new Map(pod.requests);
      const columns = resources.map((name) => {
        const column = names.column(name);
        const adds = asked.get(column) ?? 0;
        return { has: table.allocatable(column), taken: table.requested(column), adds, column };
      });
      // A pod that asks for nothing would always go where the balance happens to be best.
      if (columns.every(({ adds }) => adds === 0)) return false;
      // Other resources only count where the pod asks for them.
      const counted = columns.filter(
        ({ column, adds }) => column === CPU || column === MEMORY || adds > 0,
      );
      const [first, second, third] = counted;
      if (first !== undefined && second !== undefined && third === undefined) {
        balanceOfTwo([first, second], slots, scores);
        return true;
      }
      const shares = new Float64Array(counted.length);
      for (const [at, slot] of slots.entries()) {
        let count = 0;
        for (const { has, taken, adds } of counted) {
          const total = has[slot] ?? 0;
          if (total === 0) continue;
          shares[count] = Math.min(1, ((taken[slot] ?? 0) + adds) / total);
          count += 1;
        }
        scores[at] = Math.floor((1 - spreadOf(shares, count)) * MAX_NODE_SCORE);
      }
      return true;
    },
  };
}

/** Shares of two resources: the usual case, without anything that is not needed for it. */
function balanceOfTwo(
  [one, other]: readonly [Taken, Taken],
  slots: readonly number[],
  scores: Float64Array,
): void {
  const { has, taken, adds } = one;
  const { has: hasOther, taken: takenOther, adds: addsOther } = other;
  for (const [at, slot] of slots.entries()) {
    const total = has[slot] ?? 0;
    const totalOther = hasOther[slot] ?? 0;
    const share = Math.min(1, ((taken[slot] ?? 0) + adds) / (total || 1));
    const shareOther = Math.min(1, ((takenOther[slot] ?? 0) + addsOther) / (totalOther || 1));
    // Where there is but one of them, nothing is out of balance.
    const apart = total === 0 || totalOther === 0 ? 0 : Math.abs(share - shareOther);
    scores[at] = Math.floor((1 - apart / 2) * MAX_NODE_SCORE);
  }
}

/** How far shares are apart: their standard deviation. */
function spreadOf(shares: Float64Array, count: number): number {
  if (count < 2) return 0;
  const [first = 0, second = 0] = shares;
  if (count === 2) return Math.abs(first - second) / 2;
  let sum = 0;
  for (let at = 0; at < count; at += 1) sum += shares[at] ?? 0;
  const mean = sum / count;
  let squares = 0;
  for (let at = 0; at < count; at += 1) squares += ((shares[at] ?? 0) - mean) ** 2;
  return Math.sqrt(squares / count);
}
