/** Horizontal pod autoscalers and disruption budgets. */
import { forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
  PodDisruptionBudget,
} from '../generated/types.ts';
import { addMessages, type Errors, requireText, validateSelector } from './common.ts';
import { pathSegmentName } from './names.ts';
import { notOverHundred, validateIntOrPercent } from './workloads.ts';

const METRIC_FIELDS: Readonly<Record<string, keyof MetricSpec>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};

function validateTarget(errors: Errors, path: string, target: MetricTarget, raw: boolean): void {
  const types = ['AverageValue', 'Utilization', 'Value'];
  if (!types.includes(target.type)) {
    errors.push(notSupported(`${path}.type`, target.type, types));
  }
  const utilization = target.averageUtilization;
  if (utilization !== undefined && utilization < 1) {
    errors.push(invalid(`${path}.averageUtilization`, utilization, 'must be greater than 0'));
  }
  if (raw) return;
  if (utilization === undefined && target.averageValue === undefined) {
    const why = 'must set either a target raw value or a target utilization';
    errors.push(required(`${path}.averageUtilization`, why));
  } else if (utilization !== undefined && target.averageValue !== undefined) {
    const why = 'may not set both a target raw value and a target utilization';
    errors.push(forbidden(`${path}.averageValue`, why));
  }
}

function validateMetric(errors: Errors, path: string, m: MetricSpec): void {
  const field = METRIC_FIELDS[m.type];
  if (!m.type) {
    errors.push(required(`${path}.type`, 'must specify a metric source type'));
    return;
  }
  if (!field) {
    // Said twice, as the stock server does.
    const unknown = notSupported(`${path}.type`, m.type, Object.keys(METRIC_FIELDS));
    errors.push(unknown, unknown);
    return;
  }
  if (m[field] === undefined) {
    const why = 'must populate information for the given metric source';
    errors.push(required(`${path}.${field}`, why));
    return;
  }
  const resource = m.resource ?? m.containerResource;
  if (resource) {
    requireText(errors, `${path}.${field}.name`, resource.name);
    validateTarget(errors, `${path}.${field}.target`, resource.target, false);
    return;
  }
  const other = m.pods ?? m.object ?? m.external;
  if (other) {
    requireText(errors, `${path}.${field}.metric.name`, other.metric?.name);
    validateTarget(errors, `${path}.${field}.target`, other.target, true);
  }
}

const MAX_STABILIZATION_SECONDS = 3600;

function validateScaling(errors: Errors, path: string, rules: HPAScalingRules | undefined): void {
  if (!rules) return;
  const window = rules.stabilizationWindowSeconds;
  const at = `${path}.stabilizationWindowSeconds`;
  if (window !== undefined && window < 0) {
    errors.push(invalid(at, window, 'must be greater than or equal to zero'));
  }
  if (window !== undefined && window > MAX_STABILIZATION_SECONDS) {
    errors.push(invalid(at, window, `must be less than or equal to ${MAX_STABILIZATION_SECONDS}`));
  }
  const selects = ['Disabled', 'Max', 'Min'];
  if (rules.selectPolicy !== undefined && !selects.includes(rules.selectPolicy)) {
    errors.push(notSupported(`${path}.selectPolicy`, rules.selectPolicy, selects));
  }
  if ((rules.policies ?? []).length === 0) {
    errors.push(required(`${path}.policies`, 'must specify at least one Policy'));
  }
  (rules.policies ?? []).forEach((p, i) => {
    const where = `${path}.policies[${i}]`;
    if (p.type !== 'Percent' && p.type !== 'Pods') {
      errors.push(notSupported(`${where}.type`, p.type, ['Percent', 'Pods']));
    }
    if (p.value <= 0) errors.push(invalid(`${where}.value`, p.value, 'must be greater than zero'));
    if (p.periodSeconds <= 0) {
      errors.push(invalid(`${where}.periodSeconds`, p.periodSeconds, 'must be greater than zero'));
    }
    if (p.periodSeconds > 1800) {
      const why = 'must be less than or equal to 1800';
      errors.push(invalid(`${where}.periodSeconds`, p.periodSeconds, why));
    }
  });
}

export function validateAutoscaler(errors: Errors, hpa: HorizontalPodAutoscaler): void {
  const spec = hpa.spec;
  if (!spec) return;
  const min = spec.minReplicas;
  if (min !== undefined && min < 1) {
    errors.push(invalid('spec.minReplicas', min, 'must be greater than or equal to 1'));
  }
  if (spec.maxReplicas < 1) {
    errors.push(invalid('spec.maxReplicas', spec.maxReplicas, 'must be greater than 0'));
  }
  if (min !== undefined && spec.maxReplicas < min) {
    const why = 'must be greater than or equal to `minReplicas`';
    errors.push(invalid('spec.maxReplicas', spec.maxReplicas, why));
  }
  for (const field of ['kind', 'name'] as const) {
    const value = spec.scaleTargetRef?.[field];
    const at = `spec.scaleTargetRef.${field}`;
    if (requireText(errors, at, value))
      addMessages(errors, at, value, pathSegmentName(value ?? ''));
  }
  (spec.metrics ?? []).forEach((m, i) => {
    validateMetric(errors, `spec.metrics[${i}]`, m);
  });
  const outside = (spec.metrics ?? []).some((m) => m.type === 'Object' || m.type === 'External');
  if (min === 0 && !outside) {
    const why =
      'must specify at least one Object or External metric to support scaling to zero replicas';
    errors.push(forbidden('spec.metrics', why));
  }
  validateScaling(errors, 'spec.behavior.scaleUp', spec.behavior?.scaleUp);
  validateScaling(errors, 'spec.behavior.scaleDown', spec.behavior?.scaleDown);
}

export function validateDisruptionBudget(errors: Errors, pdb: PodDisruptionBudget): void {
  const spec = pdb.spec;
  if (!spec) return;
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined) {
    const pointer = '(*intstr.IntOrString)(0xc000000000)';
    const selector = spec.selector
      ? '(*v1.LabelSelector)(0xc000000000)'
      : '(*v1.LabelSelector)(nil)';
    const dump = `policy.PodDisruptionBudgetSpec{MinAvailable:${pointer}, Selector:${selector}, MaxUnavailable:${pointer}, UnhealthyPodEvictionPolicy:(*policy.UnhealthyPodEvictionPolicyType)(nil)}`;
    const why = 'minAvailable and maxUnavailable cannot be both set';
    errors.push(invalid('spec', new GoText(dump), why));
  }
  for (const field of ['minAvailable', 'maxUnavailable'] as const) {
    validateIntOrPercent(errors, `spec.${field}`, spec[field]);
    notOverHundred(errors, `spec.${field}`, spec[field]);
  }
  validateSelector(errors, 'spec.selector', spec.selector);
  const policy = spec.unhealthyPodEvictionPolicy;
  const policies = ['AlwaysAllow', 'IfHealthyBudget'];
  if (policy !== undefined && !policies.includes(policy)) {
    errors.push(notSupported('spec.unhealthyPodEvictionPolicy', policy, policies));
  }
}
