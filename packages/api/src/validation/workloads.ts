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
  StatefulSetSpec,
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
  validateLabels,
  validateSelector,
} from './common.ts';
import { goIntOrString, goLabels } from './go-dump.ts';
import { validateAnnotations } from './metadata.ts';
import { validatePodTemplate } from './pod.ts';
import { validatePodAnnotations } from './pod-annotations.ts';
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
  validateRestart(errors, `${path}.spec`, template, o.owner);
}

function validateRestart(
  errors: Errors,
  path: string,
  { spec }: PodTemplateSpec,
  owner: string,
): void {
  const restart = spec?.restartPolicy ?? '';
  if (restart !== 'Always' && restart !== '') {
    errors.push(notSupported(`${path}.restartPolicy`, restart, ['Always']));
  }
  if (spec?.activeDeadlineSeconds !== undefined) {
    const why = `activeDeadlineSeconds in ${owner} is not Supported`;
    errors.push(forbidden(`${path}.activeDeadlineSeconds`, why));
  }
}

/** @returns whether the template can be held against it; `broken` is what else is said when not */
function validateWorkloadSelector(
  errors: Errors,
  selector: LabelSelector | undefined,
  o: { owner: string; broken: string },
): boolean {
  if (!selector) {
    errors.push(required('spec.selector'));
    return true;
  }
  const before = errors.length;
  validateSelector(errors, 'spec.selector', selector);
  const isBroken = errors.length > before;
  if (isEmptySelector(selector)) {
    const why = `empty selector is invalid for ${o.owner}`;
    errors.push(invalid('spec.selector', goSelector(selector), why));
  }
  if (isBroken) errors.push(invalid('spec.selector', goSelector(selector), o.broken));
  return !isBroken;
}

const BROKEN = 'invalid label selector';

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

/** What is neither a number nor a percentage counts as none. */
function isZero(value: IntOrString | undefined): boolean {
  if (typeof value === 'number') return value === 0;
  const percent = percentOf(value);
  if (percent !== undefined) return percent === 0;
  return !/^[+-]?0*[1-9]\d*$/.test(value ?? '');
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
  validateReplicas(errors, spec.selector, spec.template, rules);
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
  validateReplicas(errors, spec.selector, spec.template ?? {}, rules);
}

/** Selector and template of what ends up as a ReplicaSet. */
function validateReplicas(
  errors: Errors,
  selector: LabelSelector | undefined,
  template: PodTemplateSpec,
  rules: PodRules,
): void {
  const about = { owner: 'deployment', broken: BROKEN };
  if (!validateWorkloadSelector(errors, selector, about)) return;
  const matches = labelsMatch(selector, template);
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
  notOverHundred(errors, `${at}.maxUnavailable`, maxUnavailable);
  notOverHundred(errors, `${at}.maxSurge`, maxSurge);
  if (both) {
    const why = 'may not be set when maxUnavailable is non-zero';
    errors.push(invalid(`${at}.maxSurge`, goIntOrString(maxSurge ?? 0), why));
  } else if (isZero(maxUnavailable) && isZero(maxSurge)) {
    const why = 'cannot be 0 when maxSurge is 0';
    errors.push(required(`${at}.maxUnavailable`, why));
  }
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
  if (type === 'OnDelete') {
    const why = `only allowed for updateStrategy 'RollingUpdate'`;
    const partition = rollingUpdate?.partition ?? 0;
    const shown = `apps.RollingUpdateStatefulSetStrategy{Partition:${partition}, MaxUnavailable:(*intstr.IntOrString)(nil)}`;
    if (rollingUpdate) errors.push(invalid(`${path}.rollingUpdate`, new GoText(shown), why));
  } else if (type === 'RollingUpdate') {
    notNegative(errors, `${path}.rollingUpdate.partition`, rollingUpdate?.partition);
    validateIntOrPercent(
      errors,
      `${path}.rollingUpdate.maxUnavailable`,
      rollingUpdate?.maxUnavailable,
    );
  } else {
    const pointer = rollingUpdate ? '(0xc000000000)' : '(nil)';
    const shown = `apps.StatefulSetUpdateStrategy{Type:${goQuote(type)}, RollingUpdate:(*apps.RollingUpdateStatefulSetStrategy)${pointer}}`;
    errors.push(invalid(path, new GoText(shown), "must be 'RollingUpdate' or 'OnDelete'"));
  }
}

/** 1.32 looks at little of a StatefulSet's template: what is wrong with it shows when its pods are made. */
function validateStatefulTemplate(errors: Errors, { selector, template }: StatefulSetSpec): void {
  const path = 'spec.template';
  const { metadata, spec } = template;
  const { labels, annotations } = metadata ?? {};
  if (!labelsMatch(selector, template)) {
    errors.push(invalid(`${path}.metadata.labels`, goLabels(labels), MISMATCH));
  }
  validateLabels(errors, `${path}.labels`, labels);
  validateAnnotations(errors, `${path}.annotations`, annotations);
  validatePodAnnotations(errors, `${path}.annotations`, annotations, spec ?? { containers: [] });
}

export function validateStatefulSet(errors: Errors, s: StatefulSet): void {
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
      errors.push(notSupported(at, value, ['Retain', 'Delete']));
    }
  }
  notNegative(errors, 'spec.replicas', spec.replicas);
  notNegative(errors, 'spec.minReadySeconds', spec.minReadySeconds);
  notNegative(errors, 'spec.ordinals.start', spec.ordinals?.start);
  const about = { owner: 'statefulset', broken: '' };
  if (validateWorkloadSelector(errors, spec.selector, about)) {
    validateStatefulTemplate(errors, spec);
  }
  validateRestart(errors, 'spec.template.spec', spec.template, 'StatefulSet');
}

const STATEFUL_MUTABLE: readonly string[] = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
];

export function validateStatefulSetUpdate(errors: Errors, s: StatefulSet, old: StatefulSet): void {
  const fixed = (spec: StatefulSet['spec']) =>
    Object.fromEntries(Object.entries(spec ?? {}).filter(([k]) => !STATEFUL_MUTABLE.includes(k)));
  if (semanticEqual(fixed(s.spec), fixed(old.spec))) return;
  const why =
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden";
  errors.push(forbidden('spec', why));
}
