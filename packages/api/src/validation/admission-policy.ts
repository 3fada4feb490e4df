/** Validating admission policies and their bindings. */
import { duplicate, forbidden, invalid, notSupported, required } from '../field-error.ts';
import type {
  MatchResources,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../generated/types.ts';
import type { ObjectRules } from './change-check.ts';
import { addMessages, type Errors, requireText, validateSelector } from './common.ts';
import { validateConditions } from './conditions.ts';
import { type ExpressionScope, validateExpression } from './expressions.ts';
import { goStrings } from './go-dump.ts';
import {
  validateAuditAnnotations,
  validateMatchConditions,
  validateVariables,
} from './match-conditions.ts';
import { dns1035Label, dns1123Subdomain, pathSegmentName } from './names.ts';
import { optionOf, validateRule } from './policy.ts';

export function validateParamKind(errors: Errors, path: string, kind: ParamKind | undefined): void {
  if (!kind) return;
  const at = `${path}.apiVersion`;
  const text = kind.apiVersion ?? '';
  const parts = text.split('/');
  if (text === '') errors.push(required(at));
  else if (parts.length > 2) {
    errors.push(invalid(at, text, `unexpected GroupVersion string: ${text}`));
  } else {
    const version = parts.at(-1) ?? '';
    const group = parts.length > 1 ? (parts[0] ?? '') : '';
    const groups = group === '' ? [] : dns1123Subdomain(group);
    if (groups.length > 0) errors.push(invalid(at, group, groups.join(',')));
    const versions = dns1035Label(version);
    if (version === '') errors.push(invalid(at, text, 'version must be specified'));
    else if (versions.length > 0) errors.push(invalid(at, version, versions.join(',')));
  }
  const name = kind.kind ?? '';
  const messages = dns1035Label(name.toLowerCase());
  if (name === '') errors.push(required(`${path}.kind`));
  else if (messages.length > 0) {
    const why = `may have mixed case, but should otherwise match: ${messages.join(',')}`;
    errors.push(invalid(`${path}.kind`, name, why));
  }
}

export function validateMatch(
  errors: Errors,
  path: string,
  match: MatchResources | undefined,
): void {
  if (!match) return;
  optionOf(errors, `${path}.matchPolicy`, match.matchPolicy, ['Equivalent', 'Exact']);
  validateSelector(errors, `${path}.namespaceSelector`, match.namespaceSelector);
  validateSelector(errors, `${path}.objectSelector`, match.objectSelector);
  for (const field of ['resourceRules', 'excludeResourceRules'] as const) {
    (match[field] ?? []).forEach((rule, i) => {
      const at = `${path}.${field}[${i}]`;
      const names = rule.resourceNames ?? [];
      names.forEach((name, j) => {
        addMessages(errors, `${at}.resourceNames[${j}]`, name, pathSegmentName(name));
        if (names.indexOf(name) < j) errors.push(duplicate(`${at}.resourceNames[${j}]`, name));
      });
      validateRule(errors, at, rule);
    });
  }
}

/** What a policy is about: it has to say so. */
export function validateConstraints(errors: Errors, match: MatchResources | undefined): void {
  const path = 'spec.matchConstraints';
  if (!match) errors.push(required(path));
  else {
    validateMatch(errors, path, match);
    if ((match.resourceRules ?? []).length === 0) errors.push(required(`${path}.resourceRules`));
  }
}

type Validation = NonNullable<
  NonNullable<ValidatingAdmissionPolicy['spec']>['validations']
>[number];

function validateValidation(
  errors: Errors,
  path: string,
  v: Validation,
  scope: ExpressionScope,
): void {
  const source = `${path}.expression`;
  if (v.expression.trim() === '') errors.push(required(source, 'expression is not specified'));
  else validateExpression(errors, source, v.expression, { ...scope, place: 'validation' });
  if (v.messageExpression && v.messageExpression.trim() === '') {
    const why = 'must be non-empty if specified';
    errors.push(invalid(`${path}.messageExpression`, v.messageExpression, why));
  } else if (v.messageExpression) {
    const of = { ...scope, place: 'message' } as const;
    validateExpression(errors, `${path}.messageExpression`, v.messageExpression, of);
  }
  const message = v.message ?? '';
  if (message !== '' && message.trim() === '') {
    errors.push(invalid(`${path}.message`, message, 'message must be non-empty if specified'));
  } else if (/[\n\r]/.test(message.trim())) {
    errors.push(invalid(`${path}.message`, message, 'message must not contain line breaks'));
  }
  const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
  if (v.reason !== undefined && !reasons.includes(v.reason)) {
    errors.push(notSupported(`${path}.reason`, v.reason, reasons));
  }
}

export function validateAdmissionPolicy(
  errors: Errors,
  policy: ValidatingAdmissionPolicy,
  { expression }: ObjectRules,
): void {
  const spec = policy.spec ?? {};
  const hasParams = spec.paramKind !== undefined;
  const scope = { check: expression, hasParams, look: {} };
  optionOf(errors, 'spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']);
  validateParamKind(errors, 'spec.paramKind', spec.paramKind);
  validateConstraints(errors, spec.matchConstraints);
  validateMatchConditions(errors, 'spec.matchConditions', spec.matchConditions, scope);
  validateVariables(errors, 'spec.variables', spec.variables, scope);
  if ((spec.validations ?? []).length + (spec.auditAnnotations ?? []).length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item';
    errors.push(required('spec.validations', why), required('spec.auditAnnotations', why));
  }
  (spec.validations ?? []).forEach((v, i) => {
    validateValidation(errors, `spec.validations[${i}]`, v, scope);
  });
  const named = { ...scope, policy: policy.metadata.name ?? '' };
  validateAuditAnnotations(errors, 'spec.auditAnnotations', spec.auditAnnotations, named);
}

