/** Horizontal pod autoscalers and disruption budgets. */

import { toNewAutoscaler } from '../convert-autoscalers.ts';
import { forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerV1,
  HPAScalingRules,
  MetricSpec,
  MetricTarget,
  PodDisruptionBudget,
} from '../generated/types.ts';
import { lookup } from '../own.ts';
import { parseQuantity } from '../quantity.ts';
import { addMessages, type Errors, notNegative, requireText, validateSelector } from './common.ts';
import { validateConditions } from './conditions.ts';
import { goQuantity } from './go-dump.ts';
import { dns1123Label, pathSegmentName } from './names.ts';
import { validateContainerResourceName } from './resources.ts';
import { notOverHundred, validateIntOrPercent } from './workloads.ts';

const METRIC_FIELDS: Readonly<Record<string, keyof MetricSpec>> = lookup({
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
});

function positive(errors: Errors, path: string, amount: string | undefined): void {
  if (amount === undefined || parseQuantity(amount).nanos > 0n) return;
  errors.push(invalid(path, goQuantity(amount, false), 'must be positive'));
}

function validateTarget(errors: Errors, path: string, target: MetricTarget): void {
  if (!target.type) errors.push(required(`${path}.type`, 'must specify a metric target type'));
  if (!['Utilization', 'Value', 'AverageValue'].includes(target.type)) {
    const why = 'must be either Utilization, Value, or AverageValue';
    errors.push(invalid(`${path}.type`, target.type, why));
  }
  positive(errors, `${path}.value`, target.value);
  positive(errors, `${path}.averageValue`, target.averageValue);
  const utilization = target.averageUtilization;
  if (utilization !== undefined && utilization < 1) {
    errors.push(invalid(`${path}.averageUtilization`, utilization, 'must be greater than 0'));
  }
}

function validateName(errors: Errors, path: string, name: string | undefined): void {
  if (!name) errors.push(required(`${path}.metric.name`, 'must specify a metric name'));
  else addMessages(errors, `${path}.metric.name`, name, pathSegmentName(name));
}

type Source<K extends keyof MetricSpec> = NonNullable<MetricSpec[K]>;

/** Of one container: only here what the resource is called is looked at. */
function validateContainerResource(
  errors: Errors,
  path: string,
  source: Source<'containerResource'>,
): void {
  const { name, container } = source;
  if (!name) errors.push(required(`${path}.name`, 'must specify a resource name'));
  else validateContainerResourceName(errors, `${path}.name`, name, name);
  if (!container) errors.push(required(`${path}.container`, 'must specify a container'));
  else addMessages(errors, `${path}.container`, container, dns1123Label(container));
  validateResourceTarget(errors, `${path}.target`, source);
}

function validateResource(errors: Errors, path: string, source: Source<'resource'>): void {
  if (!source.name) errors.push(required(`${path}.name`, 'must specify a resource name'));
  validateResourceTarget(errors, `${path}.target`, source);
}

function validateResourceTarget(
  errors: Errors,
  at: string,
  source: { target: MetricTarget },
): void {
  const { averageUtilization, averageValue } = source.target;
  validateTarget(errors, at, source.target);
  if (averageUtilization === undefined && averageValue === undefined) {
    const why = 'must set either a target raw value or a target utilization';
    errors.push(required(`${at}.averageUtilization`, why));
  } else if (averageUtilization !== undefined && averageValue !== undefined) {
    const why = 'may not set both a target raw value and a target utilization';
    errors.push(forbidden(`${at}.averageValue`, why));
  }
}

