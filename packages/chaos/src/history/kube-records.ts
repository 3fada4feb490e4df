/** What clients of the Kubernetes API asked and saw, in plain values. */

/** One request for an object that several writers change. */
export interface KubeRequest {
  readonly type: 'create' | 'update' | 'read';
  readonly name: string;
  readonly begunMs: number;
  /** null while it is not answered. */
  endedMs: number | null;
  /** `conflict`: refused, for somebody was faster; `refused`: refused otherwise, without an effect. */
  outcome: 'ok' | 'conflict' | 'refused' | 'unknown';
  /** Of the object that was answered; 0 without one. */
  rv: number;
  /** Unique to a write: what it put in; for reads what was read. */
  token: string;
  /** How often the object says it was changed. */
  counter: number;
  /** Writes: the version it was based on; 0 for a creation. */
  readonly base: number;
}

export interface KubeEvent {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly name: string;
  readonly rv: number;
  readonly token: string;
  readonly counter: number;
}

/** One watch request to one apiserver, from a version on. */
export interface KubeStream {
  readonly server: string;
  readonly from: number;
  readonly events: KubeEvent[];
}

/** One rolling deployment, as its owner saw it end. */
export interface KubeRollout {
  readonly revision: number;
  readonly begunMs: number;
  /** null when it did not come to its end in time. */
  readonly endedMs: number | null;
}

export interface KubeRecords {
  readonly requests: readonly KubeRequest[];
  readonly streams: readonly KubeStream[];
  readonly rollouts: readonly KubeRollout[];
  /** The version that everybody had to come to at the end. */
  readonly finalRv: number;
}
