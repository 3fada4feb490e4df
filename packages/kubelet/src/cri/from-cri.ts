/** CRI messages → the kubelet's words. Pure. */
import {
  ANNOTATION_HASH,
  ANNOTATION_IMAGE,
  LABEL_CONTAINER,
  LABEL_POD_UID,
} from '../core/labels.ts';
import type {
  ContainerPhase,
  ContainerUsage,
  ImageInfo,
  RuntimeCondition,
  RuntimeContainer,
  RuntimeReadiness,
  RuntimeSandbox,
} from '../ports.ts';
import type {
  CriContainerItem,
  CriContainerStats,
  CriContainerStatus,
  CriImage,
  CriSandboxStatus,
  CriStatus,
} from './messages.ts';

const NS_PER_MS = 1_000_000n;

/** Nanoseconds as text → milliseconds; the zero times runtimes use (0, or year 1) become 0. */
export function nanosToMs(text: string): number {
  const nanos = BigInt(text === '' ? '0' : text);
  return nanos <= 0n ? 0 : Number(nanos / NS_PER_MS);
}

const PHASES: Readonly<Record<string, ContainerPhase>> = {
  CONTAINER_CREATED: 'created',
  CONTAINER_RUNNING: 'running',
  CONTAINER_EXITED: 'exited',
};

/** The pod a labelled object belongs to; empty when it is not ours. */
export const podUidOf = (labels: Readonly<Record<string, string>>): string =>
  labels[LABEL_POD_UID] ?? '';

export function sandboxOf(status: CriSandboxStatus): RuntimeSandbox {
  const { network } = status;
  const more = network?.additional_ips.map((one) => one.ip) ?? [];
  const first = network?.ip ?? '';
  return {
    id: status.id,
    attempt: status.metadata?.attempt ?? 0,
    ready: status.state === 'SANDBOX_READY',
    createdAtMs: nanosToMs(status.created_at),
    hostNetwork: status.linux?.namespaces?.options?.network === 'NODE',
    ips: first === '' ? [] : [first, ...more],
  };
}

export function containerOf(status: CriContainerStatus, item: CriContainerItem): RuntimeContainer {
  return {
    id: status.id,
    name: status.labels[LABEL_CONTAINER] ?? status.metadata?.name ?? '',
    sandboxId: item.pod_sandbox_id,
    attempt: status.metadata?.attempt ?? 0,
    phase: PHASES[status.state] ?? 'unknown',
    createdAtMs: nanosToMs(status.created_at),
    startedAtMs: nanosToMs(status.started_at),
    finishedAtMs: nanosToMs(status.finished_at),
    exitCode: status.exit_code,
    reason: status.reason,
    message: status.message,
    image: status.annotations[ANNOTATION_IMAGE] ?? status.image?.image ?? '',
    imageId: status.image_ref,
    logPath: status.log_path,
    specHash: status.annotations[ANNOTATION_HASH] ?? '',
  };
}

export function imageOf(image: CriImage): ImageInfo {
  const uid = image.uid === null || image.uid === undefined ? undefined : Number(image.uid.value);
  return {
    id: image.id,
    tags: image.repo_tags,
    digests: image.repo_digests,
    sizeBytes: Number(image.size),
    uid,
    username: image.username,
  };
}

export function readinessOf(answer: CriStatus): RuntimeReadiness {
  const find = (type: string): RuntimeCondition => {
    const found = answer.status?.conditions.find((one) => one.type === type);
    if (found === undefined)
      return { ok: false, reason: 'Unknown', message: `no ${type} reported` };
    return { ok: found.status, reason: found.reason, message: found.message };
  };
  return { runtime: find('RuntimeReady'), network: find('NetworkReady') };
}

export function usageOf(stats: CriContainerStats): ContainerUsage {
  const labels = stats.attributes?.labels ?? {};
  return {
    podUid: podUidOf(labels),
    podName: labels['io.kubernetes.pod.name'] ?? '',
    podNamespace: labels['io.kubernetes.pod.namespace'] ?? '',
    container: labels[LABEL_CONTAINER] ?? '',
    cpuNanoSeconds: Number(stats.cpu?.usage_core_nano_seconds?.value ?? 0),
    memoryWorkingSetBytes: Number(stats.memory?.working_set_bytes?.value ?? 0),
    atMs: nanosToMs(stats.cpu?.timestamp ?? '0'),
  };
}
