/** Rules must not cost more than a budget, each and all of a version together; texts are the stock server's. */
import { fieldErrors } from '@kubets/api';

/** Of one rule, and of all of a schema. */
const RULE_BUDGET = 10_000_000;
const SCHEMA_BUDGET = 100_000_000;
/** Above this nobody needs to know by how much. */
const FAR_BEYOND = 100;
const BARELY = 1.5;
/** How many of the most expensive rules are named. */
const NAMED = 4;

/** A rule's estimated cost, and where it stands. */
export interface RuleCost {
  readonly path: string;
  readonly cost: number;
}

function budgetText(what: string, cost: number, budget: number): string {
  const factor = cost / budget;
  const digits = factor < BARELY ? 6 : 1;
  const by = factor > FAR_BEYOND ? `more than ${FAR_BEYOND}x` : `${factor.toFixed(digits)}x`;
  const how =
    'try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared';
  return `${what} exceeds budget by factor of ${by} (${how})`;
}

/** What is wrong with the cost of one expression; undefined: nothing. */
export function costFault(what: 'rule' | 'messageExpression', { path, cost }: RuleCost) {
  if (cost <= RULE_BUDGET) return undefined;
  return fieldErrors.forbidden(path, budgetText(`estimated ${what} cost`, cost, RULE_BUDGET));
}

/** What is wrong with the cost of all rules of a schema. */
export function totalFaults(path: string, costs: readonly RuleCost[]): fieldErrors.FieldError[] {
  const total = costs.reduce((all, { cost }) => all + cost, 0);
  if (total <= SCHEMA_BUDGET) return [];
  const dearest = [...costs].sort((a, b) => b.cost - a.cost).slice(0, NAMED);
  const why =
    'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema';
  const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema';
  return [
    ...dearest.map((one) => fieldErrors.forbidden(one.path, why)),
    fieldErrors.forbidden(path, budgetText(what, total, SCHEMA_BUDGET)),
  ];
}
