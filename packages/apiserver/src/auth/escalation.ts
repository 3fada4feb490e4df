import {
  type ClusterRole,
  forbiddenBecause,
  notFound,
  type PolicyRule,
  type Role,
  type RoleBinding,
} from '@kubets/api';
import type {
  AdmissionAttributes,
  AdmissionPlugin,
  AuthorizationAttributes,
  Authorizer,
  UserInfo,
} from '../ports.ts';
import { WELL_KNOWN } from './identity.ts';
import { escalationText, type RbacAuthorizer } from './rbac.ts';
import { describeRule, uncoveredRules } from './rules.ts';

const GROUP = 'rbac.authorization.k8s.io';
const ROLE_RESOURCES = ['roles', 'clusterroles'];
const BINDING_RESOURCES = ['rolebindings', 'clusterrolebindings'];
const EVERYTHING: PolicyRule[] = [
  { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
  { nonResourceURLs: ['*'], verbs: ['*'] },
];

/**
 * Nobody hands out rights they do not hold. Writing a role needs its rules, or the verb `escalate` on it;
 * writing a binding needs the rules of its role, or the verb `bind`. Cannot be disabled.
 */
export function createEscalationCheck(
  authorizer: Authorizer,
  rbac: RbacAuthorizer,
): AdmissionPlugin {
  async function may(verb: string, on: { resource: string; name: string }, a: AdmissionAttributes) {
    const decision = await authorizer.authorize(attributesFor(a.user, verb, on, a.namespace));
    return decision.allowed;
  }

  function requireHeld(a: AdmissionAttributes, wanted: PolicyRule[]): void {
    const held = rbac.rulesFor(a.user, a.namespace).rules;
    const missing = uncoveredRules(held, wanted).map(describeRule);
    if (missing.length === 0) return;
    const why = escalationText(a.user, missing);
    throw forbiddenBecause(a.resource, { name: nameOf(a), why });
  }

  async function checkRole(a: AdmissionAttributes): Promise<void> {
    const role = a.object as Role & ClusterRole;
    const old = a.oldObject as (Role & ClusterRole) | undefined;
    const sameAggregation = same(role.aggregationRule, old?.aggregationRule);
    if (old && same(role.rules, old.rules) && sameAggregation) return;
    if (await may('escalate', { resource: a.resource.resource, name: nameOf(a) }, a)) return;
    requireHeld(a, role.rules ?? []);
    if (role.aggregationRule && !sameAggregation) requireHeld(a, EVERYTHING);
  }

  async function checkBinding(a: AdmissionAttributes): Promise<void> {
    const binding = a.object as RoleBinding;
    const old = a.oldObject as RoleBinding | undefined;
    if (old && same(binding.roleRef, old.roleRef) && same(binding.subjects, old.subjects)) return;
    const ref = binding.roleRef;
    const resource = ref.kind === 'Role' ? 'roles' : 'clusterroles';
    if (await may('bind', { resource, name: ref.name }, a)) return;
    const rules = rbac.rulesOf(ref, a.namespace);
    if (!rules) throw notFound({ group: GROUP, resource: a.resource.resource }, ref.name);
    requireHeld(a, rules);
  }

  return {
    name: 'RBACEscalation',
    only: [...ROLE_RESOURCES, ...BINDING_RESOURCES],
    async admit(a) {
      if (a.resource.group !== GROUP || a.operation === 'DELETE' || !a.object) return;
      if (a.user.groups.includes(WELL_KNOWN.masters)) return;
      if (ROLE_RESOURCES.includes(a.resource.resource)) await checkRole(a);
      if (BINDING_RESOURCES.includes(a.resource.resource)) await checkBinding(a);
    },
  };
}

const nameOf = (a: AdmissionAttributes): string => a.name || (a.object?.metadata.name ?? '');

const same = (a: unknown, b: unknown): boolean =>
  JSON.stringify(a ?? null) === JSON.stringify(b ?? null);

function attributesFor(
  user: UserInfo,
  verb: string,
  on: { resource: string; name: string },
  namespace: string,
): AuthorizationAttributes {
  return {
    user,
    verb,
    isResourceRequest: true,
    apiGroup: GROUP,
    apiVersion: 'v1',
    resource: on.resource,
    subresource: '',
    namespace,
    name: on.name,
    path: '',
  };
}