export function validateParamRef(errors: Errors, path: string, ref: ParamRef | undefined): void {
  if (!ref) return;
  const both = 'name and selector are mutually exclusive';
  if (ref.name) {
    addMessages(errors, `${path}.name`, ref.name, pathSegmentName(ref.name));
    if (ref.selector) errors.push(forbidden(`${path}.name`, both));
  }
  if (ref.selector) {
    validateSelector(errors, `${path}.selector`, ref.selector);
    if (ref.name) errors.push(forbidden(`${path}.selector`, both));
  }
  if (!ref.name && !ref.selector) {
    errors.push(required(path, 'one of name or selector must be specified'));
  }
  const action = ref.parameterNotFoundAction;
  const at = `${path}.parameterNotFoundAction`;
  if (!action) errors.push(required(at));
  else optionOf(errors, at, action, ['Allow', 'Deny']);
}

export function validatePolicyName(errors: Errors, name = ''): void {
  if (!requireText(errors, 'spec.policyName', name)) return;
  addMessages(errors, 'spec.policyName', name, dns1123Subdomain(name));
}

export function validateAdmissionPolicyBinding(
  errors: Errors,
  b: ValidatingAdmissionPolicyBinding,
): void {
  const spec = b.spec ?? {};
  validatePolicyName(errors, spec.policyName);
  validateParamRef(errors, 'spec.paramRef', spec.paramRef);
  // Misspelled as the stock server has it.
  validateMatch(errors, 'spec.matchResouces', spec.matchResources);
  const actions = spec.validationActions ?? [];
  actions.forEach((a, i) => {
    optionOf(errors, `spec.validationActions[${i}]`, a, ['Audit', 'Deny', 'Warn']);
    if (actions.indexOf(a) < i) errors.push(duplicate(`spec.validationActions[${i}]`, a));
  });
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    const shown = goStrings(actions, '[]admissionregistration.ValidationAction');
    errors.push(invalid('spec.validationActions', shown, why));
  }
  if (actions.length === 0) {
    const why = 'at least one validation action is required';
    errors.push(required('spec.validationActions', why));
  }
}

/** What was found out about a policy's expressions, and its conditions. */
export function validateAdmissionPolicyStatus(
  errors: Errors,
  policy: ValidatingAdmissionPolicy,
): void {
  const at = 'status.typeChecking.expressionWarnings';
  const { typeChecking, conditions } = policy.status ?? {};
  (typeChecking?.expressionWarnings ?? []).forEach(({ warning, fieldRef }, i) => {
    if (!warning) errors.push(required(`${at}[${i}].warning`));
    if ((fieldRef ?? '').trim() === '') errors.push(required(`${at}[${i}].fieldRef`));
  });
  validateConditions(errors, 'status.conditions', conditions);
}
