import type { Namespace, Pod, PodSpec, PodTemplateSpec } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { type CheckedPod, complaints, type Level } from './pod-security-checks.ts';
import { refuse } from './support.ts';

const PREFIX = 'pod-security.kubernetes.io/';
const LEVELS: readonly string[] = ['privileged', 'baseline', 'restricted'];

/** Kinds that carry a pod template, and where. */
const TEMPLATES: Readonly<Record<string, (object: never) => PodTemplateSpec | undefined>> = {
  '/podtemplates': (object: { template?: PodTemplateSpec }) => object.template,
  '/replicationcontrollers': templateOf,
  'apps/daemonsets': templateOf,
  'apps/deployments': templateOf,
  'apps/replicasets': templateOf,
  'apps/statefulsets': templateOf,
  'batch/jobs': templateOf,
  'batch/cronjobs': (object: {
    spec?: { jobTemplate?: { spec?: { template?: PodTemplateSpec } } };
  }) => object.spec?.jobTemplate?.spec?.template,
};

function templateOf(object: {
  spec?: { template?: PodTemplateSpec };
}): PodTemplateSpec | undefined {
  return object.spec?.template;
}

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
    validate(a) {
      const labels = namespaces.get('', a.namespace)?.metadata.labels ?? {};
      if (!Object.keys(labels).some((key) => key.startsWith(PREFIX))) return;
      const checked = podOf(a) ?? templatedPod(a);
      if (!checked) return;
      const isPod = a.resource.resource === 'pods';
      if (isPod) enforce(a, checked, policyOf(labels, 'enforce'));
      const warn = policyOf(labels, 'warn');
      const text = violations(warn, checked);
      if (text) a.addWarning(`would violate PodSecurity "${warn.level}:${warn.version}": ${text}`);
    },
  };
}

function policyOf(labels: Record<string, string>, mode: string): Policy {
  const level = labels[`${PREFIX}${mode}`];
  const version = labels[`${PREFIX}${mode}-version`] ?? 'latest';
  if (level === undefined) return { level: 'privileged', version };
  return { level: (LEVELS.includes(level) ? level : 'restricted') as Level, version };
}

function enforce(a: AdmissionAttributes, pod: CheckedPod, policy: Policy): void {
  const text = violations(policy, pod);
  if (text) throw refuse(a, `violates PodSecurity "${policy.level}:${policy.version}": ${text}`);
}

function violations(policy: Policy, pod: CheckedPod): string {
  const found = complaints(policy.level, pod);
  return found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
}

/** A new pod, or one that gets ephemeral containers; other changes of a pod cannot make it worse. */
function podOf(a: AdmissionAttributes): CheckedPod | undefined {
  if (a.resource.group !== '' || a.resource.resource !== 'pods') return undefined;
  const isNew = a.operation === 'CREATE' && a.subresource === '';
  const growsEphemeral = a.operation === 'UPDATE' && a.subresource === 'ephemeralcontainers';
  if (!isNew && !growsEphemeral) return undefined;
  return checkedPod((a.object as Pod).spec);
}

function templatedPod(a: AdmissionAttributes): CheckedPod | undefined {
  if (a.subresource !== '' || (a.operation !== 'CREATE' && a.operation !== 'UPDATE'))
    return undefined;
  const find = TEMPLATES[`${a.resource.group}/${a.resource.resource}`];
  const template = find?.(a.object as never);
  return checkedPod(template?.spec);
}

function checkedPod(spec: PodSpec | undefined): CheckedPod | undefined {
  return spec && { spec };
}
