import type { ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding } from '@kubets/api';

const GROUP = 'rbac.authorization.k8s.io';
const API_VERSION = `${GROUP}/v1`;

/** Marks objects the server puts in order at start, unless somebody sets the annotation to "false". */
export const AUTOUPDATE_ANNOTATION = 'rbac.authorization.kubernetes.io/autoupdate';
const BOOTSTRAP_LABELS = { 'kubernetes.io/bootstrapping': 'rbac-defaults' };

/** Shorthands for sets of verbs. */
const VERB_SETS: Readonly<Record<string, string>> = {
  read: 'get list watch',
  write: 'create delete deletecollection patch update',
  all: 'create delete deletecollection get list patch update watch',
};

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== '');

function verbsOf(text: string): string[] {
  return words(text).flatMap((word) => words(VERB_SETS[word] ?? word));
}

/**
 * One line of policy: `VERBS | GROUP | RESOURCES [| NAMES]`, words separated by spaces; the group `core` is the
 * legacy one; `read`, `write` and `all` stand for sets of verbs. A path rule is `VERBS | PATHS` where
 * every path starts with a slash or is `*`.
 */
export function parseRule(line: string): PolicyRule {
  const [verbs = '', second = '', third, names] = line.split('|').map((part) => part.trim());
  if (third === undefined) return { verbs: verbsOf(verbs), nonResourceURLs: words(second) };
  const rule: PolicyRule = {
    verbs: verbsOf(verbs),
    apiGroups: words(second).map((group) => (group === 'core' ? '' : group)),
    resources: words(third),
  };
  if (names) rule.resourceNames = words(names);
  return rule;
}

/** The rules of a text, one a line. */
export function parseRules(text: string): PolicyRule[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .map(parseRule);
}

function metadataFor(name: string, more: { namespace?: string; labels?: Record<string, string> }) {
  return {
    name,
    ...(more.namespace ? { namespace: more.namespace } : {}),
    labels: { ...BOOTSTRAP_LABELS, ...more.labels },
    annotations: { [AUTOUPDATE_ANNOTATION]: 'true' },
  };
}

/** A cluster role from policy text. */
export function clusterRole(
  name: string,
  text: string,
  labels: Record<string, string> = {},
): ClusterRole {
  return {
    apiVersion: API_VERSION,
    kind: 'ClusterRole',
    metadata: metadataFor(name, { labels }),
    rules: parseRules(text),
  };
}

const aggregateLabel = (to: string): Record<string, string> => ({
  [`rbac.authorization.k8s.io/aggregate-to-${to}`]: 'true',
});

/** Labels of a cluster role whose rules flow into another. */
export const aggregatesTo = aggregateLabel;

/** A cluster role made of all that carry its aggregation label. */
export function aggregatedRole(name: string, into?: string): ClusterRole {
  const { rules: _none, ...role } = clusterRole(name, '', into ? aggregateLabel(into) : {});
  return {
    ...role,
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: aggregateLabel(name) }] },
  };
}

/** A role of one namespace from policy text. */
export function namespacedRole(namespace: string, name: string, text: string): Role {
  return {
    apiVersion: API_VERSION,
    kind: 'Role',
    metadata: metadataFor(name, { namespace }),
    rules: parseRules(text),
  };
}

/** Subjects as `User:NAME`, `Group:NAME` or `ServiceAccount:NAMESPACE/NAME`. */
function subjectOf(text: string): NonNullable<RoleBinding['subjects']>[number] {
  const at = text.indexOf(':');
  const kind = text.slice(0, at);
  const name = text.slice(at + 1);
  if (kind !== 'ServiceAccount') return { kind, apiGroup: GROUP, name };
  const [namespace = '', account = ''] = name.split('/');
  return { kind, namespace, name: account };
}

/** Binds a cluster role everywhere. */
export function clusterBinding(
  role: string,
  subjects: readonly string[],
  name = role,
): ClusterRoleBinding {
  const binding: ClusterRoleBinding = {
    apiVersion: API_VERSION,
    kind: 'ClusterRoleBinding',
    metadata: metadataFor(name, {}),
    roleRef: { apiGroup: GROUP, kind: 'ClusterRole', name: role },
  };
  if (subjects.length > 0) binding.subjects = subjects.map(subjectOf);
  return binding;
}

/** Binds a role in its namespace. */
export function namespacedBinding(
  namespace: string,
  role: string,
  o: { subjects: readonly string[]; name?: string },
): RoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: 'RoleBinding',
    metadata: metadataFor(o.name ?? role, { namespace }),
    roleRef: { apiGroup: GROUP, kind: 'Role', name: role },
    subjects: o.subjects.map(subjectOf),
  };
}
