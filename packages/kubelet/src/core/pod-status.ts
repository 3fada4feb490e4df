/** The status of a pod as the API shows it: phase, conditions, containers. Pure. */
import type { Container, ContainerStatus, Pod, PodCondition, PodStatus } from '@kubets/api';
import type { RuntimeContainer, RuntimePod } from '../ports.ts';
import { containerStatus, lostState, type WaitingReason } from './container-status.ts';
import {
  ephemeralContainers,
  initContainers,
  isSidecar,
  mainContainers,
  restartPolicyOf,
  specOf,
} from './pod.ts';
import { qosClassOf } from './resources.ts';
import { isoSeconds } from './time.ts';

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

/** Conditions this node is the author of; others are kept as they are. */
export const OWN_CONDITIONS: ReadonlySet<string> = new Set([
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
]);

export interface PodStatusInput {
  readonly pod: Pod;
  readonly runtime: RuntimePod;
  readonly runtimeName: string;
  readonly hostIps: readonly string[];
  readonly nowMs: number;
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  readonly started: (containerId: string) => boolean;
  readonly passesReadiness: (containerId: string) => boolean;
  /** The pod is over: containers that never ran count as failed. */
  readonly final: boolean;
}

interface Counts {
  pendingInits: number;
  failedInits: number;
  running: number;
  waiting: number;
  stopped: number;
  succeeded: number;
}

function countInit(status: ContainerStatus | undefined, sidecar: boolean, counts: Counts): void {
  if (sidecar) {
    if (status?.started !== true && status?.lastState?.terminated === undefined) {
      counts.pendingInits += 1;
    }
    return;
  }
  const terminated = status?.state?.terminated;
  if (terminated !== undefined) {
    if (terminated.exitCode !== 0) counts.failedInits += 1;
  } else if ((status?.lastState?.terminated?.exitCode ?? 0) !== 0 && status?.state?.waiting) {
    counts.failedInits += 1;
  } else {
    counts.pendingInits += 1;
  }
}

function countMain(status: ContainerStatus, counts: Counts): void {
  const { state, lastState } = status;
  if (state?.running !== undefined) {
    counts.running += 1;
  } else if (state?.terminated !== undefined) {
    counts.stopped += 1;
    if (state.terminated.exitCode === 0) counts.succeeded += 1;
  } else if (lastState?.terminated !== undefined) {
    counts.stopped += 1;
  } else {
    counts.waiting += 1;
  }
}

/** The pod's phase, from its containers' statuses. */
export function phaseOf(
  pod: Pod,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): Phase {
  const counts: Counts = {
    pendingInits: 0,
    failedInits: 0,
    running: 0,
    waiting: 0,
    stopped: 0,
    succeeded: 0,
  };
  const policy = restartPolicyOf(pod);
  const mainsBegan = mains.some((one) => one.state?.running ?? one.state?.terminated);
  for (const container of initContainers(pod)) {
    const status = inits.find((one) => one.name === container.name);
    if (mainsBegan && isSidecar(container)) continue;
    countInit(status, isSidecar(container), counts);
  }
  for (const status of mains) countMain(status, counts);
  if (counts.failedInits > 0 && policy === 'Never') return 'Failed';
  if (counts.pendingInits + counts.failedInits > 0 && !mainsBegan) return 'Pending';
  if (counts.waiting > 0) return 'Pending';
  if (counts.running > 0) return 'Running';
  if (counts.stopped === 0) return 'Pending';
  if (policy === 'Always') return 'Running';
  if (counts.stopped === counts.succeeded) return 'Succeeded';
  return policy === 'Never' ? 'Failed' : 'Running';
}

interface ConditionDraft {
  readonly type: string;
  readonly status: boolean;
  readonly reason?: string;
  readonly message?: string;
}

const quoteList = (names: readonly string[]): string => `[${names.join(' ')}]`;

