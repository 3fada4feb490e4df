/** What both sides of a run have in common, and the order of runs. */
import type { Row, Sample } from '../table.ts';

/** Where work goes. */
export interface Target {
  readonly side: 'ours' | 'stock';
  /** The leader's address. */
  readonly endpoint: string;
  /** Processor time its members have used so far, in seconds; absent for a server that somebody else runs. */
  readonly cpuSeconds?: () => number;
}

export type Note = (text: string) => void;

/** Runs work on both sides in turn, so many times: A B A B. What disturbs the machine for a while disturbs both. */
export async function interleave<T extends { readonly side: Target['side'] }>(
  sides: readonly T[],
  rounds: number,
  work: (side: T) => Promise<Sample>,
): Promise<Pick<Row, 'ours' | 'stock'>> {
  const samples: Record<Target['side'], Sample[]> = { ours: [], stock: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const side of sides) samples[side.side].push(await work(side));
  }
  return samples;
}
