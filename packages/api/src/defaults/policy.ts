/** Defaults of access rules, priorities, autoscalers, webhooks and the server's own configuration kinds. */
import type {
  APIService,
  ClusterRoleBinding,
  CustomResourceDefinition,
  FlowSchema,
  HorizontalPodAutoscaler,
  HPAScalingRules,
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  MutatingWebhookConfiguration,
  PriorityClass,
  PriorityLevelConfiguration,
  RoleBinding,
  Subject,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  ValidatingWebhookConfiguration,
} from '../generated/types.ts';

const RBAC_GROUP = 'rbac.authorization.k8s.io';

function defaultSubject(subject: Subject): void {
  if (subject.apiGroup) return;
  if (subject.kind === 'User' || subject.kind === 'Group') subject.apiGroup = RBAC_GROUP;
}

export function defaultBinding(binding: RoleBinding | ClusterRoleBinding): void {
  if (binding.roleRef) binding.roleRef.apiGroup ||= RBAC_GROUP;
  for (const subject of binding.subjects ?? []) defaultSubject(subject);
}

export function defaultPriorityClass(pc: PriorityClass): void {
  pc.preemptionPolicy ??= 'PreemptLowerPriority';
}

const SCALE_UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: 'Max',
  policies: [
    { type: 'Pods', value: 4, periodSeconds: 15 },
    { type: 'Percent', value: 100, periodSeconds: 15 },
  ],
};
const SCALE_DOWN: HPAScalingRules = {
  selectPolicy: 'Max',
  policies: [{ type: 'Percent', value: 100, periodSeconds: 15 }],
};

function scalingRules(given: HPAScalingRules | undefined, base: HPAScalingRules): HPAScalingRules {
  const rules = { ...structuredClone(base), ...given };
  // A list that is there and empty stays: validation tells that it may not be.
  rules.policies ??= structuredClone(base.policies);
  return rules;
}

export function defaultAutoscaler(hpa: HorizontalPodAutoscaler): void {
  const spec = hpa.spec;
  if (!spec) return;
  spec.minReplicas ??= 1;
  // The old version shows its target for the CPU only once the object has been stored as the new one.
  if (hpa.apiVersion === 'autoscaling/v1') return;
  if ((spec.metrics ?? []).length === 0) {
    const target = { type: 'Utilization', averageUtilization: 80 };
    spec.metrics = [{ type: 'Resource', resource: { name: 'cpu', target } }];
  }
  if (spec.behavior) {
    spec.behavior.scaleUp = scalingRules(spec.behavior.scaleUp, SCALE_UP);
    spec.behavior.scaleDown = scalingRules(spec.behavior.scaleDown, SCALE_DOWN);
  }
}

type WebhookLike = NonNullable<MutatingWebhookConfiguration['webhooks']>[number];

function defaultWebhook(hook: Omit<WebhookLike, 'reinvocationPolicy'>): void {
  hook.failurePolicy ??= 'Fail';
  hook.matchPolicy ??= 'Equivalent';
  hook.namespaceSelector ??= {};
  hook.objectSelector ??= {};
  hook.timeoutSeconds ??= 10;
  for (const rule of hook.rules ?? []) rule.scope ??= '*';
  if (hook.clientConfig?.service) hook.clientConfig.service.port ??= 443;
}

export function defaultValidatingWebhooks(c: ValidatingWebhookConfiguration): void {
  for (const hook of c.webhooks ?? []) defaultWebhook(hook);
}

export function defaultMutatingWebhooks(c: MutatingWebhookConfiguration): void {
  for (const hook of c.webhooks ?? []) {
    defaultWebhook(hook);
    hook.reinvocationPolicy ??= 'Never';
  }
}

function defaultMatchResources(match: MatchResources | undefined): void {
  if (!match) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])]) {
    rule.scope ??= '*';
  }
}

export function defaultAdmissionPolicy(policy: ValidatingAdmissionPolicy): void {
  if (!policy.spec) return;
  policy.spec.failurePolicy ??= 'Fail';
  defaultMatchResources(policy.spec.matchConstraints);
}

export function defaultMutatingPolicy({ spec }: MutatingAdmissionPolicy): void {
  if (!spec) return;
  spec.failurePolicy ??= 'Fail';
  defaultMatchResources(spec.matchConstraints);
}

export function defaultAdmissionPolicyBinding(
  b: ValidatingAdmissionPolicyBinding | MutatingAdmissionPolicyBinding,
): void {
  defaultMatchResources(b.spec?.matchResources);
}

export function defaultFlowSchema(fs: FlowSchema): void {
  if (fs.spec) fs.spec.matchingPrecedence ||= 1000;
}

export function defaultPriorityLevel(level: PriorityLevelConfiguration): void {
  const limited = level.spec?.limited;
  if (limited) {
    limited.nominalConcurrencyShares ??= 30;
    limited.lendablePercent ??= 0;
    const queuing = limited.limitResponse?.queuing;
    if (queuing) {
      queuing.queues ||= 64;
      queuing.queueLengthLimit ||= 50;
      queuing.handSize ||= 8;
    }
  }
  const exempt = level.spec?.exempt;
  if (exempt) {
    exempt.nominalConcurrencyShares ??= 0;
    exempt.lendablePercent ??= 0;
  }
}

export function defaultCustomResource(crd: CustomResourceDefinition): void {
  const { names, conversion } = crd.spec;
  if (names?.kind) {
    names.singular ||= names.kind.toLowerCase();
    names.listKind ||= `${names.kind}List`;
  }
  crd.spec.conversion = conversion ?? { strategy: 'None' };
  const service = crd.spec.conversion.webhook?.clientConfig?.service;
  if (service) service.port ??= 443;
}

export function defaultApiService(api: APIService): void {
  if (api.spec?.service) api.spec.service.port ??= 443;
}
