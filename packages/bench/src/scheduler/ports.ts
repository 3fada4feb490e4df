/** The vocabulary of the scheduler's benchmark. */
import type { Case } from './cases.ts';

/** One case on the core alone. */
export interface CoreFigures {
  readonly which: Case;
  readonly nodes: number;
  readonly pods: number;
  /** Pods that got a node. */
  readonly placed: number;
  readonly podsPerSecond: number;
  /** Time of one decision. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** CPU of one pod, on all threads: what a busy machine does not blur. */
  readonly cpuMs: number;
  readonly rssBytes: number;
}

/** One case with apiserver and store. */
export interface WholeFigures {
  readonly which: Case;
  readonly nodes: number;
  readonly pods: number;
  readonly placed: number;
  /** From the first pod's request to the last pod's binding: making the pods is part of it. */
  readonly podsPerSecond: number;
  /** The best second. */
  readonly highest: number;
  readonly loadMs: number;
  /** CPU by role of the process, the load's own included. */
  readonly cpuSeconds: Readonly<Record<string, number>>;
}
