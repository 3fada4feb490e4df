/** Persistent volumes and the claims on them. */

import { semanticEqual } from '../equal.ts';
import { forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  PersistentVolumeClaimTemplate,
  PersistentVolumeSpec,
  TypedObjectReference,
} from '../generated/types.ts';
import { lookup } from '../own.ts';
import { parseQuantity } from '../quantity.ts';
import {
  addMessages,
  type Errors,
  IMMUTABLE,
  requireText,
  validateLabels,
  validateSelector,
} from './common.ts';
import { goResources } from './go-dump.ts';
import { validateAnnotations } from './metadata.ts';
import { dns1123Label, dns1123Subdomain, qualifiedName } from './names.ts';
import { validateNodeSelector } from './pod-scheduling.ts';
import { validateAmount } from './resources.ts';
import { PERSISTENT_SOURCES, validatePersistentSource } from './volume-sources.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];
const VOLUME_MODES = ['Block', 'Filesystem'];

function validateAccessModes(errors: Errors, path: string, modes: string[] | undefined): void {
  for (const mode of modes ?? []) {
    if (!ACCESS_MODES.includes(mode)) errors.push(notSupported(path, mode, ACCESS_MODES));
  }
  const known = (modes ?? []).filter((m) => ACCESS_MODES.includes(m));
  const exclusive = known.includes('ReadWriteOncePod');
  if (exclusive && known.some((m) => m !== 'ReadWriteOncePod')) {
    const why = 'may not use ReadWriteOncePod with other access modes';
    errors.push(forbidden(path, why));
  }
}

function positive(errors: Errors, path: string, amount: string): boolean {
  const q = parseQuantity(amount);
  if (q.nanos > 0n) return true;
  errors.push(invalid(path, q.toString(), 'must be greater than zero'));
  return false;
}

function validateCapacity(errors: Errors, path: string, spec: PersistentVolumeSpec): void {
  const capacity = Object.entries(spec.capacity ?? {});
  if (capacity.length === 0) errors.push(required(path));
  if (capacity.length !== 1 || spec.capacity?.storage === undefined) {
    errors.push(notSupported(path, goResources(spec.capacity), ['storage']));
  }
  for (const [name, amount] of capacity) {
    const q = parseQuantity(amount);
    if (q.nanos < 0n) {
      const whole = Number(q.nanos / 1_000_000_000n);
      errors.push(invalid(`${path}[${name}]`, whole, 'must be a valid resource quantity'));
    }
    positive(errors, `${path}[${name}]`, amount);
  }
}

function validateClassName(errors: Errors, path: string, name: string | undefined): void {
  if (name) addMessages(errors, path, name, dns1123Subdomain(name));
}

function validateMode(errors: Errors, path: string, mode: string | undefined): void {
  if (mode !== undefined && !VOLUME_MODES.includes(mode)) {
    errors.push(notSupported(path, mode, VOLUME_MODES));
  }
}

/** `a/../b/` is `b`; the root is `/` however it is written. */
function isRoot(path: string | undefined): boolean {
  const left: string[] = [];
  for (const step of (path ?? '').split('/')) {
    if (step === '..') left.pop();
    else if (step !== '' && step !== '.') left.push(step);
  }
  return path?.startsWith('/') === true && left.length === 0;
}

const INLINE = 'in the context of inline volumes';

/** Of a volume's spec that stands inside a VolumeAttachment, what comes first. */
function validateInlineStart(errors: Errors, path: string, spec: PersistentVolumeSpec): void {
  const why = `may not be specified ${INLINE}`;
  if (spec.claimRef !== undefined) errors.push(forbidden(`${path}.claimRef`, why));
  if (Object.keys(spec.capacity ?? {}).length > 0) {
    errors.push(forbidden(`${path}.capacity`, why));
  }
  if (!spec.csi) errors.push(required(`${path}.csi`, `has to be specified ${INLINE}`));
}

function validatePolicy(errors: Errors, path: string, policy: string, isInline: boolean): void {
  if (policy === '') return;
  if (!isInline && !RECLAIM_POLICIES.includes(policy)) {
    errors.push(notSupported(path, policy, RECLAIM_POLICIES));
  } else if (isInline && policy !== 'Retain') {
    errors.push(forbidden(path, `may only be Retain ${INLINE}`));
  }
}

function validateVolumeAffinity(
  errors: Errors,
  path: string,
  affinity: VolumeAffinity,
  isInline: boolean,
): void {
  if (!affinity) return;
  if (isInline) errors.push(forbidden(path, `may not be specified ${INLINE}`));
  else if (affinity.required) validateNodeSelector(errors, `${path}.required`, affinity.required);
  else errors.push(required(`${path}.required`, 'must specify required node constraints'));
}

