/** Which kinds exist, under which names, with which verbs and subresources. */
import facts from './generated/kinds.json' with { type: 'json' };
import type { KindRules } from './kind-rules.ts';
import {
  apiVersionOf,
  type GroupVersionKind,
  type GroupVersionResource,
  parseApiVersion,
} from './meta.ts';

export interface SubresourceDef {
  kind: string;
  /** Set when the subresource speaks another group's kind (Scale, Eviction, TokenRequest). */
  group?: string;
  version?: string;
  verbs: readonly string[];
}

export interface KindDef {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly listKind: string;
  /** `v1`, `apps/v1`. */
  readonly apiVersion: string;
  /** Lower-case plural, as in URLs. */
  readonly resource: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
  /** Below `/registry/`, without slashes at its ends. */
  readonly storagePath: string;
  readonly storageVersionHash: string;
  /** The version objects are stored as; differs from this one for `events.k8s.io` and HPA v1. */
  readonly storageVersion: { group: string; version: string };
  readonly subresources: {
    readonly status: boolean;
    readonly scale: boolean;
    readonly extra: readonly string[];
  };
  readonly subresourceDefs: ReadonlyMap<string, SubresourceDef>;
  /** Key into the schema, e.g. `core.v1.Pod`. Custom resources have their own namespace of keys. */
  readonly typeName: string;
  /** May an update leave `metadata.resourceVersion` out? */
  readonly unconditionalUpdate: boolean;
  /** Does a PUT to a name that is free create the object? */
  readonly createOnUpdate: boolean;
  /** Is `metadata.generation` kept (bumped when the spec changes)? */
  readonly hasGeneration: boolean;
  /** What the kind brings along itself; built-in kinds have none. */
  readonly rules?: KindRules | undefined;
}

interface KindFact {
  group: string;
  version: string;
  kind: string;
  resource: string;
  singular: string;
  namespaced: boolean;
  verbs: string[];
  shortNames?: string[];
  categories?: string[];
  hash?: string;
  type: string;
  path: string;
  sub?: Record<string, SubresourceDef>;
}

/** Kinds whose storage keeps a generation. */
const WITH_GENERATION: ReadonlySet<string> = new Set([
  '/PodTemplate',
  '/ReplicationController',
  'apps/DaemonSet',
  'apps/Deployment',
  'apps/ReplicaSet',
  'apps/StatefulSet',
  'batch/CronJob',
  'batch/Job',
  'networking.k8s.io/Ingress',
  'networking.k8s.io/IngressClass',
  'networking.k8s.io/NetworkPolicy',
  'policy/PodDisruptionBudget',
  'scheduling.k8s.io/PriorityClass',
  'flowcontrol.apiserver.k8s.io/FlowSchema',
  'flowcontrol.apiserver.k8s.io/PriorityLevelConfiguration',
  'admissionregistration.k8s.io/MutatingAdmissionPolicy',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'discovery.k8s.io/EndpointSlice',
]);

/** Kinds whose updates must name the resource version they are based on. */
const CONDITIONAL_UPDATE: ReadonlySet<string> = new Set([
  'coordination.k8s.io/Lease',
  'policy/PodDisruptionBudget',
  'node.k8s.io/RuntimeClass',
  'storage.k8s.io/CSIDriver',
  'storage.k8s.io/CSINode',
  'storage.k8s.io/CSIStorageCapacity',
  'storage.k8s.io/VolumeAttachment',
  'apiextensions.k8s.io/CustomResourceDefinition',
  'apiregistration.k8s.io/APIService',
  'admissionregistration.k8s.io/MutatingAdmissionPolicy',
  'admissionregistration.k8s.io/MutatingAdmissionPolicyBinding',
  'admissionregistration.k8s.io/MutatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingWebhookConfiguration',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/ValidatingAdmissionPolicyBinding',
]);

const CREATE_ON_UPDATE: ReadonlySet<string> = new Set([
  '/Endpoints',
  '/Event',
  'events.k8s.io/Event',
  '/LimitRange',
  '/Service',
  'coordination.k8s.io/Lease',
  'rbac.authorization.k8s.io/Role',
  'rbac.authorization.k8s.io/RoleBinding',
  'rbac.authorization.k8s.io/ClusterRole',
  'rbac.authorization.k8s.io/ClusterRoleBinding',
]);

const ADMISSION_V1 = { group: 'admissionregistration.k8s.io', version: 'v1' };
const RESOURCE_V1BETA1 = { group: 'resource.k8s.io', version: 'v1beta1' };

