/** What an update of a pod may change. */
import { semanticEqual } from '../equal.ts';
import { forbidden, invalid } from '../field-error.ts';
import type { Container, Pod, PodSpec, Toleration } from '../generated/types.ts';
import { type Errors, requireText, validateIp } from './common.ts';

const UPDATABLE = [
  '`spec.containers[*].image`',
  '`spec.initContainers[*].image`',
  '`spec.activeDeadlineSeconds`',
  '`spec.tolerations` (only additions to existing tolerations)',
  '`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
].join(',');

/** True when the lists can be compared further. */
function sameContainers(
  errors: Errors,
  path: string,
  now: Container[] | undefined,
  old: Container[] | undefined,
): boolean {
  if ((now ?? []).length !== (old ?? []).length) {
    errors.push(forbidden(path, 'pod updates may not add or remove containers'));
    return false;
  }
  (now ?? []).forEach((c, i) => {
    requireText(errors, `${path}[${i}].image`, c.image);
  });
  return true;
}

/** True when the deadline is acceptable. */
function deadlineOk(errors: Errors, now: PodSpec, old: PodSpec): boolean {
  const path = 'spec.activeDeadlineSeconds';
  const to = now.activeDeadlineSeconds;
  const from = old.activeDeadlineSeconds;
  if (to === undefined) {
    if (from === undefined) return true;
    errors.push(invalid(path, null, 'must not update from a positive integer to nil value'));
    return false;
  }
  if (from !== undefined && from < to) {
    errors.push(invalid(path, to, 'must be less than or equal to previous value'));
    return false;
  }
  return true;
}

function withoutSeconds(t: Toleration): Toleration {
  return { ...t, tolerationSeconds: undefined };
}

function tolerationsOnlyAdded(errors: Errors, now: PodSpec, old: PodSpec): void {
  const kept = (old.tolerations ?? []).every((t) =>
    (now.tolerations ?? []).some((n) => semanticEqual(withoutSeconds(n), withoutSeconds(t))),
  );
  if (kept) return;
  const why = 'existing toleration can not be modified except its tolerationSeconds';
  errors.push(forbidden('spec.tolerations', why));
}

function gatesOnlyRemoved(errors: Errors, now: PodSpec, old: PodSpec): void {
  const before = new Set((old.schedulingGates ?? []).map((g) => g.name));
  for (const gate of now.schedulingGates ?? []) {
    if (before.has(gate.name)) continue;
    const why = `only deletion is allowed, but found new scheduling gate '${gate.name}'`;
    errors.push(forbidden('spec.schedulingGates', why));
  }
}

/** The new spec with everything that may change set back, to see whether anything else did. */
function munged(now: PodSpec, old: PodSpec): PodSpec {
  const images = (list: Container[] | undefined, was: Container[] | undefined) =>
    (list ?? []).map((c, i) => ({ ...c, image: was?.[i]?.image }));
  const out: PodSpec = {
    ...now,
    containers: images(now.containers, old.containers),
    initContainers: images(now.initContainers, old.initContainers),
    activeDeadlineSeconds: old.activeDeadlineSeconds,
    tolerations: old.tolerations,
    schedulingGates: old.schedulingGates,
  };
  if ((old.terminationGracePeriodSeconds ?? 0) < 0 && now.terminationGracePeriodSeconds === 1) {
    out.terminationGracePeriodSeconds = old.terminationGracePeriodSeconds;
  }
  if ((old.schedulingGates ?? []).length > 0) {
    out.nodeSelector = old.nodeSelector;
    out.affinity = old.affinity;
  }
  return out;
}

function changedFields(now: PodSpec, old: PodSpec): string {
  const a = now as unknown as Record<string, unknown>;
  const b = old as unknown as Record<string, unknown>;
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
  const changed = names.filter((n) => !semanticEqual(a[n], b[n]));
  return changed
    .map((n) => `  ${n}: ${JSON.stringify(b[n])} -> ${JSON.stringify(a[n])}`)
    .join('\n');
}

/** The rules of updating a pod through its main resource. */
export function validatePodUpdate(errors: Errors, pod: Pod, oldPod: Pod): void {
  const now = pod.spec ?? { containers: [] };
  const old = oldPod.spec ?? { containers: [] };
  if (!sameContainers(errors, 'spec.containers', now.containers, old.containers)) return;
  if (!sameContainers(errors, 'spec.initContainers', now.initContainers, old.initContainers)) {
    return;
  }
  if (!deadlineOk(errors, now, old)) return;
  tolerationsOnlyAdded(errors, now, old);
  gatesOnlyRemoved(errors, now, old);
  const rest = munged(now, old);
  if (errors.length === 0 && !semanticEqual(rest, old)) {
    const why = `pod updates may not change fields other than ${UPDATABLE}\n`;
    errors.push(forbidden('spec', why + changedFields(rest, old)));
  }
}

/** The rules of `pods/status`. */
export function validatePodStatus(errors: Errors, pod: Pod): void {
  (pod.status?.podIPs ?? []).forEach((ip, i) => {
    validateIp(errors, `status.podIPs[${i}]`, ip.ip);
  });
}
