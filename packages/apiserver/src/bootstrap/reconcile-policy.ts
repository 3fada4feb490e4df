import {
  type ClusterRole,
  type ClusterRoleBinding,
  type GroupVersionResource,
  isAlreadyExists,
  isConflict,
  isNotFound,
  type KubeObject,
  type PolicyRule,
  type Role,
  type RoleBinding,
} from '@kubets/api';
import { uncoveredRules } from '../auth/rules.ts';
import { LIMITS } from '../edge-limits.ts';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import type { Policy } from './policy.ts';
import { AUTOUPDATE_ANNOTATION } from './policy-notation.ts';

type PolicyObject = ClusterRole | ClusterRoleBinding | Role | RoleBinding;

/**
 * Makes sure the default policy is there: creates what is missing and adds missing rules and subjects. What an
 * administrator added stays, and an object with the annotation `autoupdate: "false"` is left alone. Several
 * apiservers may do this at once: who comes second finds the object there.
 */
export async function reconcilePolicy(store: ResourceStore, policy: Policy): Promise<void> {
  const work: { gvr: GroupVersionResource; wanted: PolicyObject }[] = [
    ...policy.clusterRoles.map((wanted) => ({ gvr: GVR.clusterRoles, wanted })),
    ...policy.clusterRoleBindings.map((wanted) => ({ gvr: GVR.clusterRoleBindings, wanted })),
    ...policy.roles.map((wanted) => ({ gvr: GVR.roles, wanted })),
    ...policy.roleBindings.map((wanted) => ({ gvr: GVR.roleBindings, wanted })),
  ];
  const worker = async (): Promise<void> => {
    for (let next = work.shift(); next; next = work.shift())
      await ensure(store, next.gvr, next.wanted);
  };
  await Promise.all(Array.from({ length: LIMITS.bootstrapConcurrency }, worker));
}

async function ensure(
  store: ResourceStore,
  gvr: GroupVersionResource,
  wanted: PolicyObject,
): Promise<void> {
  const { namespace = '', name = '' } = wanted.metadata;
  const present = store.cache<PolicyObject & KubeObject>(gvr).get(namespace, name);
  if (!present) {
    if (await created(store, gvr, wanted)) return;
  } else if (!mergePolicy(present, wanted)) {
    return;
  }
  await update(store, gvr, wanted);
}

async function created(
  store: ResourceStore,
  gvr: GroupVersionResource,
  wanted: PolicyObject,
): Promise<boolean> {
  try {
    await store.create(gvr, structuredClone(wanted) as KubeObject);
    return true;
  } catch (error) {
    if (isAlreadyExists(error)) return false;
    throw error;
  }
}

async function update(
  store: ResourceStore,
  gvr: GroupVersionResource,
  wanted: PolicyObject,
): Promise<void> {
  const { namespace = '', name = '' } = wanted.metadata;
  for (let attempt = 0; attempt < LIMITS.bootstrapAttempts; attempt++) {
    try {
      const present = await store.get<PolicyObject & KubeObject>({ ...gvr, namespace, name });
      const merged = mergePolicy(present, wanted);
      if (merged) await store.update(gvr, merged as KubeObject);
      return;
    } catch (error) {
      // Another apiserver was faster, or somebody removed it meanwhile: the next round sees what is there.
      if (!isConflict(error) && !isNotFound(error)) throw error;
      if (isNotFound(error) && (await created(store, gvr, wanted))) return;
    }
  }
}

/** The present object with what it lacks; undefined when it lacks nothing or is not to be touched. */
export function mergePolicy<T extends PolicyObject>(present: T, wanted: T): T | undefined {
  if (present.metadata.annotations?.[AUTOUPDATE_ANNOTATION] === 'false') return undefined;
  if ('roleRef' in wanted) return mergeBinding(present as RoleBinding, wanted) as T | undefined;
  const role = present as ClusterRole;
  if ((wanted as ClusterRole).aggregationRule) {
    if (role.aggregationRule) return undefined;
    return { ...present, aggregationRule: (wanted as ClusterRole).aggregationRule };
  }
  const rules: PolicyRule[] = role.rules ?? [];
  const missing = uncoveredRules(rules, (wanted as ClusterRole).rules ?? []);
  if (missing.length === 0) return undefined;
  return { ...present, rules: [...rules, ...missing] };
}

function mergeBinding(present: RoleBinding, wanted: RoleBinding): RoleBinding | undefined {
  // A binding cannot change its role; one that was replaced by hand is the administrator's.
  if (JSON.stringify(present.roleRef) !== JSON.stringify(wanted.roleRef)) return undefined;
  const subjects = present.subjects ?? [];
  const key = (one: (typeof subjects)[number]): string =>
    `${one.kind}/${one.namespace ?? ''}/${one.name}`;
  const known = new Set(subjects.map(key));
  const missing = (wanted.subjects ?? []).filter((one) => !known.has(key(one)));
  return missing.length === 0 ? undefined : { ...present, subjects: [...subjects, ...missing] };
}
