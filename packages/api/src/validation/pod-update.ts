/** What an update of a pod may change. */
import { semanticEqual } from '../equal.ts';
import { duplicate, forbidden, GoText, invalid } from '../field-error.ts';
import type { Container, Pod, PodSpec, Toleration } from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { addMessages, type Errors, IMMUTABLE, requireText, validateIp } from './common.ts';
import { goLabels, goList, goNodeTerm, goNodeTerms } from './go-dump.ts';
import { dns1123Subdomain, qualifiedName } from './names.ts';
import { APP_ARMOR, MIRROR, validatePodAnnotations } from './pod-annotations.ts';
import { validateTolerations } from './pod-scheduling.ts';

const MAX_INT32 = 2 ** 31 - 1;

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
    if (c.image !== undefined && c.image.trim() !== c.image) {
      const why = 'must not have leading or trailing whitespace';
      errors.push(invalid(`${path}[${i}].image`, c.image, why));
    }
  });
  return true;
}

/** False when nothing further is looked at. */
function deadlineOk(errors: Errors, now: PodSpec, old: PodSpec): boolean {
  const path = 'spec.activeDeadlineSeconds';
  const to = now.activeDeadlineSeconds;
  const from = old.activeDeadlineSeconds;
  if (to === undefined) {
    if (from === undefined) return true;
    errors.push(invalid(path, null, 'must not update from a positive integer to nil value'));
    return true;
  }
  if (to < 0 || to > MAX_INT32) {
    errors.push(invalid(path, to, `must be between 0 and ${MAX_INT32}, inclusive`));
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
  const why = 'existing toleration can not be modified except its tolerationSeconds';
  if (!kept) errors.push(forbidden('spec.tolerations', why));
  else validateTolerations(errors, 'spec.tolerations', now.tolerations);
}

function gatesOnlyRemoved(errors: Errors, now: PodSpec, old: PodSpec): void {
  const before = new Set((old.schedulingGates ?? []).map((g) => g.name));
  (now.schedulingGates ?? []).forEach((gate, i) => {
    if (before.has(gate.name)) return;
    const why = `only deletion is allowed, but found new scheduling gate '${gate.name}'`;
    errors.push(forbidden(`spec.schedulingGates[${i}].name`, why));
  });
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
    const { nodeAffinity: _mutable, ...rest } = now.affinity ?? {};
    const before = old.affinity?.nodeAffinity;
    out.affinity = before ? { ...rest, nodeAffinity: before } : rest;
  }
  return out;
}

const REQUIRED = 'requiredDuringSchedulingIgnoredDuringExecution';