/** The spec of a persistent volume at `path`, `name` being the volume's; or one inside a VolumeAttachment. */
export function validateVolumeSpec(
  errors: Errors,
  path: string,
  spec: PersistentVolumeSpec,
  o: { name?: string | undefined; isInline: boolean },
): void {
  if (o.isInline) validateInlineStart(errors, path, spec);
  if ((spec.accessModes ?? []).length === 0) errors.push(required(`${path}.accessModes`));
  validateAccessModes(errors, `${path}.accessModes`, spec.accessModes);
  if (!o.isInline) validateCapacity(errors, `${path}.capacity`, spec);
  const policy = spec.persistentVolumeReclaimPolicy ?? '';
  validatePolicy(errors, `${path}.persistentVolumeReclaimPolicy`, policy, o.isInline);
  validateVolumeAffinity(errors, `${path}.nodeAffinity`, spec.nodeAffinity, o.isInline);
  validatePersistentSource(errors, path, spec, o.name);
  if (spec.hostPath && isRoot(spec.hostPath.path) && policy === 'Recycle') {
    const why = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbidden(`${path}.persistentVolumeReclaimPolicy`, why));
  }
  if (!o.isInline) {
    validateClassName(errors, `${path}.storageClassName`, spec.storageClassName);
    validateMode(errors, `${path}.volumeMode`, spec.volumeMode);
    return;
  }
  if (spec.storageClassName) {
    errors.push(forbidden(`${path}.storageClassName`, `may not be specified ${INLINE}`));
  }
  if (spec.volumeMode !== undefined && spec.volumeMode !== 'Filesystem') {
    const why = `may not specify volumeMode other than Filesystem ${INLINE}`;
    errors.push(forbidden(`${path}.volumeMode`, why));
  }
}

const MOUNT_OPTIONS = 'volume.beta.kubernetes.io/mount-options';
/** Kinds of volumes that are mounted with options. */
const MOUNTED_WITH_OPTIONS = [
  ...['gcePersistentDisk', 'awsElasticBlockStore', 'glusterfs', 'nfs', 'rbd', 'quobyte'],
  ...['iscsi', 'cephfs', 'cinder', 'vsphereVolume', 'azureFile'],
] as const;

export function validatePersistentVolume(errors: Errors, pv: PersistentVolume): void {
  const spec = pv.spec ?? {};
  validateVolumeSpec(errors, 'spec', spec, { name: pv.metadata.name, isInline: false });
}

/** The options a volume is mounted with, in the annotation that came before the field. */
export function validateMountOptions(errors: Errors, pv: PersistentVolume): void {
  const sources = (pv.spec ?? {}) as Record<string, unknown>;
  if (MOUNTED_WITH_OPTIONS.some((kind) => sources[kind] !== undefined)) return;
  if (pv.metadata.annotations?.[MOUNT_OPTIONS] === undefined) return;
  const why = 'may not specify mount options for this volume type';
  errors.push(forbidden(`metadata.annotations.${MOUNT_OPTIONS}`, why));
}

/** Labels of nodes whose old names may give way to the new ones. */
const SUCCESSORS: Readonly<Record<string, string>> = lookup({
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
  'beta.kubernetes.io/os': 'kubernetes.io/os',
  'beta.kubernetes.io/arch': 'kubernetes.io/arch',
  'beta.kubernetes.io/instance-type': 'node.kubernetes.io/instance-type',
});

type VolumeAffinity = PersistentVolumeSpec['nodeAffinity'];

/** The old affinity with the names the new one uses, where they only were brought up to date. */
function renamed(old: VolumeAffinity, now: VolumeAffinity): VolumeAffinity {
  const out = structuredClone(old);
  (out?.required?.nodeSelectorTerms ?? []).forEach((term, i) => {
    const other = now?.required?.nodeSelectorTerms?.[i];
    for (const field of ['matchExpressions', 'matchFields'] as const) {
      (term[field] ?? []).forEach((one, j) => {
        const key = other?.[field]?.[j]?.key;
        if (key !== undefined && SUCCESSORS[one.key] === key) one.key = key;
      });
    }
  });
  return out;
}

