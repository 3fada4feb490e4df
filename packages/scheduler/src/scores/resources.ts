/** Scores by what would be left on a node. */
import { CPU, MEMORY } from '../core/resources.ts';
import { MAX_NODE_SCORE } from '../limits.ts';
import type { ScorePlugin } from '../ports.ts';

/** The share that would be free, in percent; 0 when the node would be over-full or has none. */
function freeShare(has: number, wanted: number): number {
  if (has <= 0 || wanted > has) return 0;
  return Math.floor(((has - wanted) * MAX_NODE_SCORE) / has);
}

/** Prefers nodes with more free CPU and memory. */
export const leastAllocated: ScorePlugin = {
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

/** Prefers nodes where CPU and memory would be used to the same degree. */
export const balancedAllocation: ScorePlugin = {
  name: 'NodeResourcesBalancedAllocation',
  weight: 1,
  score(pod, { table }, slots, scores) {
    const asked = new Map(pod.requests);
    const [addCpu, addMemory] = [asked.get(CPU) ?? 0, asked.get(MEMORY) ?? 0];
    // A pod that asks for nothing would always go where the balance happens to be best.
    if (addCpu === 0 && addMemory === 0) return false;
    const cpu = table.allocatable(CPU);
    const memory = table.allocatable(MEMORY);
    const usedCpu = table.requested(CPU);
    const usedMemory = table.requested(MEMORY);
    for (const [at, slot] of slots.entries()) {
      const cpuShare = Math.min(1, ((usedCpu[slot] ?? 0) + addCpu) / (cpu[slot] || 1));
      const memoryShare = Math.min(1, ((usedMemory[slot] ?? 0) + addMemory) / (memory[slot] || 1));
      scores[at] = Math.floor((1 - Math.abs(cpuShare - memoryShare) / 2) * MAX_NODE_SCORE);
    }
    return true;
  },
};