function initializedCondition(
  pod: Pod,
  inits: readonly ContainerStatus[],
  phase: Phase,
  mainsBegan: boolean,
): ConditionDraft {
  const type = 'Initialized';
  if (phase === 'Succeeded') return { type, status: true, reason: 'PodCompleted' };
  const incomplete = initContainers(pod).filter((container) => {
    if (mainsBegan) return false;
    const status = inits.find((one) => one.name === container.name);
    return isSidecar(container) ? status?.started !== true : status?.ready !== true;
  });
  if (incomplete.length === 0) return { type, status: true };
  const names = quoteList(incomplete.map((one) => one.name));
  const message = `containers with incomplete status: ${names}`;
  return { type, status: false, reason: 'ContainersNotInitialized', message };
}

function readyCondition(
  type: string,
  pod: Pod,
  statuses: readonly ContainerStatus[],
  phase: Phase,
): ConditionDraft {
  if (phase === 'Succeeded') return { type, status: false, reason: 'PodCompleted' };
  if (phase === 'Failed') return { type, status: false, reason: 'PodFailed' };
  const expected = [...initContainers(pod).filter(isSidecar), ...mainContainers(pod)];
  const unready = expected.filter(
    (container) => statuses.find((one) => one.name === container.name)?.ready !== true,
  );
  if (unready.length === 0) return { type, status: true };
  const message = `containers with unready status: ${quoteList(unready.map((one) => one.name))}`;
  return { type, status: false, reason: 'ContainersNotReady', message };
}