export function validatePersistentVolumeUpdate(
  errors: Errors,
  pv: PersistentVolume,
  old: PersistentVolume,
): void {
  const source = (o: PersistentVolume) =>
    Object.fromEntries(PERSISTENT_SOURCES.map((s) => [s, structuredClone(o.spec?.[s])]));
  const now = source(pv);
  const was = source(old);
  const { csi } = now as { csi?: { controllerExpandSecretRef?: unknown } };
  // A secret for expanding may come later.
  if (csi && old.spec?.csi && !old.spec.csi.controllerExpandSecretRef) {
    delete csi.controllerExpandSecretRef;
  }
  if (!semanticEqual(now, was)) {
    const why = 'spec.persistentvolumesource is immutable after creation\n';
    errors.push(forbidden('spec.persistentvolumesource', why));
  }
  if (!semanticEqual(pv.spec?.volumeMode, old.spec?.volumeMode)) {
    errors.push(invalid('volumeMode', pv.spec?.volumeMode ?? null, IMMUTABLE));
  }
  const [affinity, before] = [pv.spec?.nodeAffinity, old.spec?.nodeAffinity];
  if (before && !semanticEqual(affinity, renamed(before, affinity))) {
    const pointer = affinity?.required ? '0xc000000000' : 'nil';
    const shown = `core.VolumeNodeAffinity{Required:(*core.NodeSelector)(${pointer})}`;
    const value = affinity ? new GoText(shown) : null;
    errors.push(invalid('nodeAffinity', value, `${IMMUTABLE}${EXCEPT_RENAMING}`));
  }
}

const EXCEPT_RENAMING = ', except for updating from beta label to GA';

function validateSource(errors: Errors, path: string, ref: TypedObjectReference): void {
  requireText(errors, `${path}.name`, ref.name);
  requireText(errors, `${path}.kind`, ref.kind);
  if (ref.apiGroup) {
    addMessages(errors, `${path}.apiGroup`, ref.apiGroup, dns1123Subdomain(ref.apiGroup));
  } else if (ref.kind !== 'PersistentVolumeClaim') {
    const why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
    errors.push(invalid(path, ref.kind ?? '', why));
  }
  if (ref.namespace) {
    addMessages(errors, `${path}.namespace`, ref.namespace, dns1123Label(ref.namespace));
  }
}

function validateSources(errors: Errors, path: string, spec: PersistentVolumeClaimSpec): void {
  const { dataSource: one, dataSourceRef: other } = spec;
  if (one) validateSource(errors, `${path}.dataSource`, one);
  if (other) validateSource(errors, `${path}.dataSourceRef`, other);
  if (!one || !other) return;
  const shown = new GoText(`${path}.dataSource`);
  if (other.namespace) {
    const why = 'may not be specified when dataSourceRef.namespace is specified';
    errors.push(invalid(path, shown, why));
    return;
  }
  const same = one.apiGroup === other.apiGroup && one.kind === other.kind;
  if (same && one.name === other.name) return;
  errors.push(invalid(path, shown, 'must match dataSourceRef'));
}

/** A claim's spec at `path`, alone or in a template. */
export function validateClaimSpec(
  errors: Errors,
  path: string,
  spec: PersistentVolumeClaimSpec,
): void {
  const modes = `${path}.accessModes`;
  if ((spec.accessModes ?? []).length === 0) {
    errors.push(required(modes, 'at least 1 access mode is required'));
  }
  validateSelector(errors, `${path}.selector`, spec.selector);
  validateAccessModes(errors, modes, spec.accessModes);
  const storage = spec.resources?.requests?.storage;
  const at = `${path}.resources[storage]`;
  if (storage === undefined) errors.push(required(at));
  else if (positive(errors, at, storage)) validateAmount(errors, at, 'storage', storage);
  validateClassName(errors, `${path}.storageClassName`, spec.storageClassName);
  validateMode(errors, `${path}.volumeMode`, spec.volumeMode);
  validateSources(errors, path, spec);
}

export function validateClaim(errors: Errors, claim: PersistentVolumeClaim): void {
  validateClaimSpec(errors, 'spec', claim.spec ?? {});
}

/** What the metadata of a template must not have, in the order it is looked for. */
const NOT_IN_TEMPLATES = [
  ...['name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion', 'generation'],
  ...['creationTimestamp', 'deletionTimestamp', 'deletionGracePeriodSeconds'],
  ...['ownerReferences', 'finalizers', 'managedFields'],
] as const;
/** Names in paths that differ from the field's. */
const SHOWN_AS: Readonly<Record<string, string>> = { uid: 'uID' };

