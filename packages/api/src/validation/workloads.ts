/** Deployments, ReplicaSets, ReplicationControllers, DaemonSets, StatefulSets. */
import { semanticEqual } from '../equal.ts';
import { forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  DaemonSet,
  Deployment,
  DeploymentSpec,
  IntOrString,
  LabelSelector,
  PodTemplateSpec,
  ReplicaSet,
  ReplicationController,
  StatefulSet,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { labelSelectorOf, labelSetSelector, matchesLabels } from '../selectors/labels.ts';
import {
  type Errors,
  IMMUTABLE,
  isEmptySelector,
  NOT_NEGATIVE,
  notNegative,
  PERCENT_MESSAGE,
  percentOf,
  validateSelector,
} from './common.ts';
import { goIntOrString, goLabels } from './go-dump.ts';
import { validatePodTemplate } from './pod.ts';
import type { PodRules } from './pod-containers.ts';

const MISMATCH = '`selector` does not match template `labels`';

function labelsMatch(selector: LabelSelector | undefined, template: PodTemplateSpec): boolean {
  try {
    return matchesLabels(labelSelectorOf(selector ?? undefined), template.metadata?.labels);
  } catch {
    // A malformed selector has been reported already.
    return true;
  }
}

/** The template of a kind whose pods run until they are replaced. */
function validateLongRunning(
  errors: Errors,
  path: string,
  template: PodTemplateSpec,
  o: { matches: boolean; rules: PodRules; owner: string },
): void {
  const labels = goLabels(template.metadata?.labels);
  if (!o.matches) errors.push(invalid(`${path}.metadata.labels`, labels, MISMATCH));
  validatePodTemplate(errors, path, template, o.rules);
  const restart = template.spec?.restartPolicy ?? '';
  if (restart !== 'Always' && restart !== '') {
    errors.push(notSupported(`${path}.spec.restartPolicy`, restart, ['Always']));
  }
  if (template.spec?.activeDeadlineSeconds !== undefined) {
    const why = `activeDeadlineSeconds in ${o.owner} is not Supported`;
    errors.push(forbidden(`${path}.spec.activeDeadlineSeconds`, why));
  }
}

function validateWorkloadSelector(
  errors: Errors,
  selector: LabelSelector | undefined,
  owner: string,
): void {
  if (!selector) {
    errors.push(required('spec.selector'));
    return;
  }
  validateSelector(errors, 'spec.selector', selector);
  if (isEmptySelector(selector)) {
    errors.push(
      invalid('spec.selector', goSelector(selector), `empty selector is invalid for ${owner}`),
    );
  }
}

/** A label selector as the stock server dumps it. */
export function goSelector(s: LabelSelector | undefined): GoText {
  if (!s) return new GoText('null');
  const expressions = (s.matchExpressions ?? []).map((e) => {
    const values = e.values ? `[]string{${e.values.map(goQuote).join(', ')}}` : '[]string(nil)';
    return `v1.LabelSelectorRequirement{Key:${goQuote(e.key)}, Operator:${goQuote(e.operator)}, Values:${values}}`;
  });
  const list = s.matchExpressions
    ? `[]v1.LabelSelectorRequirement{${expressions.join(', ')}}`
    : '[]v1.LabelSelectorRequirement(nil)';
  const labels = goLabels(s.matchLabels).text;
  return new GoText(`v1.LabelSelector{MatchLabels:${labels}, MatchExpressions:${list}}`);
}

/** A number, or a percentage as text. */
export function validateIntOrPercent(
  errors: Errors,
  path: string,
  value: IntOrString | undefined,
): void {
  if (value === undefined) return;
  if (typeof value === 'number') {
    if (value < 0) errors.push(invalid(path, value, NOT_NEGATIVE));
  } else if (percentOf(value) === undefined) {
    errors.push(invalid(path, goIntOrString(value), PERCENT_MESSAGE));
  }
}

export function notOverHundred(errors: Errors, path: string, value: IntOrString | undefined): void {
  const percent = percentOf(value);
  if (percent !== undefined && percent > 100 && value !== undefined) {
    errors.push(invalid(path, goIntOrString(value), 'must not be greater than 100%'));
  }
}

function isZero(value: IntOrString | undefined): boolean {
  return value === undefined || value === 0 || percentOf(value) === 0;
}

function validateStrategy(errors: Errors, spec: DeploymentSpec): void {
  const path = 'spec.strategy';
  const { type, rollingUpdate } = spec.strategy ?? {};
  if (type === 'Recreate') {
    if (rollingUpdate) {
      const why = "may not be specified when strategy `type` is 'Recreate'";
      errors.push(forbidden(`${path}.rollingUpdate`, why));
    }
    return;
  }
  if (type !== 'RollingUpdate') {
    const dump = `apps.DeploymentStrategy{Type:${goQuote(type ?? '')}, RollingUpdate:(*apps.RollingUpdateDeployment)(nil)}`;
    errors.push(notSupportedDump(path, dump, ['Recreate', 'RollingUpdate']));
    return;
  }
  if (!rollingUpdate) {
    errors.push(required(`${path}.rollingUpdate`, 'this should be defaulted and never be nil'));
    return;
  }
  const at = `${path}.rollingUpdate`;
  validateIntOrPercent(errors, `${at}.maxUnavailable`, rollingUpdate.maxUnavailable);
  validateIntOrPercent(errors, `${at}.maxSurge`, rollingUpdate.maxSurge);
  if (isZero(rollingUpdate.maxUnavailable) && isZero(rollingUpdate.maxSurge)) {
    const shown = goIntOrString(rollingUpdate.maxUnavailable ?? 0);
    errors.push(invalid(`${at}.maxUnavailable`, shown, 'may not be 0 when `maxSurge` is 0'));
  }
  notOverHundred(errors, `${at}.maxUnavailable`, rollingUpdate.maxUnavailable);
}

function notSupportedDump(path: string, dump: string, supported: readonly string[]) {
  return notSupported(path, new GoText(dump) as unknown as string, supported);
}

export function validateDeployment(errors: Errors, d: Deployment, rules: PodRules): void {
  const spec = d.spec;
  if (!spec) return;
  notNegative(errors, 'spec.replicas', spec.replicas);
  validateWorkloadSelector(errors, spec.selector, 'deployment');
  const matches = labelsMatch(spec.selector, spec.template);
  validateLongRunning(errors, 'spec.template', spec.template, {
    matches,
    rules,
    owner: 'ReplicaSet',
  });
  validateStrategy(errors, spec);
  notNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  notNegative(errors, 'spec.revisionHistoryLimit', spec.revisionHistoryLimit);
  const deadline = spec.progressDeadlineSeconds;
  notNegative(errors, 'spec.progressDeadlineSeconds', deadline);
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0)) {
    const why = 'must be greater than minReadySeconds';
    errors.push(invalid('spec.progressDeadlineSeconds', deadline, why));
  }
}

