/** Questions about a pod's spec that many parts ask. Pure. */
import type { Container, KubeObject, Pod, PodSpec } from '@kubets/api';
import { DEFAULT_GRACE_SECONDS, MIN_GRACE_SECONDS } from '../limits.ts';

const EMPTY_SPEC: PodSpec = { containers: [] };

export const specOf = (pod: Pod): PodSpec => pod.spec ?? EMPTY_SPEC;
export const uidOf = (object: KubeObject): string => object.metadata.uid ?? '';
export const nameOf = (object: KubeObject): string => object.metadata.name ?? '';
export const namespaceOf = (object: KubeObject): string => object.metadata.namespace ?? '';
/** `web_default(uid)`: how messages name a pod. */
export const podText = (pod: Pod): string => `${nameOf(pod)}_${namespaceOf(pod)}(${uidOf(pod)})`;

export const mainContainers = (pod: Pod): readonly Container[] => specOf(pod).containers;
export const initContainers = (pod: Pod): readonly Container[] => specOf(pod).initContainers ?? [];
/** Containers added to a running pod for looking into it; started once, never again. */
export const ephemeralContainers = (pod: Pod): readonly Container[] =>
  specOf(pod).ephemeralContainers ?? [];
/** The containers a pod is made with. */
export const allContainers = (pod: Pod): readonly Container[] => [
  ...initContainers(pod),
  ...mainContainers(pod),
];

/** An init container that keeps running beside the others. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always';

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never';

export function restartPolicyOf(pod: Pod): RestartPolicy {
  const policy = specOf(pod).restartPolicy;
  return policy === 'OnFailure' || policy === 'Never' ? policy : 'Always';
}

/** The seconds a pod's containers get to stop: of the deletion under way, else of the spec. */
export function graceSecondsOf(pod: Pod): number {
  const asked =
    pod.metadata.deletionGracePeriodSeconds ??
    specOf(pod).terminationGracePeriodSeconds ??
    DEFAULT_GRACE_SECONDS;
  return Math.max(MIN_GRACE_SECONDS, Number(asked));
}

/** Nothing of the pod will run again. */
export function isFinished(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return phase === 'Succeeded' || phase === 'Failed';
}

/** Mirrors of a kubelet's own files are nobody's to run. */
export const isMirror = (pod: Pod): boolean =>
  pod.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined;