/** A claim that is made together with the pod that uses it. */
export function validateClaimTemplate(
  errors: Errors,
  path: string,
  template: PersistentVolumeClaimTemplate,
): void {
  const meta = template.metadata ?? {};
  validateAnnotations(errors, `${path}.metadata.annotations`, meta.annotations);
  validateLabels(errors, `${path}.metadata.labels`, meta.labels);
  for (const field of NOT_IN_TEMPLATES) {
    if (!meta[field]) continue;
    errors.push(forbidden(`${path}.metadata.${SHOWN_AS[field] ?? field}`, 'cannot be set'));
  }
  validateClaimSpec(errors, `${path}.spec`, template.spec ?? {});
}

const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';
const CLAIM_FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

/** The class may move from the old annotation to its field, and may come where there was none. */
function adoptsClass(claim: PersistentVolumeClaim, old: PersistentVolumeClaim): boolean {
  const now = claim.spec?.storageClassName;
  const annotated = old.metadata.annotations?.[CLASS_ANNOTATION];
  return (
    old.spec?.storageClassName === undefined &&
    now !== undefined &&
    (annotated === undefined || annotated === now)
  );
}

export function validateClaimUpdate(
  errors: Errors,
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): void {
  const now = structuredClone(claim.spec ?? {});
  const was = structuredClone(old.spec ?? {});
  const bound = claim.status?.phase === 'Bound';
  if (!was.volumeName) was.volumeName = now.volumeName;
  const adopts = adoptsClass(claim, old);
  const annotation = (o: PersistentVolumeClaim) => o.metadata.annotations?.[CLASS_ANNOTATION];
  if (annotation(claim) !== annotation(old) && !(adopts && annotation(claim) === undefined)) {
    const at = `metadata.annotations.${CLASS_ANNOTATION}`;
    errors.push(invalid(at, annotation(claim) ?? '', IMMUTABLE));
  }
  if (adopts) delete now.storageClassName;
  if (bound && now.resources?.requests) {
    const before = was.resources?.requests?.storage;
    if (before !== undefined) now.resources.requests.storage = before;
  }
  if (!semanticEqual(now, was)) errors.push(forbidden('spec', `${CLAIM_FIXED}\n`));
  const zero = parseQuantity('0');
  const amount = (text: string | undefined) => (text === undefined ? zero : parseQuantity(text));
  const size = amount(claim.spec?.resources?.requests?.storage);
  if (size.cmp(amount(old.spec?.resources?.requests?.storage)) < 0) {
    if (size.cmp(amount(old.status?.capacity?.storage)) <= 0) {
      const why = 'field can not be less than status.capacity';
      errors.push(forbidden('spec.resources.requests.storage', why));
    }
  }
  if (!semanticEqual(claim.spec?.volumeMode, old.spec?.volumeMode)) {
    errors.push(invalid('volumeMode', claim.spec?.volumeMode ?? null, IMMUTABLE));
  }
}

const RESIZE_STATES = [
  'ControllerResizeInProgress',
  'ControllerResizeInfeasible',
  'NodeResizeInProgress',
  'NodeResizeInfeasible',
  'NodeResizePending',
].sort();

/** Only storage among the cluster's own resources; anything with a prefix of someone's. */
function validateClaimResource(errors: Errors, path: string, name: string): boolean {
  const messages = qualifiedName(name);
  addMessages(errors, path, name, messages);
  if (messages.length > 0) return false;
  const native = !name.includes('/') || name.includes('kubernetes.io/');
  if (!native || name === 'storage') return true;
  errors.push(notSupported(path, name, ['storage']));
  return false;
}

export function validateClaimStatus(errors: Errors, claim: PersistentVolumeClaim): void {
  const status = claim.status ?? {};
  const basic = (path: string, text: string): boolean => {
    const q = parseQuantity(text);
    if (q.nanos >= 0n) return true;
    const whole = Number(q.nanos / 1_000_000_000n);
    errors.push(invalid(path, whole, 'must be a valid resource quantity'));
    return false;
  };
  for (const [name, text] of Object.entries(status.capacity ?? {})) {
    basic(`status.capacity[${name}]`, text);
  }
  for (const [name, state] of Object.entries(status.allocatedResourceStatuses ?? {})) {
    const at = 'status.allocatedResourceStatus';
    validateClaimResource(errors, at, name);
    if (!RESIZE_STATES.includes(state)) errors.push(notSupported(at, name, RESIZE_STATES));
  }
  for (const [name, text] of Object.entries(status.allocatedResources ?? {})) {
    const at = 'status.allocatedResources';
    if (!validateClaimResource(errors, at, name)) continue;
    if (basic(`${at}[${name}]`, text)) validateAmount(errors, `${at}[${name}]`, 'storage', text);
  }
}
