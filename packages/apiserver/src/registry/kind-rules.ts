/** Facts of single kinds that decide how the registry writes them; as the stock server has them. */
import type { KindDef } from '@kubets/api';
import { EVENT_TTL_SECONDS } from '../limits.ts';

const id = (def: KindDef): string => `${def.group}/${def.resource}`;

/** A PUT to a name that does not exist creates the object. */
const CREATE_ON_UPDATE: ReadonlySet<string> = new Set([
  '/endpoints',
  '/events',
  'events.k8s.io/events',
  '/limitranges',
  '/services',
  'coordination.k8s.io/leases',
  'rbac.authorization.k8s.io/roles',
  'rbac.authorization.k8s.io/rolebindings',
  'rbac.authorization.k8s.io/clusterroles',
  'rbac.authorization.k8s.io/clusterrolebindings',
]);

/** An update must carry the resourceVersion it is based on. */
const CONDITIONAL_ONLY: ReadonlySet<string> = new Set([
  'coordination.k8s.io/leases',
  'policy/poddisruptionbudgets',
  'apiextensions.k8s.io/customresourcedefinitions',
  'apiregistration.k8s.io/apiservices',
  'admissionregistration.k8s.io/validatingwebhookconfigurations',
  'admissionregistration.k8s.io/mutatingwebhookconfigurations',
  'admissionregistration.k8s.io/validatingadmissionpolicies',
  'admissionregistration.k8s.io/validatingadmissionpolicybindings',
  'node.k8s.io/runtimeclasses',
  'storage.k8s.io/volumeattachments',
  'storage.k8s.io/csinodes',
  'storage.k8s.io/csidrivers',
  'storage.k8s.io/csistoragecapacities',
]);

/** Without a propagation policy dependents are kept (older behaviour that clients rely on). */
const ORPHANS_BY_DEFAULT: ReadonlySet<string> = new Set(['/replicationcontrollers', 'batch/jobs']);

export const createsOnUpdate = (def: KindDef): boolean => CREATE_ON_UPDATE.has(id(def));
export const needsResourceVersion = (def: KindDef): boolean =>
  def.rules?.unstructured === true || CONDITIONAL_ONLY.has(id(def));
export const orphansByDefault = (def: KindDef): boolean => ORPHANS_BY_DEFAULT.has(id(def));

/** Seconds after which objects of a kind vanish; undefined for nearly all. */
export function ttlSecondsOf(def: KindDef): number | undefined {
  return def.resource === 'events' ? EVENT_TTL_SECONDS : undefined;
}

/**
 * Whether a write tells no more than that a node still lives: it may come late by a moment, as nodes count in seconds
 * (enhancement proposal 589, node heartbeats).
 */
export const isHeartbeat = (def: KindDef, namespace: string): boolean =>
  namespace === 'kube-node-lease' && id(def) === 'coordination.k8s.io/leases';

export const isPod = (def: KindDef): boolean => def.group === '' && def.resource === 'pods';
export const isNamespace = (def: KindDef): boolean =>
  def.group === '' && def.resource === 'namespaces';

export const isCustomDefinition = (def: KindDef): boolean =>
  def.group === 'apiextensions.k8s.io' && def.resource === 'customresourcedefinitions';

/** Subresources whose features are off in this version: as if they did not exist. */
const SWITCHED_OFF: ReadonlySet<string> = new Set(['/pods/resize']);

export const isSwitchedOff = (def: KindDef, subresource: string): boolean =>
  SWITCHED_OFF.has(`${id(def)}/${subresource}`);