/** apps/v1 selectors never change. */
export function validateSelectorUpdate(
  errors: Errors,
  now: LabelSelector | undefined,
  old: LabelSelector | undefined,
): void {
  if (!semanticEqual(now, old)) errors.push(invalid('spec.selector', goSelector(now), IMMUTABLE));
}

export function validateReplicaSet(errors: Errors, rs: ReplicaSet, rules: PodRules): void {
  const spec = rs.spec;
  if (!spec) return;
  notNegative(errors, 'spec.replicas', spec.replicas);
  notNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  validateWorkloadSelector(errors, spec.selector, 'replicaset');
  const template = spec.template ?? {};
  const matches = labelsMatch(spec.selector, template);
  validateLongRunning(errors, 'spec.template', template, { matches, rules, owner: 'ReplicaSet' });
}

export function validateReplicationController(
  errors: Errors,
  rc: ReplicationController,
  rules: PodRules,
): void {
  const spec = rc.spec;
  if (!spec) return;
  notNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  const selector = spec.selector ?? {};
  if (Object.keys(selector).length === 0) errors.push(required('spec.selector'));
  notNegative(errors, 'spec.replicas', spec.replicas);
  if (!spec.template) {
    errors.push(required('spec.template'));
    return;
  }
  const matches = matchesLabels(labelSetSelector(selector), spec.template.metadata?.labels);
  const owner = 'ReplicationController';
  validateLongRunning(errors, 'spec.template', spec.template, { matches, rules, owner });
}

