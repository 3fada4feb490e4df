import { type Pod, type Taint, type Toleration, tolerates } from '@kubets/api';

export const TAINT = {
  notReady: 'node.kubernetes.io/not-ready',
  unreachable: 'node.kubernetes.io/unreachable',
  unschedulable: 'node.kubernetes.io/unschedulable',
  memoryPressure: 'node.kubernetes.io/memory-pressure',
  diskPressure: 'node.kubernetes.io/disk-pressure',
  pidPressure: 'node.kubernetes.io/pid-pressure',
  networkUnavailable: 'node.kubernetes.io/network-unavailable',
} as const;

/** The pod's tolerations that cover the taint. */
export function matching(pod: Pod, taint: Taint): Toleration[] {
  return (pod.spec?.tolerations ?? []).filter((toleration) => tolerates(toleration, taint));
}

export const sameTaint = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
