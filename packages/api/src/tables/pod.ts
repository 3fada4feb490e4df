/** The row of a pod: the status in one word, out of everything a pod's status says. */
import type { Container, ContainerStatus, Pod } from '../generated/types.ts';
import { type Cell, NONE, since } from './cells.ts';

interface Progress {
  reason: string;
  restarts: number;
  ready: number;
  lastRestart: string;
  /** The init containers are not through. */
  initializing: boolean;
}

function isSidecar(c: Container | undefined): boolean {
  return c?.restartPolicy === 'Always';
}

function hasCondition(pod: Pod, type: string): boolean {
  return (pod.status?.conditions ?? []).some((c) => c.type === type && c.status === 'True');
}

function later(a: string, b: string | undefined): string {
  return b !== undefined && b > a ? b : a;
}

function exitText(status: ContainerStatus): string {
  const end = status.state?.terminated;
  if (!end) return '';
  if (end.reason) return end.reason;
  return end.signal ? `Signal:${end.signal}` : `ExitCode:${end.exitCode}`;
}

/** What one init container says; undefined when it is through. */
function initReason(status: ContainerStatus, index: number, total: number): string | undefined {
  const { terminated, waiting } = status.state ?? {};
  if (terminated?.exitCode === 0) return undefined;
  if (terminated) return `Init:${exitText(status)}`;
  if (waiting?.reason && waiting.reason !== 'PodInitializing') return `Init:${waiting.reason}`;
  return `Init:${index}/${total}`;
}

function overInit(pod: Pod, p: Progress): { restarts: number; lastRestart: string } {
  const specs = new Map((pod.spec?.initContainers ?? []).map((c) => [c.name, c]));
  const sidecars = { restarts: 0, lastRestart: '' };
  const statuses = pod.status?.initContainerStatuses ?? [];
  for (const [i, status] of statuses.entries()) {
    const finished = status.lastState?.terminated?.finishedAt;
    p.restarts += status.restartCount ?? 0;
    p.lastRestart = later(p.lastRestart, finished);
    const sidecar = isSidecar(specs.get(status.name));
    if (sidecar) {
      sidecars.restarts += status.restartCount ?? 0;
      sidecars.lastRestart = later(sidecars.lastRestart, finished);
      if (status.started && status.state?.terminated?.exitCode !== 0) {
        if (status.ready) p.ready += 1;
        continue;
      }
    }
    const reason = initReason(status, i, specs.size);
    if (reason === undefined) continue;
    p.reason = reason;
    p.initializing = true;
    break;
  }
  return sidecars;
}

function overContainers(pod: Pod, p: Progress): void {
  let running = false;
  for (const status of [...(pod.status?.containerStatuses ?? [])].reverse()) {
    p.restarts += status.restartCount ?? 0;
    p.lastRestart = later(p.lastRestart, status.lastState?.terminated?.finishedAt);
    const { waiting, terminated } = status.state ?? {};
    if (waiting?.reason) p.reason = waiting.reason;
    else if (terminated) p.reason = exitText(status);
    else if (status.ready && status.state?.running) {
      running = true;
      p.ready += 1;
    }
  }
  if (p.reason === 'Completed' && running) {
    p.reason = hasCondition(pod, 'Ready') ? 'Running' : 'NotReady';
  }
}

function startingReason(pod: Pod): string {
  const gated = (pod.status?.conditions ?? []).some(
    (c) => c.type === 'PodScheduled' && c.reason === 'SchedulingGated',
  );
  if (gated) return 'SchedulingGated';
  return pod.status?.reason || pod.status?.phase || '';
}

function progressOf(pod: Pod): Progress {
  const reason = startingReason(pod);
  const p: Progress = { reason, restarts: 0, ready: 0, lastRestart: '', initializing: false };
  const sidecars = overInit(pod, p);
  if (!p.initializing || hasCondition(pod, 'Initialized')) {
    p.restarts = sidecars.restarts;
    p.lastRestart = sidecars.lastRestart;
    overContainers(pod, p);
  }
  const phase = pod.status?.phase;
  if (pod.metadata.deletionTimestamp) {
    if (pod.status?.reason === 'NodeLost') p.reason = 'Unknown';
    else if (phase !== 'Succeeded' && phase !== 'Failed') p.reason = 'Terminating';
  }
  return p;
}

/** The word `kubectl get pods` shows as a pod's status: `Running`, `CrashLoopBackOff`, `Init:0/1`, … */
export function podStatusText(pod: Pod): string {
  return progressOf(pod).reason;
}

function gatesText(pod: Pod): string {
  const gates = pod.spec?.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  const met = gates.filter((g) => hasCondition(pod, g.conditionType));
  return `${met.length}/${gates.length}`;
}

export function podCells(pod: Pod, nowMs: number): Cell[] {
  const p = progressOf(pod);
  const total =
    (pod.spec?.containers ?? []).length + (pod.spec?.initContainers ?? []).filter(isSidecar).length;
  const ago = p.lastRestart === '' ? '' : ` (${since(p.lastRestart, nowMs)} ago)`;
  return [
    pod.metadata.name ?? '',
    `${p.ready}/${total}`,
    p.reason,
    p.restarts === 0 ? '0' : `${p.restarts}${ago}`,
    since(pod.metadata.creationTimestamp, nowMs),
    pod.status?.podIPs?.[0]?.ip || pod.status?.podIP || NONE,
    pod.spec?.nodeName || NONE,
    pod.status?.nominatedNodeName || NONE,
    gatesText(pod),
  ];
}

/** Conditions of a row, by which clients can hide pods that are through. */
export function podRowConditions(pod: Pod): Record<string, string>[] | undefined {
  const phase = pod.status?.phase;
  if (phase !== 'Succeeded' && phase !== 'Failed') return undefined;
  const message = phase === 'Succeeded' ? 'The pod has completed successfully.' : 'The pod failed.';
  return [{ type: 'Completed', status: 'True', reason: phase, message }];
}