function validateDaemonStrategy(errors: Errors, ds: DaemonSet): void {
  const path = 'spec.updateStrategy';
  const { type, rollingUpdate } = ds.spec?.updateStrategy ?? {};
  if (type === 'OnDelete') return;
  if (type !== 'RollingUpdate') {
    const dump = `apps.DaemonSetUpdateStrategy{Type:${goQuote(type ?? '')}, RollingUpdate:(*apps.RollingUpdateDaemonSet)(nil)}`;
    errors.push(notSupportedDump(path, dump, ['RollingUpdate', 'OnDelete']));
    return;
  }
  if (!rollingUpdate) {
    errors.push(required(`${path}.rollingUpdate`));
    return;
  }
  const { maxUnavailable, maxSurge } = rollingUpdate;
  const at = `${path}.rollingUpdate`;
  const both = !isZero(maxUnavailable) && !isZero(maxSurge);
  validateIntOrPercent(errors, `${at}.maxUnavailable`, maxUnavailable);
  validateIntOrPercent(errors, `${at}.maxSurge`, maxSurge);
  if (both) {
    const why = 'may not be set when maxUnavailable is non-zero';
    errors.push(invalid(`${at}.maxSurge`, goIntOrString(maxSurge ?? 0), why));
  } else if (isZero(maxUnavailable) && isZero(maxSurge)) {
    const why = 'cannot be 0 when maxSurge is 0';
    errors.push(required(`${at}.maxUnavailable`, why));
  }
  notOverHundred(errors, `${at}.maxUnavailable`, maxUnavailable);
  notOverHundred(errors, `${at}.maxSurge`, maxSurge);
}

export function validateDaemonSet(errors: Errors, ds: DaemonSet, rules: PodRules): void {
  const spec = ds.spec;
  if (!spec) return;
  validateSelector(errors, 'spec.selector', spec.selector);
  const mismatch = !labelsMatch(spec.selector, spec.template);
  if (mismatch) {
    const labels = goLabels(spec.template.metadata?.labels);
    errors.push(invalid('spec.template.metadata.labels', labels, MISMATCH));
  }
  if (spec.selector && isEmptySelector(spec.selector)) {
    const why = 'empty selector is invalid for daemonset';
    errors.push(invalid('spec.selector', goSelector(spec.selector), why));
  }
  const o = { matches: true, rules, owner: 'DaemonSet' };
  validateLongRunning(errors, 'spec.template', spec.template, o);
  notNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  validateDaemonStrategy(errors, ds);
  notNegative(errors, 'spec.revisionHistoryLimit', spec.revisionHistoryLimit);
}

function validateStatefulStrategy(errors: Errors, s: StatefulSet): void {
  const path = 'spec.updateStrategy';
  const { type, rollingUpdate } = s.spec?.updateStrategy ?? {};
  if (!type) {
    errors.push(required(path));
    return;
  }
  const pointer = rollingUpdate ? '(0xc000000000)' : '(nil)';
  const dump = new GoText(
    `apps.StatefulSetUpdateStrategy{Type:${goQuote(type)}, RollingUpdate:(*apps.RollingUpdateStatefulSetStrategy)${pointer}}`,
  );
  if (type === 'OnDelete') {
    const why = `only allowed for updateStrategy 'RollingUpdate'`;
    if (rollingUpdate) errors.push(invalid(`${path}.rollingUpdate`, dump, why));
  } else if (type === 'RollingUpdate') {
    notNegative(errors, `${path}.rollingUpdate.partition`, rollingUpdate?.partition);
    validateIntOrPercent(
      errors,
      `${path}.rollingUpdate.maxUnavailable`,
      rollingUpdate?.maxUnavailable,
    );
  } else {
    errors.push(invalid(path, dump, "must be 'RollingUpdate' or 'OnDelete'"));
  }
}