const SOURCES: {
  readonly [K in 'object' | 'external' | 'pods' | 'resource' | 'containerResource']: (
    errors: Errors,
    path: string,
    source: Source<K>,
  ) => void;
} = {
  object: (errors, path, source) => {
    validateReference(errors, `${path}.describedObject`, source.describedObject);
    validateName(errors, path, source.metric?.name);
    validateTarget(errors, `${path}.target`, source.target);
    const { value, averageValue } = source.target;
    if (value !== undefined || averageValue !== undefined) return;
    const why = 'must set either a target value or averageValue';
    errors.push(required(`${path}.target.averageValue`, why));
  },
  external: (errors, path, source) => {
    validateName(errors, path, source.metric?.name);
    validateTarget(errors, `${path}.target`, source.target);
    const { value, averageValue } = source.target;
    if (value === undefined && averageValue === undefined) {
      const why = 'must set either a target value for metric or a per-pod target';
      errors.push(required(`${path}.target.averageValue`, why));
    } else if (value !== undefined && averageValue !== undefined) {
      const why = 'may not set both a target value for metric and a per-pod target';
      errors.push(forbidden(`${path}.target.value`, why));
    }
  },
  pods: (errors, path, source) => {
    validateName(errors, path, source.metric?.name);
    validateTarget(errors, `${path}.target`, source.target);
    if (source.target.averageValue !== undefined) return;
    const why = 'must specify a positive target averageValue';
    errors.push(required(`${path}.target.averageValue`, why));
  },
  resource: validateResource,
  containerResource: validateContainerResource,
};

function validateMetric(errors: Errors, path: string, m: MetricSpec): void {
  const expected = METRIC_FIELDS[m.type];
  if (!m.type) errors.push(required(`${path}.type`, 'must specify a metric source type'));
  if (!expected) errors.push(notSupported(`${path}.type`, m.type, Object.keys(METRIC_FIELDS)));
  const given = (Object.keys(SOURCES) as (keyof typeof SOURCES)[]).filter(
    (k) => m[k] !== undefined,
  );
  const [first] = given;
  if (first) SOURCES[first](errors, `${path}.${first}`, m[first] as never);
  if (!expected) {
    // Said twice, as the stock server does.
    errors.push(notSupported(`${path}.type`, m.type, Object.keys(METRIC_FIELDS)));
  } else if (m[expected] === undefined) {
    const why = 'must populate information for the given metric source';
    errors.push(required(`${path}.${expected}`, why));
  }
  if (given.length === 1) return;
  for (const other of given.filter((k) => k !== expected)) {
    errors.push(forbidden(`${path}.${other}`, 'must populate the given metric source only'));
  }
}

/** The kind and the name of another object. */
function validateReference(
  errors: Errors,
  path: string,
  ref: { kind?: string | undefined; name?: string | undefined } | undefined,
): void {
  for (const field of ['kind', 'name'] as const) {
    const value = ref?.[field];
    const at = `${path}.${field}`;
    if (requireText(errors, at, value)) {
      addMessages(errors, at, value, pathSegmentName(value ?? ''));
    }
  }
}

export function validateAutoscalerStatus(errors: Errors, hpa: HorizontalPodAutoscaler): void {
  notNegative(errors, 'status.currentReplicas', hpa.status?.currentReplicas);
  notNegative(errors, 'status.desiredReplicas', hpa.status?.desiredReplicas);
}

/** A budget's conditions and its counts, none of them negative. */
export function validateBudgetStatus(errors: Errors, pdb: PodDisruptionBudget): void {
  const counts = [
    'disruptionsAllowed',
    'currentHealthy',
    'desiredHealthy',
    'expectedPods',
  ] as const;
  validateConditions(errors, 'status.conditions', pdb.status?.conditions);
  for (const field of counts) notNegative(errors, `status.${field}`, pdb.status?.[field]);
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

/** Of either version: what the old one keeps aside is checked in its place in the new one, as upstream does. */
export function validateAutoscaler(errors: Errors, object: HorizontalPodAutoscaler): void {
  const isOld = object.apiVersion === 'autoscaling/v1';
  const { spec } = isOld ? toNewAutoscaler(object as HorizontalPodAutoscalerV1) : object;
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
  validateReference(errors, 'spec.scaleTargetRef', spec.scaleTargetRef);
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
