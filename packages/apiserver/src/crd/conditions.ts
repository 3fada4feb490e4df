/** What the status of a definition says about its names and its life; reasons and messages are the stock server's. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
  CustomResourceDefinitionNames,
  KubeObject,
} from '@kubets/api';

export const CLEANUP_FINALIZER = 'customresourcecleanup.apiextensions.k8s.io';

type Condition = CustomResourceDefinitionCondition;

export function conditionOf(crd: CustomResourceDefinition, type: string): Condition | undefined {
  return (crd.status?.conditions ?? []).find((condition) => condition.type === type);
}

export const isEstablished = (crd: CustomResourceDefinition): boolean =>
  conditionOf(crd, 'Established')?.status === 'True';

export const isTerminating = (crd: CustomResourceDefinition): boolean =>
  crd.metadata.deletionTimestamp !== undefined;

/** Sets a condition in place; its time changes only when its status does. @returns whether anything changed */
export function setCondition(
  crd: CustomResourceDefinition,
  wanted: Omit<Condition, 'lastTransitionTime'>,
  now: string,
): boolean {
  crd.status ??= {};
  const conditions = crd.status.conditions ?? [];
  const at = conditions.findIndex((condition) => condition.type === wanted.type);
  const old = conditions[at];
  const { status, reason, message } = wanted;
  if (old?.status === status && old.reason === reason && old.message === message) return false;
  const time = old?.status === status ? old.lastTransitionTime : now;
  const { type } = wanted;
  const next = { type, status, lastTransitionTime: time ?? now, reason, message };
  crd.status.conditions =
    at < 0 ? [...conditions, next] : conditions.map((each, i) => (i === at ? next : each));
  return true;
}

/** What a first delete of a definition does to it: its instances have to go before it may. */
export function markDefinition(object: KubeObject, now: string): void {
  const crd = object as CustomResourceDefinition;
  crd.metadata.deletionTimestamp = now;
  const finalizers = crd.metadata.finalizers ?? [];
  if (!finalizers.includes(CLEANUP_FINALIZER)) finalizers.push(CLEANUP_FINALIZER);
  crd.metadata.finalizers = finalizers;
  setCondition(
    crd,
    {
      type: 'Terminating',
      status: 'True',
      reason: 'InstanceDeletionPending',
      message:
        'CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon',
    },
    now,
  );
}

interface NameVerdict {
  readonly accepted: CustomResourceDefinitionNames;
  readonly reason: string;
  readonly message: string;
}

/** Which of the names a definition asks for are free in its group. `others` are the other definitions of the group. */
export function judgeNames(
  crd: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): NameVerdict {
  const taken = others.map((other) => other.status?.acceptedNames).filter((names) => names?.plural);
  const resources = new Set(
    taken.flatMap((n) => [n?.plural, n?.singular, ...(n?.shortNames ?? [])]),
  );
  const kinds = new Set(taken.flatMap((n) => [n?.kind, n?.listKind]));
  const wanted = crd.spec.names;
  const accepted: CustomResourceDefinitionNames = {
    ...(crd.status?.acceptedNames ?? { plural: '', kind: '' }),
  };
  const verdict = { reason: 'NoConflicts', message: 'no conflicts found' };
  const clash = (reason: string, names: readonly string[]): void => {
    verdict.reason = reason;
    const texts = names.map((name) => `"${name}" is already in use`);
    verdict.message = texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
  };
  if (resources.has(wanted.plural)) clash('PluralConflict', [wanted.plural]);
  else accepted.plural = wanted.plural;
  if (wanted.singular && resources.has(wanted.singular)) {
    clash('SingularConflict', [wanted.singular]);
  } else accepted.singular = wanted.singular;
  const usedShort = (wanted.shortNames ?? []).filter((name) => resources.has(name));
  if (usedShort.length > 0) clash('ShortNamesConflict', usedShort);
  else accepted.shortNames = wanted.shortNames;
  if (kinds.has(wanted.kind)) clash('KindConflict', [wanted.kind]);
  else accepted.kind = wanted.kind;
  if (wanted.listKind && kinds.has(wanted.listKind)) clash('ListKindConflict', [wanted.listKind]);
  else accepted.listKind = wanted.listKind;
  accepted.categories = wanted.categories;
  return { accepted, ...verdict };
}

const APPROVAL = 'api-approved.kubernetes.io';

/** What a definition in a protected group says of its approval, and what follows. */
export interface Approval {
  readonly state: 'missing' | 'bypassed' | 'approved' | 'invalid';
  /** The annotation. */
  readonly value: string;
  readonly reason: string;
}

const SEE = 'see https://github.com/kubernetes/enhancements/pull/1111';
const MUST = `protected groups must have approval annotation "${APPROVAL}"`;

export function approvalOf(crd: CustomResourceDefinition): Approval {
  const value = crd.metadata.annotations?.[APPROVAL] ?? '';
  if (value === '') return { state: 'missing', value, reason: `${MUST}, ${SEE}` };
  if (value.startsWith('unapproved')) {
    return { state: 'bypassed', value, reason: `not approved: ${JSON.stringify(value)}` };
  }
  const link = URL.canParse(value) ? new URL(value) : undefined;
  if (link?.host && link.protocol)
    return { state: 'approved', value, reason: `approved in ${value}` };
  const how = 'with either a URL or a reason starting with "unapproved"';
  return { state: 'invalid', value, reason: `${MUST} ${how}, ${SEE}` };
}

const REASONS: Readonly<Record<Approval['state'], string>> = {
  missing: 'MissingAnnotation',
  bypassed: 'UnapprovedAnnotation',
  approved: 'ApprovedAnnotation',
  invalid: 'InvalidAnnotation',
};

function approvalCondition(crd: CustomResourceDefinition): Omit<Condition, 'lastTransitionTime'> {
  const { state, reason: message } = approvalOf(crd);
  const status = state === 'approved' ? 'True' : 'False';
  const type = 'KubernetesAPIApprovalPolicyConformant';
  return { type, status, reason: REASONS[state], message };
}

export const isProtectedGroup = (group: string): boolean =>
  /(^|\.)(k8s\.io|kubernetes\.io)$/.test(group);

/** The definition with the status it should have, or undefined when it has that already. */
export function settled(
  crd: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
  now: string,
): CustomResourceDefinition | undefined {
  const next = structuredClone(crd);
  const { accepted, reason, message } = judgeNames(next, others);
  const isFree = reason === 'NoConflicts';
  const status = isFree ? 'True' : 'False';
  next.status = { ...next.status, acceptedNames: accepted };
  let changed = JSON.stringify(accepted) !== JSON.stringify(crd.status?.acceptedNames);
  changed = setCondition(next, { type: 'NamesAccepted', status, reason, message }, now) || changed;
  if (!isEstablished(next)) {
    const wanted = isFree
      ? { reason: 'InitialNamesAccepted', message: 'the initial names have been accepted' }
      : { reason: 'NotAccepted', message: 'not all names are accepted' };
    changed = setCondition(next, { type: 'Established', status, ...wanted }, now) || changed;
  }
  if (isProtectedGroup(crd.spec.group)) {
    changed = setCondition(next, approvalCondition(crd), now) || changed;
  }
  return changed ? next : undefined;
}