/** Extra conditions the pod asks to be true before it counts as ready. */
function gatesHold(pod: Pod): ConditionDraft | undefined {
  const faults = (specOf(pod).readinessGates ?? []).flatMap(({ conditionType }) => {
    const found = pod.status?.conditions?.find((one) => one.type === conditionType);
    if (found?.status === 'True') return [];
    return found === undefined
      ? [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`]
      : [`the status of pod readiness gate "${conditionType}" is not "True", but ${found.status}`];
  });
  if (faults.length === 0) return undefined;
  const message = faults.join(', ');
  return { type: 'Ready', status: false, reason: 'ReadinessGatesNotReady', message };
}

function withTimes(draft: ConditionDraft, pod: Pod, nowMs: number): PodCondition {
  const status = draft.status ? 'True' : 'False';
  const old = pod.status?.conditions?.find((one) => one.type === draft.type);
  const same = old?.status === status && old.lastTransitionTime !== undefined;
  return {
    type: draft.type,
    status,
    lastTransitionTime: same ? old.lastTransitionTime : isoSeconds(nowMs),
    ...(draft.reason === undefined ? {} : { reason: draft.reason }),
    ...(draft.message === undefined ? {} : { message: draft.message }),
  };
}

function runsOf(runtime: RuntimePod, name: string): RuntimeContainer[] {
  return runtime.containers.filter((one) => one.name === name);
}

type Which = 'init' | 'main' | 'ephemeral';

function containersOf(pod: Pod, which: Which): [readonly Container[], readonly ContainerStatus[]] {
  const { initContainerStatuses, containerStatuses, ephemeralContainerStatuses } = pod.status ?? {};
  if (which === 'init') return [initContainers(pod), initContainerStatuses ?? []];
  if (which === 'main') return [mainContainers(pod), containerStatuses ?? []];
  return [ephemeralContainers(pod), ephemeralContainerStatuses ?? []];
}

function statusesOf(input: PodStatusInput, which: Which): ContainerStatus[] {
  const { pod, runtime } = input;
  const [containers, old] = containersOf(pod, which);
  const initial =
    which !== 'ephemeral' && initContainers(pod).length > 0
      ? 'PodInitializing'
      : 'ContainerCreating';
  return containers.map((container) => {
    const runs = runsOf(runtime, container.name);
    const id = runs[0]?.id ?? '';
    return containerStatus({
      container,
      kind: which === 'init' && isSidecar(container) ? 'sidecar' : which,
      runs,
      old: old.find((one) => one.name === container.name),
      waiting: input.waiting.get(container.name),
      initial,
      runtimeName: input.runtimeName,
      started: input.started(id),
      passesReadiness: input.passesReadiness(id),
    });
  });
}

/** A pod that is over has no waiting containers: what is not there and did not end is lost. */
function finalise(statuses: readonly ContainerStatus[]): ContainerStatus[] {
  return statuses.map((status) => {
    if (status.state?.waiting === undefined) return status;
    const ended = status.lastState?.terminated;
    const state = ended ? { terminated: ended } : lostState();
    return { ...status, state, ready: false, started: false };
  });
}

function finalPhase(phase: Phase, mains: readonly ContainerStatus[]): Phase {
  if (phase === 'Succeeded' || phase === 'Failed') return phase;
  const allWell = mains.every((one) => one.state?.terminated?.exitCode === 0);
  return allWell && mains.length > 0 ? 'Succeeded' : 'Failed';
}

function conditionsOf(
  input: PodStatusInput,
  phase: Phase,
  inits: readonly ContainerStatus[],
  mains: readonly ContainerStatus[],
): PodCondition[] {
  const { pod, runtime, nowMs } = input;
  const began = mains.some((one) => one.state?.running ?? one.state?.terminated);
  const ready = readyCondition('Ready', pod, [...inits, ...mains], phase);
  const drafts: ConditionDraft[] = [
    {
      type: 'PodReadyToStartContainers',
      status: !input.final && (runtime.sandboxes[0]?.ready ?? false),
    },
    initializedCondition(pod, inits, phase, began),
    ready.status ? (gatesHold(pod) ?? ready) : ready,
    readyCondition('ContainersReady', pod, [...inits, ...mains], phase),
    { type: 'PodScheduled', status: true },
  ];
  const foreign = (pod.status?.conditions ?? []).filter((one) => !OWN_CONDITIONS.has(one.type));
  return [...drafts.map((draft) => withTimes(draft, pod, nowMs)), ...foreign];
}

function addressesOf(input: PodStatusInput): Partial<PodStatus> {
  const { pod, runtime, hostIps } = input;
  const sandboxIps = runtime.sandboxes[0]?.ips ?? [];
  const began = runtime.sandboxes.length > 0;
  const fromHost = specOf(pod).hostNetwork === true && began ? hostIps : [];
  const kept = pod.status?.podIPs?.map((one) => one.ip) ?? [];
  const podIps = sandboxIps.length > 0 ? sandboxIps : fromHost.length > 0 ? fromHost : kept;
  const [podIP] = podIps;
  return {
    hostIP: hostIps[0],
    hostIPs: hostIps.map((ip) => ({ ip })),
    ...(podIP === undefined ? {} : { podIP, podIPs: podIps.map((ip) => ({ ip })) }),
  };
}

/** Computes the whole status; conditions other parties set are kept. */
export function podStatus(input: PodStatusInput): PodStatus {
  const { pod, final } = input;
  const rawInits = statusesOf(input, 'init');
  const rawMains = statusesOf(input, 'main');
  const rawEphemerals = statusesOf(input, 'ephemeral');
  const ephemerals = final ? finalise(rawEphemerals) : rawEphemerals;
  const inits = final ? finalise(rawInits) : rawInits;
  const mains = final ? finalise(rawMains) : rawMains;
  const live = phaseOf(pod, inits, mains);
  const old = pod.status?.phase;
  const over = old === 'Succeeded' || old === 'Failed';
  const phase: Phase = over ? old : final ? finalPhase(live, mains) : live;
  return {
    phase,
    ...(pod.status?.reason === undefined ? {} : { reason: pod.status.reason }),
    ...(pod.status?.message === undefined ? {} : { message: pod.status.message }),
    conditions: conditionsOf(input, phase, inits, mains),
    ...addressesOf(input),
    startTime: pod.status?.startTime ?? isoSeconds(input.nowMs),
    ...(inits.length === 0 ? {} : { initContainerStatuses: inits }),
    containerStatuses: mains,
    ...(ephemerals.length === 0 ? {} : { ephemeralContainerStatuses: ephemerals }),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
  };
}
