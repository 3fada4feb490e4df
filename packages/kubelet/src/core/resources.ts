/** Requests and limits → quality of service and cgroup numbers. Pure. */
import { type Container, type Pod, quantityBytes, quantityMilli } from '@kubets/api';
import type { CgroupLimits } from '../ports.ts';
import { allContainers } from './pod.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const SHARES_PER_CPU = 1_024;
const MILLI_PER_CPU = 1_000;
const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
const PERIOD_US = 100_000;
const MIN_QUOTA_US = 1_000;

const OOM_GUARANTEED = -997;
const OOM_BEST_EFFORT = 1_000;

type Amounts = Readonly<Record<string, string>> | undefined;

/** cpu in thousandths; 0 when absent. */
export const cpuMilli = (amounts: Amounts): number =>
  amounts?.cpu === undefined ? 0 : quantityMilli(amounts.cpu);
/** memory in bytes; 0 when absent. */
export const memoryBytes = (amounts: Amounts): number =>
  amounts?.memory === undefined ? 0 : quantityBytes(amounts.memory);

/** The class the pod's status shows and its memory pressure rank follows. */
export function qosClassOf(pod: Pod): QosClass {
  let any = false;
  let guaranteed = true;
  for (const { resources } of allContainers(pod)) {
    const { requests, limits } = resources ?? {};
    const cpu = [cpuMilli(requests), cpuMilli(limits)] as const;
    const memory = [memoryBytes(requests), memoryBytes(limits)] as const;
    if ([...cpu, ...memory].some((amount) => amount > 0)) any = true;
    for (const [request, limit] of [cpu, memory]) {
      // A missing request means the limit.
      if (limit === 0 || (request !== 0 && request !== limit)) guaranteed = false;
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** Relative weight of a cpu request, within the kernel's range. */
export function sharesOf(milli: number): number {
  if (milli === 0) return MIN_SHARES;
  const shares = Math.floor((milli * SHARES_PER_CPU) / MILLI_PER_CPU);
  return Math.min(MAX_SHARES, Math.max(MIN_SHARES, shares));
}

function oomScore(pod: Pod, container: Container, capacityBytes: number): number {
  const qos = qosClassOf(pod);
  if (qos === 'Guaranteed') return OOM_GUARANTEED;
  if (qos === 'BestEffort') return OOM_BEST_EFFORT;
  const request = memoryBytes(container.resources?.requests);
  const score = OOM_BEST_EFFORT - Math.floor((OOM_BEST_EFFORT * request) / capacityBytes);
  return Math.min(OOM_BEST_EFFORT - 1, Math.max(OOM_BEST_EFFORT + OOM_GUARANTEED, score));
}

/** What the container's cgroup is told. */
export function cgroupLimits(pod: Pod, container: Container, capacityBytes: number): CgroupLimits {
  const { requests, limits } = container.resources ?? {};
  const limitMilli = cpuMilli(limits);
  const requestMilli = requests?.cpu === undefined ? limitMilli : cpuMilli(requests);
  const quota = Math.floor((limitMilli * PERIOD_US) / MILLI_PER_CPU);
  return {
    cpuShares: sharesOf(requestMilli),
    cpuQuotaUs: limitMilli === 0 ? 0 : Math.max(MIN_QUOTA_US, quota),
    cpuPeriodUs: PERIOD_US,
    memoryLimitBytes: memoryBytes(limits),
    oomScoreAdj: oomScore(pod, container, capacityBytes),
  };
}
