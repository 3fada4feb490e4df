import {
  type ClusterRole,
  labelSelectorOf,
  matchesLabels,
  type PolicyRule,
  type Role,
  type RoleBinding,
  type RoleRef,
} from '@kubets/api';
import type { AuthorizationAttributes, Decision, UserInfo } from '../ports.ts';
import { parseServiceAccountUsername } from './identity.ts';
import { quoteList, ruleAllows } from './rules.ts';

/** A RoleBinding, or a ClusterRoleBinding (the same shape without a namespace). */
export type Binding = RoleBinding;

/** Where the rules come from: the cached roles and bindings. Lookups must be cheap, nothing awaits. */
export interface RbacSource {
  role(namespace: string, name: string): Role | undefined;
  clusterRole(name: string): ClusterRole | undefined;
  clusterRoles(): Iterable<ClusterRole>;
  /** Bindings of a namespace that name this subject key (see `subjectKeys`). */
  roleBindings(namespace: string, subject: string): Iterable<Binding>;
  clusterRoleBindings(subject: string): Iterable<Binding>;
}

/** Index keys of a binding: `user/NAME`, `group/NAME`; a service account counts as its user name. */
export function bindingKeys(binding: Binding): string[] {
  const namespace = binding.metadata.namespace ?? '';
  return (binding.subjects ?? []).flatMap((subject) => {
    if (subject.kind === 'User') return [`user/${subject.name}`];
    if (subject.kind === 'Group') return [`group/${subject.name}`];
    const home = subject.namespace || namespace;
    return home ? [`user/system:serviceaccount:${home}:${subject.name}`] : [];
  });
}

/** The keys under which a user's bindings are found. */
export function subjectKeys(user: UserInfo): string[] {
  return [`user/${user.name}`, ...user.groups.map((group) => `group/${group}`)];
}

interface Grant {
  binding: Binding;
  kind: 'ClusterRoleBinding' | 'RoleBinding';
  key: string;
  rules: PolicyRule[];
}

/** Role-based access control: pure evaluation over an `RbacSource`. */
export class RbacAuthorizer {
  readonly #source: RbacSource;

  constructor(source: RbacSource) {
    this.#source = source;
  }

  /** Allows with the reason upstream gives, or has no opinion (with what could not be resolved). */
  authorize(asked: AuthorizationAttributes): Decision {
    const errors: string[] = [];
    const namespace = asked.isResourceRequest ? asked.namespace : '';
    for (const grant of this.#grants(asked.user, namespace, errors)) {
      if (!grant.rules.some((rule) => ruleAllows(rule, asked))) continue;
      // Only reviews and audit ask for the reason; making the text costs more than the decision.
      return {
        allowed: true,
        get reason() {
          return allowReason(grant);
        },
      };
    }
    const reason = errors.length === 0 ? '' : `RBAC: ${joinErrors(errors)}`;
    return { allowed: false, reason };
  }

  /** Every rule that holds for the user: cluster-wide ones, and those of `namespace` if given. */
  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; errors: string[] } {
    const errors: string[] = [];
    const rules: PolicyRule[] = [];
    for (const grant of this.#grants(user, namespace, errors)) rules.push(...grant.rules);
    return { rules, errors };
  }

  /** Rules behind a role reference; undefined when the role does not exist. */
  rulesOf(ref: RoleRef, namespace: string): PolicyRule[] | undefined {
    if (ref.kind === 'Role') return rulesIn(this.#source.role(namespace, ref.name));
    const role = this.#source.clusterRole(ref.name);
    if (!role?.aggregationRule) return rulesIn(role);
    return [...(role.rules ?? []), ...this.#aggregated(role)];
  }

  /**
   * Rules a role takes over by label. Stored roles get them from a controller; taking them here as well
   * makes `admin`, `edit` and `view` work from the first second, and whether or not that controller runs.
   */
  #aggregated(role: ClusterRole): PolicyRule[] {
    const rules: PolicyRule[] = [];
    const seen = new Set([role.metadata.name]);
    const queue = [role];
    for (let at = queue.pop(); at; at = queue.pop()) {
      const selectors = at.aggregationRule?.clusterRoleSelectors ?? [];
      for (const other of this.#source.clusterRoles()) {
        if (seen.has(other.metadata.name)) continue;
        const labels = other.metadata.labels ?? {};
        if (!selectors.some((one) => matchesLabels(labelSelectorOf(one), labels))) continue;
        seen.add(other.metadata.name);
        rules.push(...(other.rules ?? []));
        if (other.aggregationRule) queue.push(other);
      }
    }
    return rules;
  }

  *#grants(user: UserInfo, namespace: string, errors: string[]): Generator<Grant> {
    const foundBy = subjectKeys(user);
    for (const key of foundBy) {
      for (const binding of this.#source.clusterRoleBindings(key)) {
        const rules = this.#resolve(binding, '', errors);
        if (rules) yield { binding, kind: 'ClusterRoleBinding', key, rules };
      }
    }
    if (!namespace) return;
    for (const key of foundBy) {
      for (const binding of this.#source.roleBindings(namespace, key)) {
        const rules = this.#resolve(binding, namespace, errors);
        if (rules) yield { binding, kind: 'RoleBinding', key, rules };
      }
    }
  }

  #resolve(binding: Binding, namespace: string, errors: string[]): PolicyRule[] | undefined {
    const rules = this.rulesOf(binding.roleRef, namespace);
    if (rules) return rules;
    const kind = binding.roleRef.kind === 'Role' ? 'role' : 'clusterrole';
    errors.push(
      `${kind}.rbac.authorization.k8s.io ${JSON.stringify(binding.roleRef.name)} not found`,
    );
    return undefined;
  }
}

const rulesIn = (role: ClusterRole | undefined): PolicyRule[] | undefined =>
  role ? (role.rules ?? []) : undefined;

function joinErrors(errors: string[]): string {
  const unique = [...new Set(errors)];
  return unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
}

function allowReason(grant: Grant): string {
  const { name, namespace } = grant.binding.metadata;
  const where = grant.kind === 'RoleBinding' ? `${name}/${namespace}` : name;
  const ref = grant.binding.roleRef;
  const subject = describeSubject(grant);
  return `RBAC: allowed by ${grant.kind} "${where}" of ${ref.kind} "${ref.name}" to ${subject}`;
}

function describeSubject(grant: Grant): string {
  const [kind, ...rest] = grant.key.split('/');
  const name = rest.join('/');
  if (kind === 'group') return `Group ${JSON.stringify(name)}`;
  const account = parseServiceAccountUsername(name);
  const byAccount = (grant.binding.subjects ?? []).some(
    (subject) => subject.kind === 'ServiceAccount' && subject.name === account?.name,
  );
  if (account && byAccount) return `ServiceAccount "${account.name}/${account.namespace}"`;
  return `User ${JSON.stringify(name)}`;
}

/** Text of a refusal to hand out rights the user does not hold. */
export function escalationText(user: UserInfo, missing: string[]): string {
  const groups = quoteList(user.groups);
  return (
    `user ${JSON.stringify(user.name)} (groups=${groups}) is attempting to grant RBAC ` +
    `permissions not currently held:\n${[...new Set(missing)].sort().join('\n')}`
  );
}
