import type { Deployment, DeploymentStatus, ReplicaSet } from '@kubets/api';

/** One write. The host carries them out in order and stops at the first that fails. */
export type Action =
  | { type: 'create'; replicaSet: ReplicaSet }
  /** Size, annotations and minReadySeconds of an existing ReplicaSet; `from` is what was seen. */
  | { type: 'update'; from: ReplicaSet; to: ReplicaSet }
  | { type: 'delete'; replicaSet: ReplicaSet }
  | { type: 'annotate'; annotations: Record<string, string> }
  | { type: 'status'; status: DeploymentStatus };

/** What one pass decided. */
export interface Plan {
  actions: Action[];
  /** Look again after this long even if nothing changes: the progress deadline. */
  requeueAfterMs?: number;
}

/** Sizes of ReplicaSets a step wants to change. */
export type Sizes = Map<ReplicaSet, number>;

export type Status = NonNullable<Deployment['status']>;