export function validateStatefulSet(errors: Errors, s: StatefulSet, rules: PodRules): void {
  const spec = s.spec;
  if (!spec) return;
  const management = spec.podManagementPolicy ?? '';
  if (management === '') errors.push(required('spec.podManagementPolicy'));
  else if (management !== 'OrderedReady' && management !== 'Parallel') {
    const why = "must be 'OrderedReady' or 'Parallel'";
    errors.push(invalid('spec.podManagementPolicy', management, why));
  }
  validateStatefulStrategy(errors, s);
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const value = spec.persistentVolumeClaimRetentionPolicy?.[field] ?? '';
    if (value !== 'Retain' && value !== 'Delete') {
      const at = `spec.persistentVolumeClaimRetentionPolicy.${field}`;
      errors.push(notSupported(at, value, ['Delete', 'Retain']));
    }
  }
  notNegative(errors, 'spec.replicas', spec.replicas);
  notNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  notNegative(errors, 'spec.ordinals.start', spec.ordinals?.start);
  validateWorkloadSelector(errors, spec.selector, 'statefulset');
  const matches = labelsMatch(spec.selector, spec.template);
  validateLongRunning(errors, 'spec.template', spec.template, {
    matches,
    rules,
    owner: 'StatefulSet',
  });
}

const STATEFUL_MUTABLE: readonly string[] = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
  'revisionHistoryLimit',
];

export function validateStatefulSetUpdate(errors: Errors, s: StatefulSet, old: StatefulSet): void {
  const fixed = (spec: StatefulSet['spec']) =>
    Object.fromEntries(Object.entries(spec ?? {}).filter(([k]) => !STATEFUL_MUTABLE.includes(k)));
  if (semanticEqual(fixed(s.spec), fixed(old.spec))) return;
  const why =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  errors.push(forbidden('spec', why));
}

interface ReplicaStatus {
  replicas?: number | undefined;
  updatedReplicas?: number | undefined;
  fullyLabeledReplicas?: number | undefined;
  readyReplicas?: number | undefined;
  availableReplicas?: number | undefined;
  unavailableReplicas?: number | undefined;
  currentReplicas?: number | undefined;
  observedGeneration?: number | undefined;
}

const OVER_TOTAL = 'cannot be greater than status.replicas';
const OVER_READY = 'cannot be greater than readyReplicas';

/** The counts of a status: none negative, parts not above the whole. `parts` in the order of messages. */
export function validateReplicaStatus(
  errors: Errors,
  status: ReplicaStatus | undefined,
  parts: readonly (keyof ReplicaStatus)[],
): void {
  if (!status) return;
  const total = status.replicas ?? 0;
  notNegative(errors, 'status.replicas', total);
  for (const part of parts) notNegative(errors, `status.${part}`, status[part]);
  notNegative(errors, 'status.observedGeneration', status.observedGeneration);
  const ready = status.readyReplicas ?? 0;
  for (const part of parts) {
    const count = status[part] ?? 0;
    if (part !== 'unavailableReplicas' && count > total) {
      errors.push(invalid(`status.${part}`, count, OVER_TOTAL));
    }
  }
  const available = status.availableReplicas ?? 0;
  if (available > ready && ready <= total) {
    errors.push(invalid('status.availableReplicas', available, OVER_READY));
  }
}
