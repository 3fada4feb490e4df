import type { Namespace, Pod } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { type CheckedPod, complaints, type Level } from './pod-security-checks.ts';
import { podSpecOf } from './pod-templates.ts';
import { filled, refuse } from './support.ts';

const PREFIX = 'pod-security.kubernetes.io/';
const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted'];

interface Policy {
  readonly level: Level;
  readonly version: string;
}

/**
 * Holds pods to the level their namespace's labels set: `enforce` refuses pods, `warn` warns about pods and
 * about whatever makes pods. A label that is no level counts as the strictest, as upstream has it.
 */
export function podSecurity(store: ResourceStore): AdmissionPlugin {
  const namespaces = store.cache<Namespace>(GVR.namespaces);
  return {
    name: 'PodSecurity',
    async validate(a) {
      const checked = checkedPod(a);
      if (!checked) return;
      const labels = (await filled(namespaces)).get('', a.namespace)?.metadata.labels ?? {};
      const isPod = a.resource.resource === 'pods';
      if (isPod) enforce(a, checked, policyOf(labels, 'enforce'));
      const audit = policyOf(labels, 'audit');
      const noted = violations(audit, checked);
      if (noted) a.addAuditAnnotation?.(`${PREFIX}audit-violations`, would(audit, noted));
      const warn = policyOf(labels, 'warn');
      const text = violations(warn, checked);
      if (text) a.addWarning(would(warn, text));
    },
  };
}

function policyOf(labels: Record<string, string>, mode: string): Policy {
  const level = labels[`${PREFIX}${mode}`];
  const version = labels[`${PREFIX}${mode}-version`] ?? 'latest';
  if (level === undefined) return { level: 'privileged', version };
  return { level: (LEVELS.includes(level) ? level : 'restricted') as Level, version };
}

const would = ({ level, version }: Policy, text: string): string =>
  `would violate PodSecurity "${level}:${version}": ${text}`;

function enforce(a: AdmissionAttributes, pod: CheckedPod, policy: Policy): void {
  a.addAuditAnnotation?.(`${PREFIX}enforce-policy`, `${policy.level}:${policy.version}`);
  const text = violations(policy, pod);
  if (text) throw refuse(a, `violates PodSecurity "${policy.level}:${policy.version}": ${text}`);
}

function violations(policy: Policy, pod: CheckedPod): string {
  const found = complaints(policy.level, pod);
  return found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
}

/** What to look at: a new pod, one that gets ephemeral containers, or a template. */
function checkedPod(a: AdmissionAttributes): CheckedPod | undefined {
  const isPod = a.resource.group === '' && a.resource.resource === 'pods';
  if (isPod && a.operation === 'UPDATE') {
    // Other changes of a pod cannot make it worse.
    if (a.subresource !== 'ephemeralcontainers') return undefined;
    const { spec } = a.object as Pod;
    return spec && { spec };
  }
  if (a.operation !== 'CREATE' && a.operation !== 'UPDATE') return undefined;
  const found = podSpecOf(a);
  return found && { spec: found.spec };
}
