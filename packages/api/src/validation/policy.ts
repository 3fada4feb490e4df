/** Priority classes, leases, runtime classes, signing requests, webhooks, and the server's own configuration. */
import { semanticEqual } from '../equal.ts';
import { forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  CertificateSigningRequest,
  ControllerRevision,
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
  FlowSchema,
  Lease,
  MutatingWebhookConfiguration,
  PriorityClass,
  PriorityLevelConfiguration,
  RuleWithOperations,
  RuntimeClass,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import {
  addMessages,
  type Errors,
  IMMUTABLE,
  NOT_NEGATIVE,
  notNegative,
  requireText,
} from './common.ts';
import { goStrings } from './go-dump.ts';
import { dns1035Label, dns1123Label, dns1123Subdomain } from './names.ts';
import { validateWebhookClient } from './webhook-client.ts';

const MAX_USER_PRIORITY = 1_000_000_000;
/** The classes the system brings itself, and their values. */
const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  'system-node-critical': 2_000_001_000,
  'system-cluster-critical': 2_000_000_000,
};

export function validatePriorityClass(errors: Errors, pc: PriorityClass): void {
  const name = pc.metadata.name ?? '';
  if (name.startsWith('system-')) {
    if (SYSTEM_CLASSES[name] === undefined) {
      const why = `priority class names with 'system-' prefix are reserved for system use only. error: ${name} is not a known system priority class`;
      errors.push(forbidden('metadata.name', why));
    }
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

const PEM_TEXT = 'PEM block type must be CERTIFICATE REQUEST';

export function validateSigningRequest(errors: Errors, csr: CertificateSigningRequest): void {
  const { request, usages, signerName, expirationSeconds } = csr.spec;
  const bytes = Buffer.from(request ?? '', 'base64');
  if (!/-----BEGIN (NEW )?CERTIFICATE REQUEST-----/.test(bytes.toString())) {
    const hex = [...bytes].map((b) => `0x${b.toString(16)}`).join(', ');
    errors.push(invalid('spec.request', new GoText(`[]byte{${hex}}`), PEM_TEXT));
  }
  if ((usages ?? []).length === 0) errors.push(required('spec.usages'));
  if (!signerName) errors.push(required('spec.signerName'));
  else if (!/^[^/]+\/.+$/.test(signerName)) {
    const why = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
    errors.push(invalid('spec.signerName', signerName, why));
  }
  if (expirationSeconds !== undefined && expirationSeconds < 600) {
    const why = 'may not specify a duration less than 600 seconds (10 minutes)';
    errors.push(invalid('spec.expirationSeconds', expirationSeconds, why));
  }
}

export function validateSigningRequestUpdate(
  errors: Errors,
  csr: CertificateSigningRequest,
  old: CertificateSigningRequest,
): void {
  if (semanticEqual(csr.spec, old.spec)) return;
  errors.push(invalid('spec', new GoText('certificates.CertificateSigningRequestSpec'), IMMUTABLE));
}

const OPERATIONS = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];

function validateRule(errors: Errors, path: string, rule: RuleWithOperations): void {
  const operations = rule.operations ?? [];
  if (operations.length === 0) errors.push(required(`${path}.operations`));
  operations.forEach((o, i) => {
    if (!OPERATIONS.includes(o)) {
      errors.push(notSupported(`${path}.operations[${i}]`, o, OPERATIONS));
    }
  });
  if (operations.length > 1 && operations.includes('*')) {
    const why = "if '*' is present, must not specify other operations";
    errors.push(invalid(`${path}.operations`, goStrings(operations), why));
  }
  for (const field of ['apiGroups', 'apiVersions'] as const) {
    const list = rule[field] ?? [];
    if (list.length === 0) errors.push(required(`${path}.${field}`));
    if (list.length > 1 && list.includes('*')) {
      const what = field === 'apiGroups' ? 'API groups' : 'API versions';
      const why = `if '*' is present, must not specify other ${what}`;
      errors.push(invalid(`${path}.${field}`, goStrings(list), why));
    }
  }
  const resources = rule.resources ?? [];
  if (resources.length === 0) errors.push(required(`${path}.resources`));
  if (resources.length > 1 && resources.includes('*/*')) {
    const why = "if '*/*' is present, must not specify other resources";
    errors.push(invalid(`${path}.resources`, goStrings(resources), why));
  }
  const scopes = ['*', 'Cluster', 'Namespaced'];
  if (rule.scope !== undefined && !scopes.includes(rule.scope)) {
    errors.push(notSupported(`${path}.scope`, rule.scope, scopes));
  }
}

type Webhook =
  | NonNullable<ValidatingWebhookConfiguration['webhooks']>[number]
  | NonNullable<MutatingWebhookConfiguration['webhooks']>[number];

function optionOf(errors: Errors, path: string, value: string | undefined, set: string[]): void {
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
  validateWebhookClient(errors, `${path}.clientConfig`, hook.clientConfig);
  const versions = hook.admissionReviewVersions ?? [];
  const at = `${path}.admissionReviewVersions`;
  if (versions.length === 0) errors.push(required(at, 'must specify one of v1, v1beta1'));
  else if (!versions.some((v) => v === 'v1' || v === 'v1beta1')) {
    errors.push(invalid(at, goStrings(versions), 'must include at least one of v1, v1beta1'));
  }
}

export function validateWebhooks(
  errors: Errors,
  c: ValidatingWebhookConfiguration | MutatingWebhookConfiguration,
): void {
  (c.webhooks ?? []).forEach((hook, i) => {
    validateWebhook(errors, `webhooks[${i}]`, hook);
  });
}

export function validateAdmissionPolicy(errors: Errors, policy: ValidatingAdmissionPolicy): void {
  const spec = policy.spec ?? {};
  optionOf(errors, 'spec.failurePolicy', spec.failurePolicy, ['Fail', 'Ignore']);
  if (!spec.matchConstraints) errors.push(required('spec.matchConstraints'));
  else if ((spec.matchConstraints.resourceRules ?? []).length === 0) {
    errors.push(required('spec.matchConstraints.resourceRules'));
  }
  if ((spec.validations ?? []).length + (spec.auditAnnotations ?? []).length === 0) {
    const why = 'validations or auditAnnotations must contain at least one item';
    errors.push(required('spec.validations', why), required('spec.auditAnnotations', why));
  }
  (spec.validations ?? []).forEach((v, i) => {
    requireText(errors, `spec.validations[${i}].expression`, v.expression.trim());
  });
}

export function validateAdmissionPolicyBinding(
  errors: Errors,
  b: ValidatingAdmissionPolicyBinding,
): void {
  const spec = b.spec ?? {};
  requireText(errors, 'spec.policyName', spec.policyName);
  const actions = spec.validationActions ?? [];
  if (actions.length === 0) errors.push(required('spec.validationActions'));
  actions.forEach((a, i) => {
    optionOf(errors, `spec.validationActions[${i}]`, a, ['Audit', 'Deny', 'Warn']);
  });
  if (actions.includes('Deny') && actions.includes('Warn')) {
    const why =
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';
    const shown = goStrings(actions, '[]admissionregistration.ValidationAction');
    errors.push(invalid('spec.validationActions', shown, why));
  }
}

export function validateFlowSchema(errors: Errors, fs: FlowSchema): void {
  const spec = fs.spec;
  if (!spec) return;
  const precedence = spec.matchingPrecedence ?? 0;
  if (precedence <= 0) {
    errors.push(invalid('spec.matchingPrecedence', precedence, 'must be a positive value'));
  }
  if (precedence > 10_000) {
    errors.push(invalid('spec.matchingPrecedence', precedence, 'must not be greater than 10000'));
  }
  if (!spec.priorityLevelConfiguration?.name) {
    const at = 'spec.priorityLevelConfiguration.name';
    errors.push(required(at, 'must reference a priority level'));
  }
  const kinds = ['Group', 'ServiceAccount', 'User'];
  (spec.rules ?? []).forEach((rule, i) => {
    const at = `spec.rules[${i}]`;
    (rule.subjects ?? []).forEach((s, j) => {
      if (!kinds.includes(s.kind)) {
        errors.push(notSupported(`${at}.subjects[${j}].kind`, s.kind, kinds));
      }
    });
    if ((rule.resourceRules ?? []).length + (rule.nonResourceRules ?? []).length === 0) {
      const why = 'at least one of resourceRules and nonResourceRules has to be non-empty';
      errors.push(required(at, why));
    }
  });
}

export function validatePriorityLevel(errors: Errors, level: PriorityLevelConfiguration): void {
  const spec = level.spec;
  if (!spec) return;
  if (spec.type === 'Limited') {
    if (!spec.limited) {
      errors.push(required('spec.limited', 'must not be empty when type is Limited'));
    }
  } else if (spec.type === 'Exempt') {
    const why = 'must be nil if the type is not Limited';
    if (spec.limited) errors.push(forbidden('spec.limited', why));
  } else errors.push(notSupported('spec.type', spec.type, ['Exempt', 'Limited']));
}

function validateCustomNames(errors: Errors, crd: CustomResourceDefinition): void {
  const { names } = crd.spec;
  for (const field of ['plural', 'singular'] as const) {
    const value = names[field] ?? '';
    if (requireText(errors, `spec.names.${field}`, value)) {
      addMessages(errors, `spec.names.${field}`, value, dns1035Label(value));
    }
  }
  for (const field of ['kind', 'listKind'] as const) {
    const value = names[field] ?? '';
    if (!requireText(errors, `spec.names.${field}`, value)) continue;
    for (const message of dns1035Label(value.toLowerCase())) {
      const why = `may have mixed case, but should otherwise match: ${message}`;
      errors.push(invalid(`spec.names.${field}`, value, why));
    }
  }
  if (names.kind && names.kind === names.listKind) {
    errors.push(
      invalid('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'),
    );
  }
}

/** A version as Go prints its structure, after what all versions share has moved out of it. */
function versionText(type: string, v: CustomResourceDefinitionVersion): string {
  const flags = `Served:${v.served}, Storage:${v.storage}, Deprecated:${v.deprecated ?? false}`;
  const parts = [
    'DeprecationWarning:(*string)(nil)',
    'Schema:(*apiextensions.CustomResourceValidation)(nil)',
    'Subresources:(*apiextensions.CustomResourceSubresources)(nil)',
    'AdditionalPrinterColumns:[]apiextensions.CustomResourceColumnDefinition(nil)',
    'SelectableFields:[]apiextensions.SelectableField(nil)',
  ];
  return `${type}{Name:${goQuote(v.name)}, ${flags}, ${parts.join(', ')}}`;
}

export function validateCustomResource(errors: Errors, crd: CustomResourceDefinition): void {
  const spec = crd.spec;
  const wanted = `${spec.names?.plural}.${spec.group}`;
  if (crd.metadata.name !== wanted) {
    const why = 'must be spec.names.plural+"."+spec.group';
    errors.push(invalid('metadata.name', crd.metadata.name ?? '', why));
  }
  if (requireText(errors, 'spec.group', spec.group)) {
    addMessages(errors, 'spec.group', spec.group, dns1123Subdomain(spec.group));
    if (spec.group.split('.').length < 2) {
      errors.push(invalid('spec.group', spec.group, 'should be a domain with at least one dot'));
    }
  }
  const scopes = ['Cluster', 'Namespaced'];
  if (!spec.scope) errors.push(required('spec.scope'));
  else if (!scopes.includes(spec.scope))
    errors.push(notSupported('spec.scope', spec.scope, scopes));
  const stored = (spec.versions ?? []).filter((v) => v.storage);
  if (stored.length !== 1) {
    const type = 'apiextensions.CustomResourceDefinitionVersion';
    const all = (spec.versions ?? []).map((v) => versionText(type, v));
    const shown = new GoText(`[]${type}{${all.join(', ')}}`);
    const why = 'must have exactly one version marked as storage version';
    errors.push(invalid('spec.versions', shown, why));
  }
  (spec.versions ?? []).forEach((v, i) => {
    addMessages(errors, `spec.versions[${i}].name`, v.name, dns1035Label(v.name));
    if (!v.schema?.openAPIV3Schema) {
      errors.push(required(`spec.versions[${i}].schema.openAPIV3Schema`, 'schemas are required'));
    }
  });
  validateCustomNames(errors, crd);
  if (spec.preserveUnknownFields) {
    const why =
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead';
    errors.push(invalid('spec.preserveUnknownFields', true, why));
  }
  if (/(^|\.)(k8s\.io|kubernetes\.io)$/.test(spec.group ?? '')) {
    const key = 'api-approved.kubernetes.io';
    if (!crd.metadata.annotations?.[key]) {
      const link = 'https://github.com/kubernetes/enhancements/pull/1111';
      const why = `protected groups must have approval annotation "${key}", see ${link}`;
      errors.push(required(`metadata.annotations[${key}]`, why));
    }
  }
}
