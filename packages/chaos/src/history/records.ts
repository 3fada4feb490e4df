/** Everything a run has seen: what is judged, reported, and kept in a file. */
import type { Operation, WatchRecord } from '@kubets/etcd/testing';
import type { FaultRecord, LeaderSample, LeaseRecord } from '../ports.ts';
import type { KubeRecords } from './kube-records.ts';

/** What a run was. Times of a history are milliseconds of one clock; `startedMs` is when traffic began by it. */
export interface RunFacts {
  readonly scenario: string;
  readonly target: string;
  readonly seed: number;
  readonly faultsWanted: number;
  /** Wall time, ISO 8601. */
  readonly startedAt: string;
  readonly startedMs: number;
  endedMs: number;
  readonly members: readonly string[];
  /** Spans in which there was no traffic, for another run had its turn. */
  readonly idle: (readonly [fromMs: number, toMs: number])[];
}

export interface History {
  readonly facts: RunFacts;
  readonly operations: readonly Operation[];
  readonly watches: readonly WatchRecord[];
  readonly leases: readonly LeaseRecord[];
  readonly faults: readonly FaultRecord[];
  readonly leaders: readonly LeaderSample[];
  /** When a revision was first told to any watcher: it was applied by then. */
  readonly seenMs: ReadonlyMap<number, number>;
  /** Sum of all accounts of the bank, which no transfer changes; undefined when there was no bank. */
  readonly bankTotal: number | undefined;
  /** What went wrong besides what clients saw: the cluster did not come back, a member died by itself. */
  readonly complaints: readonly string[];
  /** What clients of the Kubernetes API saw, when a whole cluster was the target. */
  readonly kube?: KubeRecords;
}
