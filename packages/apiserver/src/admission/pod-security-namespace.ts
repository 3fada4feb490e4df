import { aggregateText, invalid, type Namespace, type Pod } from '@kubets/api';
import type { AdmissionAttributes, CacheView } from '../ports.ts';
import { complaints, type Policy } from './pod-security-checks.ts';
import type { PodSecurityConfig } from './pod-security-config.ts';
import { PREFIX, policiesOf, policyText, stricter } from './pod-security-policy.ts';
import { displayName, filled } from './support.ts';

/** As many pods as upstream looks at. */
const MOST_PODS = 3_000;

/** Holds a namespace's labels to what they may say, and warns of pods that the level it now enforces would refuse. */
export async function checkNamespace(
  a: AdmissionAttributes,
  pods: CacheView<Pod>,
  { defaults, exemptions }: PodSecurityConfig,
): Promise<void> {
  if (a.subresource !== '' || (a.operation !== 'CREATE' && a.operation !== 'UPDATE')) return;
  const now = policiesOf((a.object as Namespace).metadata.labels, defaults);
  const before = policiesOf(a.oldObject?.metadata.labels, defaults);
  const text = aggregateText(now.errors);
  // What was wrong already may stay so, or nobody could write the namespace any more.
  if (now.errors.length > 0 && text !== aggregateText(before.errors)) {
    throw invalid(a.kind, displayName(a), now.errors);
  }
  if (a.operation === 'CREATE' || !forbidsMore(now.enforce, before.enforce)) return;
  if (exemptions.namespaces.includes(a.name)) {
    a.addAuditAnnotation?.(`${PREFIX}exempt`, 'namespace');
    return;
  }
  const found = (await filled(pods))
    .list(a.name)
    .filter(({ spec }) => !exemptions.runtimeClasses.includes(spec?.runtimeClassName ?? ''));
  for (const warning of podWarnings(a.name, now.enforce, found)) a.addWarning(warning);
}

function forbidsMore(now: Policy, before: Policy): boolean {
  if (now.level === 'privileged') return false;
  return now.version !== before.version || stricter(now.level, before.level);
}

function podWarnings(namespace: string, policy: Policy, all: readonly Pod[]): string[] {
  const pods = mostTelling(all).slice(0, MOST_PODS);
  const names = new Map<string, string[]>();
  for (const pod of pods) {
    const { spec, metadata } = pod;
    const reasons = spec ? complaints(policy, { spec, metadata }).map((one) => one.reason) : [];
    if (reasons.length === 0) continue;
    const reason = reasons.join(', ');
    names.set(reason, [...(names.get(reason) ?? []), pod.metadata.name ?? '']);
  }
  const warnings: string[] = [];
  if (pods.length < all.length) {
    const share = `first ${pods.length} of ${all.length} existing pods`;
    warnings.push(`new PodSecurity enforce level only checked against the ${share}`);
  }
  if (names.size === 0) return warnings;
  warnings.push(
    `existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${policyText(policy)}"`,
  );
  return [...warnings, ...[...names].map(([reason, of]) => `${counted(of)}: ${reason}`).sort()];
}

/** The pods of which one stands for many first: one of each controller, then the rest. */
function mostTelling(pods: readonly Pod[]): Pod[] {
  const seen = new Set<string>();
  const first: Pod[] = [];
  const rest: Pod[] = [];
  for (const pod of pods) {
    const owner = pod.metadata.ownerReferences?.find((reference) => reference.controller);
    (owner && seen.has(owner.uid) ? rest : first).push(pod);
    if (owner) seen.add(owner.uid);
  }
  return [...first, ...rest];
}

function counted(names: readonly string[]): string {
  const [first = ''] = [...names].sort();
  if (names.length === 1) return first;
  return `${first} (and ${names.length - 1} other pod${names.length === 2 ? '' : 's'})`;
}
