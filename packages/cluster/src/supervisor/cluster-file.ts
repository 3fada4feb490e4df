/** `cluster.json`: what runs, for people and scripts. Pure. */
import type { Supervised } from './supervised.ts';

export interface ClusterFile {
  readonly phase: 'starting' | 'ready' | 'rolling' | 'failed' | 'stopping' | 'stopped';
  readonly runtime: string;
  readonly supervisor: number;
  /** `host:port` of the store's members. */
  readonly etcd: readonly string[];
  /** Base URLs: the front door first, then each apiserver. */
  readonly apiservers: readonly string[];
  readonly processes: readonly ClusterProcess[];
}

export interface ClusterProcess {
  readonly name: string;
  readonly role: string;
  readonly pid: number | undefined;
  readonly state: string;
  readonly restarts: number;
  readonly startedAtMs: number;
  readonly log: string;
}

export const describeProcess = (one: Supervised): ClusterProcess => ({
  name: one.spec.name,
  role: one.spec.role,
  pid: one.pid,
  state: one.state,
  restarts: one.restarts,
  startedAtMs: one.startedAtMs,
  log: one.logFile,
});