/** `group/version/kind` → the version its objects are stored as, where that is another one. */
const STORED_AS: Readonly<Record<string, { group: string; version: string }>> = {
  'events.k8s.io/v1/Event': { group: '', version: 'v1' },
  'autoscaling/v1/HorizontalPodAutoscaler': { group: 'autoscaling', version: 'v2' },
  'admissionregistration.k8s.io/v1beta1/ValidatingAdmissionPolicy': ADMISSION_V1,
  'admissionregistration.k8s.io/v1beta1/ValidatingAdmissionPolicyBinding': ADMISSION_V1,
  'storage.k8s.io/v1alpha1/VolumeAttributesClass': { group: 'storage.k8s.io', version: 'v1beta1' },
  'resource.k8s.io/v1alpha3/DeviceClass': RESOURCE_V1BETA1,
  'resource.k8s.io/v1alpha3/ResourceClaim': RESOURCE_V1BETA1,
  'resource.k8s.io/v1alpha3/ResourceClaimTemplate': RESOURCE_V1BETA1,
  'resource.k8s.io/v1alpha3/ResourceSlice': RESOURCE_V1BETA1,
};

function kindDef(fact: KindFact): KindDef {
  const sub = new Map(Object.entries(fact.sub ?? {}));
  const gv = { group: fact.group, version: fact.version };
  return {
    ...gv,
    kind: fact.kind,
    listKind: `${fact.kind}List`,
    apiVersion: apiVersionOf(gv),
    resource: fact.resource,
    singular: fact.singular,
    shortNames: fact.shortNames ?? [],
    categories: fact.categories ?? [],
    namespaced: fact.namespaced,
    verbs: fact.verbs,
    storagePath: fact.path,
    storageVersionHash: fact.hash ?? '',
    storageVersion: STORED_AS[`${fact.group}/${fact.version}/${fact.kind}`] ?? gv,
    subresources: {
      status: sub.has('status'),
      scale: sub.has('scale'),
      extra: [...sub.keys()].filter((s) => s !== 'status' && s !== 'scale'),
    },
    subresourceDefs: sub,
    typeName: fact.type,
    unconditionalUpdate: !CONDITIONAL_UPDATE.has(`${fact.group}/${fact.kind}`),
    createOnUpdate: CREATE_ON_UPDATE.has(`${fact.group}/${fact.kind}`),
    hasGeneration: WITH_GENERATION.has(`${fact.group}/${fact.kind}`),
  };
}

/** A set of kinds, found by resource or by kind. */
export class KindRegistry {
  private readonly byResource = new Map<string, KindDef>();
  private readonly byKind = new Map<string, KindDef>();
  private changes = 0;
  private readonly listeners = new Set<() => void>();

  constructor(defs: Iterable<KindDef> = []) {
    for (const def of defs) this.add(def);
  }

  /** Adds a kind, or replaces the one of the same group, version and resource. */
  add(def: KindDef): void {
    this.changes += 1;
    this.byResource.set(`${def.apiVersion}/${def.resource}`, def);
    this.byKind.set(`${def.apiVersion}/${def.kind}`, def);
    this.tell();
  }

  remove(def: KindDef): void {
    this.changes += 1;
    this.byResource.delete(`${def.apiVersion}/${def.resource}`);
    this.byKind.delete(`${def.apiVersion}/${def.kind}`);
    this.tell();
  }

  /** Calls back after every change of the set. Returns its undo. */
  onChange(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private tell(): void {
    for (const listener of this.listeners) listener();
  }

  /** A number that changes whenever the set does. */
  get revision(): number {
    return this.changes;
  }

  forResource(gvr: GroupVersionResource): KindDef | undefined {
    return this.byResource.get(`${apiVersionOf(gvr)}/${gvr.resource}`);
  }

  forKind(gvk: GroupVersionKind): KindDef | undefined {
    return this.byKind.get(`${apiVersionOf(gvk)}/${gvk.kind}`);
  }

  /** By the two fields every object carries. */
  forObject(object: { apiVersion?: string | undefined; kind?: string | undefined }) {
    return this.forKind({ ...parseApiVersion(object.apiVersion ?? ''), kind: object.kind ?? '' });
  }

  /** In the stock server's order: groups by priority, then versions, then resource names. */
  all(): KindDef[] {
    return [...this.byResource.values()];
  }
}

const isStable = ({ version }: { version: string }): boolean => /^v\d+$/.test(version);

/** The kinds of Kubernetes 1.32 that a default server has on (stable ones). */
export const builtinKinds: KindRegistry = new KindRegistry(
  (facts as KindFact[]).filter(isStable).map(kindDef),
);

/** Kinds of beta and alpha versions, without what is declared of them: see `optionalKinds`. */
export const unstableKinds: readonly KindDef[] = (facts as KindFact[])
  .filter((fact) => !isStable(fact))
  .map(kindDef);

/** Where a kind stands in the stock server's order of groups, versions and resources. */
export function rankOf(def: GroupVersionResource): number {
  return (facts as KindFact[]).findIndex(
    ({ group, version, resource }) =>
      group === def.group && version === def.version && resource === def.resource,
  );
}

/** The definition of a built-in kind; throws when there is none of that name. */
export function builtinKind(apiVersion: string, kind: string): KindDef {
  const def = builtinKinds.forObject({ apiVersion, kind });
  if (!def) throw new Error(`no built-in kind ${kind} in ${apiVersion}`);
  return def;
}