/** While it waits at a gate, where a pod may run can only be narrowed. */
function onlyNarrowed(errors: Errors, now: PodSpec, old: PodSpec): void {
  if ((old.schedulingGates ?? []).length === 0) return;
  const selector = now.nodeSelector ?? {};
  const kept = Object.entries(old.nodeSelector ?? {}).every(([k, v]) => selector[k] === v);
  if (!kept) {
    const why = 'only additions to spec.nodeSelector are allowed (no mutations or deletions)';
    errors.push(invalid('spec.nodeSelector', goLabels(selector), why));
  }
  const was = old.affinity?.nodeAffinity?.[REQUIRED];
  if (!was) return;
  const at = `spec.affinity.nodeAffinity.${REQUIRED}.nodeSelectorTerms`;
  const terms = now.affinity?.nodeAffinity?.[REQUIRED]?.nodeSelectorTerms ?? [];
  if (terms.length !== (was.nodeSelectorTerms ?? []).length) {
    const why = `no additions/deletions to non-empty NodeSelectorTerms list are allowed`;
    errors.push(invalid(at, goNodeTerms(terms), why));
    return;
  }
  const starts = (a: readonly unknown[] | undefined, b: readonly unknown[] | undefined) =>
    (b ?? []).every((e, i) => semanticEqual(a?.[i], e));
  (was.nodeSelectorTerms ?? []).forEach((term, i) => {
    const empty = (term.matchExpressions ?? []).length + (term.matchFields ?? []).length === 0;
    const narrowed =
      starts(terms[i]?.matchExpressions, term.matchExpressions) &&
      starts(terms[i]?.matchFields, term.matchFields);
    if (narrowed && !(empty && !semanticEqual(terms[i], term))) return;
    const why = 'only additions are allowed (no mutations or deletions)';
    errors.push(invalid(`${at}[${i}]`, goNodeTerm(terms[i]), why));
  });
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

/** Annotations that are part of what the pod is neither come, change nor go. */
function validateAnnotationUpdate(errors: Errors, pod: Pod, old: Pod): void {
  const now = pod.metadata.annotations ?? {};
  const was = old.metadata.annotations ?? {};
  const at = (key: string) => `metadata.annotations[${key}]`;
  for (const key of Object.keys(was)) {
    if (now[key] === was[key]) continue;
    if (key.startsWith(APP_ARMOR)) {
      errors.push(forbidden(at(key), 'may not remove or update AppArmor annotations'));
    }
    if (key === MIRROR) {
      errors.push(forbidden(at(key), 'may not remove or update mirror pod annotation'));
    }
  }
  for (const key of Object.keys(now)) {
    if (Object.hasOwn(was, key)) continue;
    if (key.startsWith(APP_ARMOR)) {
      errors.push(forbidden(at(key), 'may not add AppArmor annotations'));
    }
    if (key === MIRROR) errors.push(forbidden(at(key), 'may not add mirror pod annotation'));
  }
  validatePodAnnotations(errors, 'metadata.annotations', now, pod.spec ?? { containers: [] });
}

/**
 * Ephemeral containers only ever come; they are neither changed nor taken away. Of a pod that mirrors a file on its node
 * nothing else is said; `before` is how many errors had been found when the pod's own checks began.
 */
export function validateEphemeralUpdate(errors: Errors, pod: Pod, old: Pod, before: number): void {
  if (Object.hasOwn(old.metadata.annotations ?? {}, MIRROR)) {
    errors.length = before;
    errors.push(forbidden('[]', 'static pods do not support ephemeral containers'));
    return;
  }
  validateAnnotationUpdate(errors, pod, old);
  const path = 'spec.ephemeralContainers';
  const now = pod.spec?.ephemeralContainers ?? [];
  for (const was of old.spec?.ephemeralContainers ?? []) {
    const after = now.find((c) => c.name === was.name);
    const what = `existing ephemeral containers "${was.name}"`;
    if (!after) errors.push(forbidden(path, `${what} may not be removed\n`));
    else if (!semanticEqual(after, was)) {
      errors.push(forbidden(path, `${what} may not be changed\n`));
    }
  }
}

/** The rules of updating a pod through its main resource. */
export function validatePodUpdate(errors: Errors, pod: Pod, oldPod: Pod): void {
  const now = pod.spec ?? { containers: [] };
  const old = oldPod.spec ?? { containers: [] };
  validateAnnotationUpdate(errors, pod, oldPod);
  if (!sameContainers(errors, 'spec.containers', now.containers, old.containers)) return;
  if (!sameContainers(errors, 'spec.initContainers', now.initContainers, old.initContainers)) {
    return;
  }
  if (!deadlineOk(errors, now, old)) return;
  tolerationsOnlyAdded(errors, now, old);
  gatesOnlyRemoved(errors, now, old);
  onlyNarrowed(errors, now, old);
  const rest = munged(now, old);
  if (!semanticEqual(rest, old)) {
    const why = `pod updates may not change fields other than ${UPDATABLE}\n`;
    errors.push(forbidden('spec', why + changedFields(rest, old)));
  }
}

type Statuses = NonNullable<Pod['status']>['containerStatuses'];

/** Where nothing restarts, what has ended stays so. */
function staysEnded(
  errors: Errors,
  path: string,
  lists: { now: Statuses; old: Statuses },
  o: { policy: string; restarts?: ((name: string) => boolean) | undefined },
): void {
  if (o.policy === 'Always') return;
  (lists.old ?? []).forEach((was, i) => {
    const ended = was.state?.terminated;
    if (!ended || (ended.exitCode !== 0 && o.policy === 'OnFailure')) return;
    if (o.restarts?.(was.name)) return;
    const now = (lists.now ?? []).find((s) => s.name === was.name);
    if (!now || now.state?.terminated) return;
    const why = 'may not be transitioned to non-terminated state';
    errors.push(forbidden(`${path}[${i}].state`, why));
  });
}

const SYSTEM_CONDITIONS: ReadonlySet<string> = new Set(['PodScheduled', 'Ready', 'Initialized']);

type Addresses = readonly { readonly ip: string }[];

/** Addresses of a pod or its node: at most one of each family, each but once. */
function validateAddresses(
  errors: Errors,
  path: string,
  list: Addresses,
  steps: readonly ((errors: Errors, path: string, list: Addresses) => void)[],
): void {
  list.forEach(({ ip }, i) => {
    validateIp(errors, `${path}[${i}]`, ip);
  });
  if (list.length > 1) for (const step of steps) step(errors, path, list);
}

const addressType = (path: string): string =>
  path.endsWith('podIPs') ? 'core.PodIP' : 'core.HostIP';

const addressText = (type: string, { ip }: { ip: string }): string => `${type}{IP:${goQuote(ip)}}`;

function oneOfEachFamily(errors: Errors, path: string, list: Addresses): void {
  const families = new Set(list.map(({ ip }) => (ip.includes(':') ? 6 : 4)));
  if (families.size === 2 && list.length === 2) return;
  const type = addressType(path);
  const shown = new GoText(goList(type, list, (one) => addressText(type, one)));
  errors.push(invalid(path, shown, 'may specify no more than one IP for each IP family'));
}

function eachButOnce(errors: Errors, path: string, list: Addresses): void {
  list.forEach((entry, i) => {
    if (list.findIndex((e) => e.ip === entry.ip) === i) return;
    errors.push(duplicate(`${path}[${i}]`, new GoText(addressText(addressType(path), entry))));
  });
}

/** The rules of `pods/status`. */
export function validatePodStatus(errors: Errors, pod: Pod, old: Pod): void {
  const now = pod.status ?? {};
  const was = old.status ?? {};
  const spec = old.spec ?? { containers: [] };
  validateAnnotationUpdate(errors, pod, old);
  (now.conditions ?? []).forEach((c, i) => {
    if (SYSTEM_CONDITIONS.has(c.type)) return;
    addMessages(errors, `metadata.conditions[${i}].Type`, c.type, qualifiedName(c.type));
  });
  const nominated = now.nominatedNodeName ?? '';
  if (nominated !== '' && nominated !== was.nominatedNodeName) {
    addMessages(errors, 'status.nominatedNodeName', nominated, dns1123Subdomain(nominated));
  }
  if ((now.qosClass ?? '') !== (was.qosClass ?? '')) {
    errors.push(invalid('status.qosClass', now.qosClass ?? '', IMMUTABLE));
  }
  const policy = spec.restartPolicy ?? 'Always';
  const sidecars = new Set(
    (spec.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name),
  );
  for (const kind of ['container', 'initContainer', 'ephemeralContainer'] as const) {
    const field = `${kind}Statuses` as const;
    staysEnded(
      errors,
      `status.${field}`,
      { now: now[field], old: was[field] },
      kind === 'ephemeralContainer'
        ? { policy: 'Never' }
        : { policy, restarts: kind === 'initContainer' ? (n) => sidecars.has(n) : undefined },
    );
  }
  validateAddresses(errors, 'status.podIPs', now.podIPs ?? [], [oneOfEachFamily, eachButOnce]);
  const [first] = now.hostIPs ?? [];
  if (first && first.ip !== now.hostIP) {
    errors.push(invalid('status.hostIPs[0].ip', first.ip, 'must be equal to `hostIP`'));
  }
  validateAddresses(errors, 'status.hostIPs', now.hostIPs ?? [], [eachButOnce, oneOfEachFamily]);
}
