/** The statuses of Deployments and their like: no count negative, no part above the whole. */
import { invalid } from '../field-error.ts';
import { type Errors, notNegative } from './common.ts';

/** Counts by their names. */
type Counts = { readonly [name: string]: unknown };

interface StatusRules {
  /** Counts in the order in which they are looked at. */
  readonly counts: readonly string[];
  /** Counts of pods that are part of `status.replicas`. */
  readonly parts: readonly string[];
  /** What available pods are held against, as the message says it; absent: nothing. */
  readonly ready?: string;
}

const REPLICA_RULES: StatusRules = {
  counts: [
    ...['replicas', 'fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
    'observedGeneration',
  ],
  parts: ['fullyLabeledReplicas', 'readyReplicas', 'availableReplicas'],
  ready: 'readyReplicas',
};

const RULES: Readonly<Record<string, StatusRules>> = {
  ReplicaSet: REPLICA_RULES,
  ReplicationController: REPLICA_RULES,
  Deployment: {
    counts: [
      ...['observedGeneration', 'replicas', 'updatedReplicas', 'readyReplicas'],
      ...['availableReplicas', 'unavailableReplicas', 'collisionCount'],
    ],
    parts: ['updatedReplicas', 'readyReplicas', 'availableReplicas'],
    ready: 'readyReplicas',
  },
  StatefulSet: {
    counts: [
      ...['replicas', 'readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
      ...['observedGeneration', 'collisionCount'],
    ],
    parts: ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'],
    ready: 'status.readyReplicas',
  },
  DaemonSet: {
    counts: [
      ...['currentNumberScheduled', 'numberMisscheduled', 'desiredNumberScheduled'],
      ...['numberReady', 'observedGeneration', 'updatedNumberScheduled', 'numberAvailable'],
      ...['numberUnavailable', 'collisionCount'],
    ],
    parts: [],
  },
};

interface WithStatus {
  readonly status?: object | undefined;
}

const countsOf = ({ status }: WithStatus): Counts => (status ?? {}) as Counts;
const countOf = (counts: Counts, name: string): number => Number(counts[name] ?? 0);

/** @param kind one of those above */
export function workloadStatus(kind: string): (e: Errors, o: WithStatus, old: WithStatus) => void {
  const rules = RULES[kind] ?? REPLICA_RULES;
  return (errors, object, old) => {
    const now = countsOf(object);
    for (const name of rules.counts) notNegative(errors, `status.${name}`, countOf(now, name));
    validateParts(errors, now, rules);
    const collisions = countOf(now, 'collisionCount');
    if (!rules.counts.includes('collisionCount')) return;
    const isGone = now.collisionCount === undefined && countsOf(old).collisionCount !== undefined;
    if (!isGone && collisions >= countOf(countsOf(old), 'collisionCount')) return;
    errors.push(invalid('status.collisionCount', collisions, 'cannot be decremented'));
  };
}

function validateParts(errors: Errors, now: Counts, { parts, ready }: StatusRules): void {
  const total = countOf(now, 'replicas');
  for (const name of parts) {
    const count = countOf(now, name);
    if (count <= total) continue;
    errors.push(invalid(`status.${name}`, count, 'cannot be greater than status.replicas'));
  }
  const available = countOf(now, 'availableReplicas');
  if (ready === undefined || available <= countOf(now, 'readyReplicas')) return;
  errors.push(invalid('status.availableReplicas', available, `cannot be greater than ${ready}`));
}
