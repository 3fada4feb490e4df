import { type ClusterRole, labelSelectorOf, matchesLabels, type PolicyRule } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { sameJson } from '../objects/json.ts';
import { compareText, keyOf, labelsOf, nameOf } from '../objects/meta.ts';

const GV = 'rbac.authorization.k8s.io/v1';

/**
 * The rules a role takes over from those its selectors select: selector by selector, roles by name, each rule once.
 * Pure. Undefined: the role has its own rules.
 */
export function aggregatedRules(
  role: ClusterRole,
  all: readonly ClusterRole[],
): PolicyRule[] | undefined {
  if (role.aggregationRule === undefined) return undefined;
  const rules: PolicyRule[] = [];
  const byName = all.toSorted((a, b) => compareText(nameOf(a), nameOf(b)));
  for (const selector of role.aggregationRule.clusterRoleSelectors ?? []) {
    const parsed = labelSelectorOf(selector);
    for (const other of byName) {
      if (nameOf(other) === nameOf(role) || !matchesLabels(parsed, labelsOf(other))) continue;
      for (const rule of other.rules ?? []) {
        if (!rules.some((known) => sameJson(known, rule))) rules.push(rule);
      }
    }
  }
  return rules;
}

/** Shows in ClusterRoles with an aggregation rule what they allow. Roles are few: any change looks at all of them. */
export function roleAggregationController(deps: ControllerDeps): Controller {
  const { clusterRoles } = deps.informers;
  const api = deps.api.resource<ClusterRole>(GV, 'clusterroles');
  return queueController({
    name: 'clusterrole-aggregation-controller',
    queueName: 'ClusterRoleAggregator',
    deps,
    needs: [clusterRoles],
    subscribe: (queue) => {
      const look = (): void => {
        for (const role of clusterRoles.list()) {
          if (role.aggregationRule !== undefined) queue.add(keyOf(role));
        }
      };
      return [clusterRoles.on({ add: look, update: look, delete: look })];
    },
    async reconcile(key) {
      const role = clusterRoles.get(key);
      const rules = role && aggregatedRules(role, clusterRoles.list());
      if (rules === undefined || sameJson(rules, role?.rules ?? [])) return;
      await api.patch('', key, 'merge', { rules });
    },
  });
}
