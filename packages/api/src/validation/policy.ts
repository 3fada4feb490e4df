/** Priority classes, leases, runtime classes, signing requests, webhooks, and the server's own configuration. */

import { semanticEqual } from '../equal.ts';
import { forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  ControllerRevision,
  Lease,
  MutatingWebhookConfiguration,
  PriorityClass,
  RuleWithOperations,
  RuntimeClass,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';
import { lookup } from '../own.ts';
import type { ObjectRules } from './change-check.ts';
import {
  addMessages,
  type Errors,
  IMMUTABLE,
  NOT_NEGATIVE,
  notNegative,
  UniqueNames,
  validateLabels,
  validateSelector,
} from './common.ts';
import { goStrings } from './go-dump.ts';
import { validateMatchConditions } from './match-conditions.ts';
import { dns1035Label, dns1123Label, dns1123Subdomain } from './names.ts';
import { validateTolerations } from './pod-scheduling.ts';
import { validateRequirements } from './resources.ts';
import { validateWebhookClient } from './webhook-client.ts';

const MAX_USER_PRIORITY = 1_000_000_000;
/** The classes the system brings itself, and their values. */
const SYSTEM_CLASSES: Readonly<Record<string, number>> = lookup({
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
});

function systemClassProblem(pc: PriorityClass, name: string): string | undefined {
  const value = SYSTEM_CLASSES[name];
  if (value === undefined) return `${name} is not a known system priority class`;
  if (pc.value !== value) return `value of ${name} PriorityClass must be ${value}`;
  return pc.globalDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

export function validatePriorityClass(errors: Errors, pc: PriorityClass): void {
  const name = pc.metadata.name ?? '';
  if (name.startsWith('system-')) {
    const problem = systemClassProblem(pc, name);
    const why = `priority class names with 'system-' prefix are reserved for system use only. error: ${problem}`;
    if (problem) errors.push(forbidden('metadata.name', why));
  } else if (pc.value > MAX_USER_PRIORITY) {
    const why = `maximum allowed value of a user defined priority is ${MAX_USER_PRIORITY}`;
    errors.push(forbidden('value', why));
  }
  const policies = ['Never', 'PreemptLowerPriority'];
  if (pc.preemptionPolicy !== undefined && !policies.includes(pc.preemptionPolicy)) {
    errors.push(notSupported('preemptionPolicy', pc.preemptionPolicy, policies));
  }
}

export function validatePriorityClassUpdate(
  errors: Errors,
  pc: PriorityClass,
  old: PriorityClass,
): void {
  if (pc.value !== old.value) errors.push(forbidden('value', 'may not be changed in an update.'));
  if (pc.preemptionPolicy !== old.preemptionPolicy) {
    errors.push(invalid('preemptionPolicy', pc.preemptionPolicy ?? '', IMMUTABLE));
  }
}

export function validateLease(errors: Errors, lease: Lease): void {
  const spec = lease.spec;
  const duration = spec?.leaseDurationSeconds;
  if (duration !== undefined && duration <= 0) {
    errors.push(invalid('spec.leaseDurationSeconds', duration, 'must be greater than 0'));
  }
  notNegative(errors, 'spec.leaseTransitions', spec?.leaseTransitions);
}

export function validateRuntimeClass(errors: Errors, rc: RuntimeClass): void {
  addMessages(errors, 'handler', rc.handler, dns1123Label(rc.handler));
  if (rc.overhead) validateRequirements(errors, 'overhead', { limits: rc.overhead.podFixed });
  const { nodeSelector, tolerations = [] } = rc.scheduling ?? {};
  validateLabels(errors, 'scheduling.nodeSelector', nodeSelector);
  validateTolerations(errors, 'scheduling.tolerations', tolerations);
}

export function validateRuntimeClassUpdate(errors: Errors, rc: RuntimeClass, old: RuntimeClass) {
  if (rc.handler !== old.handler) errors.push(invalid('handler', rc.handler, IMMUTABLE));
}

export function validateControllerRevision(errors: Errors, r: ControllerRevision): void {
  if (r.data === undefined || r.data === null) errors.push(required('data', 'data is mandatory'));
  if (r.revision < 0) errors.push(invalid('revision', r.revision, NOT_NEGATIVE));
}

export function validateControllerRevisionUpdate(
  errors: Errors,
  r: ControllerRevision,
  old: ControllerRevision,
): void {
  if (semanticEqual(r.data, old.data)) return;
  errors.push(invalid('data', new GoText(JSON.stringify(r.data)), IMMUTABLE));
}

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

/** Names of resources with their subresources, stars among them: none may say what another says already. */
function validateRuleResources(errors: Errors, path: string, resources: readonly string[]): void {
  if (resources.length === 0) errors.push(required(path));
  const anySub = new Set<string>();
  const anyResource = new Set<string>();
  let plain = false;
  resources.forEach((text, i) => {
    if (text === '') {
      errors.push(required(`${path}[${i}]`));
      return;
    }
    const slash = text.indexOf('/');
    if (slash < 0) {
      plain = text !== '*';
      return;
    }
    const [resource, sub] = [text.slice(0, slash), text.slice(slash + 1)];
    if (anySub.has(resource)) {
      const why = `if '${resource}/*' is present, must not specify ${text}`;
      errors.push(invalid(`${path}[${i}]`, text, why));
    }
    if (anyResource.has(sub)) {
      const why = `if '*/${sub}' is present, must not specify ${text}`;
      errors.push(invalid(`${path}[${i}]`, text, why));
    }
    if (sub === '*') anySub.add(resource);
    if (resource === '*') anyResource.add(sub);
  });
  if (resources.length > 1 && resources.includes('*/*')) {
    const why = "if '*/*' is present, must not specify other resources";
    errors.push(invalid(path, goStrings(resources), why));
  }
  if (plain && resources.includes('*')) {
    const why = "if '*' is present, must not specify other resources without subresources";
    errors.push(invalid(path, goStrings(resources), why));
  }
}

/** One rule of a webhook or a policy. */
export function validateRule(errors: Errors, path: string, rule: RuleWithOperations): void {
  const operations = rule.operations ?? [];
  if (operations.length === 0) errors.push(required(`${path}.operations`));
  if (operations.length > 1 && operations.includes('*')) {
    const why = "if '*' is present, must not specify other operations";
    errors.push(invalid(`${path}.operations`, goStrings(operations), why));
  }
  operations.forEach((o, i) => {
    if (!OPERATIONS.includes(o)) {
      errors.push(notSupported(`${path}.operations[${i}]`, o, OPERATIONS));
    }
  });
  for (const field of ['apiGroups', 'apiVersions'] as const) {
    const list = rule[field] ?? [];
    if (list.length === 0) errors.push(required(`${path}.${field}`));
    if (list.length > 1 && list.includes('*')) {
      const what = field === 'apiGroups' ? 'API groups' : 'API versions';
      const why = `if '*' is present, must not specify other ${what}`;
      errors.push(invalid(`${path}.${field}`, goStrings(list), why));
    }
    if (field === 'apiGroups') continue;
    list.forEach((version, i) => {
      if (version === '') errors.push(required(`${path}.${field}[${i}]`));
    });
  }
  validateRuleResources(errors, `${path}.resources`, rule.resources ?? []);
  const scopes = ['*', 'Cluster', 'Namespaced'];
  if (rule.scope !== undefined && !scopes.includes(rule.scope)) {
    errors.push(notSupported(`${path}.scope`, rule.scope, scopes));
  }
}

type Webhook =
  | NonNullable<ValidatingWebhookConfiguration['webhooks']>[number]
  | NonNullable<MutatingWebhookConfiguration['webhooks']>[number];

/** An option, if it is given, is one of the set. */
export function optionOf(
  errors: Errors,
  path: string,
  value: string | undefined,
  set: string[],
): void {
  if (value !== undefined && !set.includes(value)) errors.push(notSupported(path, value, set));
}

function validateWebhook(errors: Errors, path: string, hook: Webhook): void {
  const domain = dns1123Subdomain(hook.name);
  if (!hook.name) errors.push(required(`${path}.name`));
  else if (domain.length > 0) addMessages(errors, `${path}.name`, hook.name, domain);
  else if (hook.name.split('.').length < 3) {
    const why = 'should be a domain with at least three segments separated by dots';
    errors.push(invalid(`${path}.name`, hook.name, why));
  }
  (hook.rules ?? []).forEach((rule, i) => {
    validateRule(errors, `${path}.rules[${i}]`, rule);
  });
  optionOf(errors, `${path}.failurePolicy`, hook.failurePolicy, ['Fail', 'Ignore']);
  optionOf(errors, `${path}.matchPolicy`, hook.matchPolicy, ['Equivalent', 'Exact']);
  if (!hook.sideEffects) {
    errors.push(required(`${path}.sideEffects`, 'must specify one of None, NoneOnDryRun'));
  } else optionOf(errors, `${path}.sideEffects`, hook.sideEffects, ['None', 'NoneOnDryRun']);
  const timeout = hook.timeoutSeconds;
  if (timeout !== undefined && (timeout < 1 || timeout > 30)) {
    const why = 'the timeout value must be between 1 and 30 seconds';
    errors.push(invalid(`${path}.timeoutSeconds`, timeout, why));
  }
  validateSelector(errors, `${path}.namespaceSelector`, hook.namespaceSelector);
  validateSelector(errors, `${path}.objectSelector`, hook.objectSelector);
  if ('reinvocationPolicy' in hook) {
    const policies = ['IfNeeded', 'Never'];
    optionOf(errors, `${path}.reinvocationPolicy`, hook.reinvocationPolicy, policies);
  }
  validateWebhookClient(errors, `${path}.clientConfig`, hook.clientConfig);
  const versions = hook.admissionReviewVersions ?? [];
  const at = `${path}.admissionReviewVersions`;
  if (versions.length === 0) errors.push(required(at, 'must specify one of v1, v1beta1'));
  versions.forEach((v, i) => {
    if (versions.indexOf(v) < i) errors.push(invalid(`${at}[${i}]`, v, 'duplicate version'));
    else addMessages(errors, `${at}[${i}]`, v, dns1035Label(v));
  });
  if (versions.length > 0 && !versions.some((v) => v === 'v1' || v === 'v1beta1')) {
    errors.push(invalid(at, goStrings(versions), 'must include at least one of v1, v1beta1'));
  }
}

export function validateWebhooks(
  errors: Errors,
  c: ValidatingWebhookConfiguration | MutatingWebhookConfiguration,
  { expression }: ObjectRules,
): void {
  const names = new UniqueNames();
  const scope = { check: expression, hasParams: false };
  (c.webhooks ?? []).forEach((hook, i) => {
    validateWebhook(errors, `webhooks[${i}]`, hook);
    validateMatchConditions(errors, `webhooks[${i}].matchConditions`, hook.matchConditions, scope);
    if (hook.name) names.add(errors, `webhooks[${i}].name`, hook.name);
  });
}
