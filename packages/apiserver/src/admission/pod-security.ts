import { aggregateText, type Namespace, type Pod, type PodSpec } from '@kubets/api';
import type { AdmissionAttributes, AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { type CheckedPod, complaints } from './pod-security-checks.ts';
import { checkNamespace } from './pod-security-namespace.ts';
import {
  type NamespacePolicies,
  type Policy,
  PREFIX,
  policiesOf,
  policyText,
} from './pod-security-policy.ts';
import { podSpecOf } from './pod-templates.ts';
import { filled, refuse } from './support.ts';

/** Subresources of pods that change nothing of what a pod may do. */
const HARMLESS = new Set([
  'exec',
  'attach',
  'binding',
  'eviction',
  'log',
  'portforward',
  'proxy',
  'status',
]);

/**
 * Holds pods to the level their namespace's labels set: `enforce` refuses pods, `warn` warns about pods and
 * about whatever makes pods, `audit` notes them. The labels themselves are looked at as well.
 */
export function podSecurity(store: ResourceStore): AdmissionPlugin {
  const namespaces = store.cache<Namespace>(GVR.namespaces);
  const pods = store.cache<Pod>(GVR.pods);
  return {
    name: 'PodSecurity',
    async validate(a) {
      const core = a.resource.group === '';
      if (core && a.resource.resource === 'namespaces') return checkNamespace(a, pods);
      const checked = checkedPod(a);
      if (!checked) return;
      const namespace = (await filled(namespaces)).get('', a.namespace);
      const isPod = core && a.resource.resource === 'pods';
      judge(a, checked, { policies: policiesOf(namespace?.metadata.labels), isPod });
    },
  };
}

function judge(
  a: AdmissionAttributes,
  pod: CheckedPod,
  o: { policies: NamespacePolicies; isPod: boolean },
): void {
  const { enforce, audit, warn, errors } = o.policies;
  const note = (key: string, text: string): void => a.addAuditAnnotation?.(PREFIX + key, text);
  if (errors.length > 0) note('error', `Failed to parse policy: ${aggregateText(errors)}`);
  if (o.isPod) note('enforce-policy', policyText(enforce));
  const noted = violations(audit, pod);
  if (noted) note('audit-violations', `would ${noted}`);
  const refused = o.isPod ? violations(enforce, pod) : '';
  if (refused) throw refuse(a, refused.replace('violate', 'violates'));
  const warned = violations(warn, pod);
  if (warned) a.addWarning(`would ${warned}`);
}

/** `violate PodSecurity "baseline:latest": …`; empty if the pod keeps to the level. */
function violations(policy: Policy, pod: CheckedPod): string {
  const found = complaints(policy.level, pod);
  if (found.length === 0) return '';
  const text = found.map(({ reason, detail }) => `${reason} (${detail})`).join(', ');
  return `violate PodSecurity "${policyText(policy)}": ${text}`;
}

/** What to look at: a new pod, one whose containers changed, or a template. */
function checkedPod(a: AdmissionAttributes): CheckedPod | undefined {
  if (a.operation !== 'CREATE' && a.operation !== 'UPDATE') return undefined;
  if (a.resource.group !== '' || a.resource.resource !== 'pods' || a.operation === 'CREATE') {
    const found = podSpecOf(a);
    return found && { spec: found.spec };
  }
  const { spec } = a.object as Pod;
  const old = (a.oldObject as Pod | undefined)?.spec;
  // Other changes of a pod cannot make it worse.
  const worse = spec && !HARMLESS.has(a.subresource) && (!old || changesContainers(spec, old));
  return worse ? { spec } : undefined;
}

/** Whether a container is new or runs another image. */
function changesContainers(now: PodSpec, before: PodSpec): boolean {
  const images = ({ containers, initContainers = [], ephemeralContainers = [] }: PodSpec) =>
    [...containers, ...initContainers, ...ephemeralContainers].map(
      ({ name, image = '' }) => `${name} ${image}`,
    );
  const known = new Set(images(before));
  return images(now).some((image) => !known.has(image));
}
