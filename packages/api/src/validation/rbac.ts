/** Roles and bindings. */
import { semanticEqual } from '../equal.ts';
import { GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  RoleRef,
  Subject,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { addMessages, type Errors, validateSelector } from './common.ts';
import { goStrings } from './go-dump.ts';
import { dns1123Subdomain, pathSegmentName } from './names.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

function validateRule(errors: Errors, path: string, rule: PolicyRule, namespaced: boolean): void {
  if ((rule.verbs ?? []).length === 0) {
    errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  }
  const urls = rule.nonResourceURLs ?? [];
  if (urls.length > 0) {
    const at = `${path}.nonResourceURLs`;
    if (namespaced) {
      errors.push(
        invalid(at, goStrings(urls), 'namespaced rules cannot apply to non-resource URLs'),
      );
    }
    const parts = [rule.apiGroups, rule.resources, rule.resourceNames];
    if (parts.some((p) => (p ?? []).length > 0)) {
      const why = 'rules cannot apply to both regular resources and non-resource URLs';
      errors.push(invalid(at, goStrings(urls), why));
    }
    return;
  }
  if ((rule.apiGroups ?? []).length === 0) {
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  }
  if ((rule.resources ?? []).length === 0) {
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  }
}

export function validateRole(errors: Errors, role: Role | ClusterRole): void {
  (role.rules ?? []).forEach((rule, i) => {
    validateRule(errors, `rules[${i}]`, rule, role.kind === 'Role');
  });
  const aggregation = 'aggregationRule' in role ? role.aggregationRule : undefined;
  if (!aggregation) return;
  const selectors = aggregation.clusterRoleSelectors ?? [];
  const at = 'aggregationRule.clusterRoleSelectors';
  if (selectors.length === 0) {
    const why = 'at least one clusterRoleSelector required if aggregationRule is non-nil';
    errors.push(required(at, why));
  }
  selectors.forEach((s, i) => {
    validateSelector(errors, `${at}[${i}]`, s);
  });
}

const SUBJECT_KINDS = ['ServiceAccount', 'User', 'Group'];

function validateSubject(errors: Errors, path: string, s: Subject, namespaced: boolean): void {
  if (!s.name) errors.push(required(`${path}.name`));
  const group = s.apiGroup ?? '';
  switch (s.kind) {
    case 'ServiceAccount':
      if (s.name) addMessages(errors, `${path}.name`, s.name, dns1123Subdomain(s.name));
      if (group !== '') errors.push(notSupported(`${path}.apiGroup`, group, ['']));
      if (!namespaced && !s.namespace) errors.push(required(`${path}.namespace`));
      break;
    case 'User':
    case 'Group':
      if (group !== RBAC_GROUP) {
        errors.push(notSupported(`${path}.apiGroup`, group, [RBAC_GROUP]));
      }
      break;
    default:
      errors.push(notSupported(`${path}.kind`, s.kind, SUBJECT_KINDS));
  }
}

export function validateBinding(errors: Errors, b: RoleBinding | ClusterRoleBinding): void {
  const namespaced = b.kind === 'RoleBinding';
  const ref = b.roleRef ?? { apiGroup: '', kind: '', name: '' };
  if (ref.apiGroup !== RBAC_GROUP) {
    errors.push(notSupported('roleRef.apiGroup', ref.apiGroup, [RBAC_GROUP]));
  }
  const kinds = namespaced ? ['Role', 'ClusterRole'] : ['ClusterRole'];
  if (!kinds.includes(ref.kind)) errors.push(notSupported('roleRef.kind', ref.kind, kinds));
  if (!ref.name) errors.push(required('roleRef.name'));
  else addMessages(errors, 'roleRef.name', ref.name, pathSegmentName(ref.name));
  (b.subjects ?? []).forEach((s, i) => {
    validateSubject(errors, `subjects[${i}]`, s, namespaced);
  });
}

function refDump(r: RoleRef): GoText {
  const body = `APIGroup:${goQuote(r.apiGroup)}, Kind:${goQuote(r.kind)}, Name:${goQuote(r.name)}`;
  return new GoText(`rbac.RoleRef{${body}}`);
}

export function validateBindingUpdate(
  errors: Errors,
  b: RoleBinding | ClusterRoleBinding,
  old: RoleBinding | ClusterRoleBinding,
): void {
  if (semanticEqual(b.roleRef, old.roleRef)) return;
  errors.push(invalid('roleRef', refDump(b.roleRef), 'cannot change roleRef'));
}
