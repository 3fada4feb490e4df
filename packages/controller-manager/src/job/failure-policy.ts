import type {
  ContainerStatus,
  Job,
  Pod,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyRule,
} from '@kubets/api';
import { nameOf, namespaceOf } from '../objects/meta.ts';

/** The rule that speaks about a failed pod, and what it wants. */
export interface PolicyMatch {
  action: string;
  /** Why the Job fails by this pod, where the action is `FailJob`. */
  message: string;
}

/**
 * The first rule of `spec.podFailurePolicy` that matches a failed pod; `undefined`: none does, and the
 * failure counts as any other (KEP-3329).
 */
export function matchFailurePolicy(job: Job, pod: Pod): PolicyMatch | undefined {
  for (const [at, rule] of (job.spec?.podFailurePolicy?.rules ?? []).entries()) {
    const cause = causeOf(rule, pod);
    if (cause === undefined) continue;
    const { action } = rule;
    return { action, message: `${cause} matching ${action} rule at index ${at}` };
  }
  return undefined;
}

/** Whether the failure of this pod counts: a rule may say that it does not. */
export function isCountedFailure(job: Job, pod: Pod): boolean {
  return matchFailurePolicy(job, pod)?.action !== 'Ignore';
}

/**
 * Pods are replaced, and counted as failed, only once they have ended: the policy needs their exit
 * codes and conditions.
 */
export function waitsForEnds(job: Job): boolean {
  const { podReplacementPolicy, podFailurePolicy } = job.spec ?? {};
  return podReplacementPolicy === 'Failed' || podFailurePolicy !== undefined;
}

function causeOf(rule: PodFailurePolicyRule, pod: Pod): string | undefined {
  const who = `${namespaceOf(pod)}/${nameOf(pod)}`;
  if (rule.onExitCodes) {
    const container = containerWith(rule.onExitCodes, pod);
    const code = container?.state?.terminated?.exitCode;
    if (!container || code === undefined) return undefined;
    return `Container ${container.name} for pod ${who} failed with exit code ${code}`;
  }
  const patterns = rule.onPodConditions ?? [];
  const condition = (pod.status?.conditions ?? []).find((c) =>
    patterns.some((pattern) => pattern.type === c.type && pattern.status === c.status),
  );
  return condition && `Pod ${who} has condition ${condition.type}`;
}

function containerWith(
  wanted: PodFailurePolicyOnExitCodesRequirement,
  pod: Pod,
): ContainerStatus | undefined {
  const { containerStatuses = [], initContainerStatuses = [] } = pod.status ?? {};
  return [...containerStatuses, ...initContainerStatuses].find((container) => {
    const code = container.state?.terminated?.exitCode ?? 0;
    if (code === 0) return false;
    if ((wanted.containerName ?? container.name) !== container.name) return false;
    const isListed = wanted.values.includes(code);
    return wanted.operator === 'In' ? isListed : !isListed;
  });
}
