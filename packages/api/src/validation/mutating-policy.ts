/** Mutating admission policies and their bindings. */
import { invalid, notSupported, required } from '../field-error.ts';
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  Mutation,
} from '../generated/types.ts';
import {
  validateConstraints,
  validateMatch,
  validateParamKind,
  validateParamRef,
  validatePolicyName,
} from './admission-policy.ts';
import type { ObjectRules } from './change-check.ts';
import type { Errors } from './common.ts';
import { type ExpressionScope, validateExpression } from './expressions.ts';
import { validateMatchConditions, validateVariables } from './match-conditions.ts';
import { optionOf } from './policy.ts';

/** What is deleted cannot be changed. */
const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'UPDATE'];

function validateOperations(errors: Errors, path: string, match: MatchResources | undefined): void {
  for (const { operations = [] } of match?.resourceRules ?? []) {
    for (const one of operations) {
      if (!OPERATIONS.includes(one)) errors.push(notSupported(path, one, OPERATIONS));
    }
  }
}

/** Of the two ways to say a change, by the type that names them. */
const WAYS = { ApplyConfiguration: 'applyConfiguration', JSONPatch: 'jsonPatch' } as const;

function validateMutation(
  errors: Errors,
  path: string,
  mutation: Mutation,
  scope: ExpressionScope,
): void {
  const { patchType } = mutation;
  if (!patchType) {
    errors.push(required(`${path}.patchType`));
    return;
  }
  if (patchType !== 'ApplyConfiguration' && patchType !== 'JSONPatch') {
    errors.push(notSupported(`${path}.patchType`, patchType, Object.keys(WAYS)));
    return;
  }
  const place = WAYS[patchType];
  const own = mutation[place];
  if (own === undefined) {
    errors.push(required(`${path}.${place}`, `must be specified when patchType is ${patchType}`));
  } else {
    const source = (own.expression ?? '').trim();
    const at = `${path}.${place}.expression`;
    if (source === '') errors.push(required(at));
    else validateExpression(errors, at, source, { ...scope, place });
  }
  const other = place === 'jsonPatch' ? 'applyConfiguration' : 'jsonPatch';
  if (mutation[other] === undefined) return;
  const why = `must not be specified when patchType is ${patchType}`;
  errors.push(invalid(`${path}.${other}`, `{${other}}`, why));
}

export function validateMutatingPolicy(
  errors: Errors,
  policy: MutatingAdmissionPolicy,
  { expression }: ObjectRules,
): void {
  const spec = policy.spec ?? {};
  const scope = { check: expression, hasParams: spec.paramKind !== undefined, look: {} };
  optionOf(errors, 'spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']);
  validateParamKind(errors, 'spec.paramKind', spec.paramKind);
  validateConstraints(errors, spec.matchConstraints);
  const at = 'spec.matchConstraints.resourceRules.operations';
  validateOperations(errors, at, spec.matchConstraints);
  validateMatchConditions(errors, 'spec.matchConditions', spec.matchConditions, scope);
  validateVariables(errors, 'spec.variables', spec.variables, scope);
  const mutations = spec.mutations ?? [];
  if (mutations.length === 0) {
    errors.push(required('spec.mutations', 'mutations must contain at least one item'));
  }
  for (const [i, one] of mutations.entries()) {
    validateMutation(errors, `spec.mutations[${i}]`, one, scope);
  }
  const { reinvocationPolicy } = spec;
  if (!reinvocationPolicy) errors.push(required('spec.reinvocationPolicy'));
  else optionOf(errors, 'spec.reinvocationPolicy', reinvocationPolicy, ['IfNeeded', 'Never']);
}

export function validateMutatingPolicyBinding(
  errors: Errors,
  { spec = {} }: MutatingAdmissionPolicyBinding,
): void {
  validatePolicyName(errors, spec.policyName);
  validateParamRef(errors, 'spec.paramRef', spec.paramRef);
  // Misspelled as the stock server has it.
  validateMatch(errors, 'spec.matchResouces', spec.matchResources);
  const at = 'spec.matchResources.resourceRules.operations';
  validateOperations(errors, at, spec.matchResources);
}
