/** Pods: quality of service, scheduling gates, binding to a node. */
import { badRequest, conflict, unclassified } from '../errors.ts';
import type { AppArmorProfile, Binding, Container, Pod, PodCondition } from '../generated/types.ts';
import { parseQuantity } from '../quantity.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const COMPUTE: readonly string[] = ['cpu', 'memory'];

function positive(list: Record<string, string> | undefined, name: string): string | undefined {
  const text = list?.[name];
  return text !== undefined && parseQuantity(text).nanos > 0n ? text : undefined;
}

function isGuaranteed(c: Container): boolean {
  return COMPUTE.every((name) => {
    const limit = positive(c.resources?.limits, name);
    if (limit === undefined) return false;
    const request = positive(c.resources?.requests, name) ?? limit;
    return parseQuantity(request).cmp(parseQuantity(limit)) === 0;
  });
}

function asksForAnything(c: Container): boolean {
  const { requests, limits } = c.resources ?? {};
  return COMPUTE.some(
    (n) => positive(requests, n) !== undefined || positive(limits, n) !== undefined,
  );
}

/** The quality-of-service class of a pod's spec. */
export function podQosClass(pod: Pod): QosClass {
  const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  if (!all.some(asksForAnything)) return 'BestEffort';
  return all.every(isGuaranteed) ? 'Guaranteed' : 'Burstable';
}

function gatedCondition(now: string): PodCondition {
  return {
    type: 'PodScheduled',
    status: 'False',
    lastProbeTime: null as unknown as string,
    lastTransitionTime: now,
    reason: 'SchedulingGated',
    message: 'Scheduling is blocked due to non-empty scheduling gates',
  };
}

const APPARMOR_PREFIX = 'container.apparmor.security.beta.kubernetes.io/';

function apparmorText(profile: AppArmorProfile | undefined): string | undefined {
  switch (profile?.type) {
    case 'RuntimeDefault':
      return 'runtime/default';
    case 'Unconfined':
      return 'unconfined';
    case 'Localhost':
      return profile.localhostProfile && `localhost/${profile.localhostProfile}`;
    default:
      return undefined;
  }
}

function apparmorProfile(text: string): AppArmorProfile | undefined {
  if (text === 'runtime/default') return { type: 'RuntimeDefault' };
  if (text === 'unconfined') return { type: 'Unconfined' };
  if (!text.startsWith('localhost/')) return undefined;
  return { type: 'Localhost', localhostProfile: text.slice('localhost/'.length) };
}

/** AppArmor profiles were annotations once; both forms are kept in step. */
function syncApparmor(pod: Pod): void {
  for (const c of [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])]) {
    const key = APPARMOR_PREFIX + c.name;
    const given = pod.metadata.annotations?.[key];
    const own = c.securityContext?.appArmorProfile;
    if (given !== undefined && !own) {
      const profile = apparmorProfile(given);
      if (profile) c.securityContext = { ...c.securityContext, appArmorProfile: profile };
      continue;
    }
    const text = apparmorText(own ?? pod.spec?.securityContext?.appArmorProfile);
    if (text !== undefined && given === undefined) {
      pod.metadata.annotations = { ...pod.metadata.annotations, [key]: text };
    }
  }
}

/** Keys of affinity terms take their values from the pod's own labels, once. */
function selectByOwnLabels(pod: Pod): void {
  const { podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  for (const affinity of [podAffinity, podAntiAffinity]) {
    const terms = [
      ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
      ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
        (p) => p.podAffinityTerm,
      ),
    ];
    for (const term of terms) {
      const selector = term.labelSelector;
      if (!selector) continue;
      for (const [keys, operator] of [
        [term.matchLabelKeys, 'In'],
        [term.mismatchLabelKeys, 'NotIn'],
      ] as const) {
        for (const key of keys ?? []) {
          const value = pod.metadata.labels?.[key];
          if (value === undefined) continue;
          selector.matchExpressions = [
            ...(selector.matchExpressions ?? []),
            { key, operator, values: [value] },
          ];
        }
      }
    }
  }
}

/** A new pod is Pending, whatever the client says. */
export function preparePodForCreate(pod: Pod): void {
  selectByOwnLabels(pod);
  syncApparmor(pod);
  pod.status = { phase: 'Pending', qosClass: podQosClass(pod) };
  if ((pod.spec?.schedulingGates ?? []).length > 0) {
    pod.status.conditions = [gatedCondition(pod.metadata.creationTimestamp ?? '')];
  }
}

/** The `pods/status` endpoint changes nothing but the status (and never who owns the pod). */
export function preparePodForStatusUpdate(pod: Pod, old: Pod): void {
  pod.spec = old.spec;
  pod.metadata.ownerReferences = old.metadata.ownerReferences;
  pod.metadata.deletionTimestamp = old.metadata.deletionTimestamp;
  if (pod.status && old.status?.qosClass) pod.status.qosClass ||= old.status.qosClass;
}

function checkBinding(binding: Binding): void {
  const { kind, name } = binding.target ?? {};
  if (kind && kind !== 'Node') {
    const supported = 'supported values: "Node", "<empty>"';
    throw unclassified(`target.kind: Unsupported value: "${kind}": ${supported}`);
  }
  if (!name) throw unclassified('target.name: Required value');
}

function setScheduled(pod: Pod, now: string): void {
  pod.status ??= {};
  const rest = (pod.status.conditions ?? []).filter((c) => c.type !== 'PodScheduled');
  const old = pod.status.conditions?.find((c) => c.type === 'PodScheduled');
  if (old?.status === 'True') return;
  rest.push({
    type: 'PodScheduled',
    status: 'True',
    lastProbeTime: null as unknown as string,
    lastTransitionTime: now,
  });
  pod.status.conditions = rest;
}

/**
 * Assigns the pod to the node a Binding names, in place. `now` is an RFC 3339 time. Throws ApiError when the pod has
 * a node already, is gated or is being deleted, or when the Binding is malformed.
 */
export function bindPod(pod: Pod, binding: Binding, now: string): void {
  checkBinding(binding);
  const name = pod.metadata.name ?? '';
  if (binding.metadata.name !== undefined && binding.metadata.name !== name) {
    throw badRequest('name in URL does not match name in Binding object');
  }
  const refuse = (why: string) => conflict({ group: '', resource: 'pods/binding' }, name, why);
  if (binding.metadata.uid && binding.metadata.uid !== pod.metadata.uid) {
    throw refuse(
      `Precondition failed: UID in precondition: ${binding.metadata.uid}, UID in object meta: ${pod.metadata.uid}`,
    );
  }
  if (pod.metadata.deletionTimestamp)
    throw refuse(`pod ${name} is being deleted, cannot be assigned to a host`);
  if (pod.spec?.nodeName)
    throw refuse(`pod ${name} is already assigned to node "${pod.spec.nodeName}"`);
  if ((pod.spec?.schedulingGates ?? []).length > 0) {
    throw refuse(`pod ${name} has non-empty .spec.schedulingGates`);
  }
  if (!pod.spec) throw unclassified('pod has no spec');
  pod.spec.nodeName = binding.target.name;
  if (binding.metadata.annotations) {
    pod.metadata.annotations = { ...pod.metadata.annotations, ...binding.metadata.annotations };
  }
  setScheduled(pod, now);
}
