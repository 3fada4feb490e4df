/** Persistent volumes, claims, storage classes and the CSI kinds. */
import { semanticEqual } from '../equal.ts';
import { duplicate, forbidden, GoText, invalid, notSupported, required } from '../field-error.ts';
import type {
  CSIDriver,
  CSINode,
  PersistentVolume,
  PersistentVolumeClaim,
  StorageClass,
  VolumeAttachment,
} from '../generated/types.ts';
import { parseQuantity } from '../quantity.ts';
import { addMessages, type Errors, IMMUTABLE, requireText, validateSelector } from './common.ts';
import { goStrings } from './go-dump.ts';
import { dns1123Subdomain, qualifiedName } from './names.ts';
import { validateNodeSelector } from './pod-scheduling.ts';

const ACCESS_MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const RECLAIM_POLICIES = ['Delete', 'Recycle', 'Retain'];
const VOLUME_MODES = ['Block', 'Filesystem'];

function validateAccessModes(errors: Errors, modes: string[] | undefined, ifNone: string): void {
  const path = 'spec.accessModes';
  if ((modes ?? []).length === 0) errors.push(required(path, ifNone));
  for (const mode of modes ?? []) {
    if (!ACCESS_MODES.includes(mode)) errors.push(notSupported(path, mode, ACCESS_MODES));
  }
  if (modes?.includes('ReadWriteOncePod') && modes.length > 1) {
    const why = 'may not use ReadWriteOncePod with other access modes';
    errors.push(forbidden(path, why));
  }
}

function positiveStorage(errors: Errors, path: string, amount: string): void {
  if (parseQuantity(amount).nanos > 0n) return;
  errors.push(invalid(path, amount, 'must be greater than zero'));
}

const PV_SOURCES = [
  'hostPath',
  'gcePersistentDisk',
  'awsElasticBlockStore',
  'glusterfs',
  'flocker',
  'nfs',
  'rbd',
  'quobyte',
  'cephfs',
  'iscsi',
  'cinder',
  'fc',
  'flexVolume',
  'azureFile',
  'vsphereVolume',
  'photonPersistentDisk',
  'portworxVolume',
  'azureDisk',
  'scaleIO',
  'local',
  'storageos',
  'csi',
] as const;

export function validatePersistentVolume(errors: Errors, pv: PersistentVolume): void {
  const spec = pv.spec ?? {};
  validateAccessModes(errors, spec.accessModes, '');
  const capacity = Object.entries(spec.capacity ?? {});
  if (capacity.length === 0) errors.push(required('spec.capacity'));
  if (spec.capacity && (capacity.length > 1 || !('storage' in spec.capacity))) {
    errors.push(
      notSupported('spec.capacity', new GoText('core.ResourceList') as never, ['storage']),
    );
  }
  for (const [name, amount] of capacity) {
    if (parseQuantity(amount).nanos < 0n) {
      const why = 'must be a valid resource quantity';
      errors.push(invalid(`spec.capacity[${name}]`, amount, why));
    }
    positiveStorage(errors, `spec.capacity[${name}]`, amount);
  }
  const policy = spec.persistentVolumeReclaimPolicy ?? '';
  if (policy !== '' && !RECLAIM_POLICIES.includes(policy)) {
    errors.push(notSupported('spec.persistentVolumeReclaimPolicy', policy, RECLAIM_POLICIES));
  }
  if (spec.nodeAffinity?.required) {
    validateNodeSelector(errors, 'spec.nodeAffinity.required', spec.nodeAffinity.required);
  }
  const sources = PV_SOURCES.filter((s) => spec[s] !== undefined);
  for (const extra of sources.slice(1)) {
    errors.push(forbidden(`spec.${extra}`, 'may not specify more than 1 volume type'));
  }
  if (sources.length === 0) errors.push(required('spec', 'must specify a volume type'));
  if (spec.hostPath) requireText(errors, 'spec.hostPath.path', spec.hostPath.path);
  if (spec.nfs) {
    requireText(errors, 'spec.nfs.server', spec.nfs.server);
    requireText(errors, 'spec.nfs.path', spec.nfs.path);
  }
  if (spec.local && !spec.nodeAffinity) {
    errors.push(required('spec.nodeAffinity', 'Local volume requires node affinity'));
  }
  if (spec.storageClassName) {
    const messages = dns1123Subdomain(spec.storageClassName);
    addMessages(errors, 'spec.storageClassName', spec.storageClassName, messages);
  }
  if (spec.volumeMode !== undefined && !VOLUME_MODES.includes(spec.volumeMode)) {
    errors.push(notSupported('spec.volumeMode', spec.volumeMode, VOLUME_MODES));
  }
}

export function validatePersistentVolumeUpdate(
  errors: Errors,
  pv: PersistentVolume,
  old: PersistentVolume,
): void {
  const source = (o: PersistentVolume) => PV_SOURCES.map((s) => o.spec?.[s]);
  if (!semanticEqual(source(pv), source(old))) {
    const why = 'spec.persistentvolumesource is immutable after creation';
    errors.push(forbidden('spec.persistentvolumesource', why));
  }
  if (!semanticEqual(pv.spec?.volumeMode, old.spec?.volumeMode)) {
    errors.push(invalid('spec.volumeMode', pv.spec?.volumeMode ?? null, IMMUTABLE));
  }
}

export function validateClaim(errors: Errors, claim: PersistentVolumeClaim): void {
  const spec = claim.spec ?? {};
  validateAccessModes(errors, spec.accessModes, 'at least 1 access mode is required');
  validateSelector(errors, 'spec.selector', spec.selector);
  const storage = spec.resources?.requests?.storage;
  if (storage === undefined) errors.push(required('spec.resources[storage]'));
  else {
    positiveStorage(errors, 'spec.resources[storage]', storage);
  }
  if (spec.storageClassName) {
    const messages = dns1123Subdomain(spec.storageClassName);
    addMessages(errors, 'spec.storageClassName', spec.storageClassName, messages);
  }
  if (spec.volumeMode !== undefined && !VOLUME_MODES.includes(spec.volumeMode)) {
    errors.push(notSupported('spec.volumeMode', spec.volumeMode, VOLUME_MODES));
  }
  const source = spec.dataSource;
  if (source) {
    requireText(errors, 'spec.dataSource.name', source.name);
    requireText(errors, 'spec.dataSource.kind', source.kind);
    if (!source.apiGroup && source.kind !== 'PersistentVolumeClaim') {
      const why = "must be 'PersistentVolumeClaim' when referencing the default apiGroup";
      errors.push(invalid('spec.dataSource', source.kind, why));
    }
  }
}

const CLAIM_FIXED =
  'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims';

export function validateClaimUpdate(
  errors: Errors,
  claim: PersistentVolumeClaim,
  old: PersistentVolumeClaim,
): void {
  const now = structuredClone(claim.spec ?? {});
  const was = structuredClone(old.spec ?? {});
  const bound = old.status?.phase === 'Bound';
  if (!was.volumeName && now.volumeName) delete now.volumeName;
  if (bound) {
    if (now.resources) now.resources.requests = was.resources?.requests;
    now.volumeAttributesClassName = was.volumeAttributesClassName;
  }
  if (!was.storageClassName && now.storageClassName) now.storageClassName = was.storageClassName;
  if (!semanticEqual(now, was)) errors.push(forbidden('spec', `${CLAIM_FIXED}\n`));
  const size = claim.spec?.resources?.requests?.storage;
  const before = old.spec?.resources?.requests?.storage;
  const capacity = old.status?.capacity?.storage;
  if (size === undefined || before === undefined) return;
  if (parseQuantity(size).cmp(parseQuantity(before)) >= 0) return;
  if (capacity === undefined || parseQuantity(size).cmp(parseQuantity(capacity)) < 0) {
    const what = capacity === undefined ? 'previous value' : 'status.capacity';
    errors.push(forbidden('spec.resources.requests.storage', `field can not be less than ${what}`));
  }
}

export function validateStorageClass(errors: Errors, sc: StorageClass): void {
  if (!sc.provisioner) errors.push(required('provisioner', sc.provisioner));
  else
    addMessages(
      errors,
      'provisioner',
      sc.provisioner.toLowerCase(),
      qualifiedName(sc.provisioner.toLowerCase()),
    );
  for (const key of Object.keys(sc.parameters ?? {})) {
    if (key === '') errors.push(invalid('parameters', key, 'field can not be empty.'));
  }
  const policies = ['Delete', 'Retain'];
  const policy = sc.reclaimPolicy ?? '';
  if (policy !== '' && !policies.includes(policy)) {
    errors.push(notSupported('reclaimPolicy', policy, policies));
  }
  const mode = sc.volumeBindingMode;
  const modes = ['Immediate', 'WaitForFirstConsumer'];
  if (mode === undefined) errors.push(required('volumeBindingMode'));
  else if (!modes.includes(mode)) errors.push(notSupported('volumeBindingMode', mode, modes));
}

export function validateStorageClassUpdate(
  errors: Errors,
  sc: StorageClass,
  old: StorageClass,
): void {
  if (!semanticEqual(sc.parameters, old.parameters)) {
    errors.push(forbidden('parameters', 'updates to parameters are forbidden.'));
  }
  if (sc.provisioner !== old.provisioner) {
    errors.push(forbidden('provisioner', 'updates to provisioner are forbidden.'));
  }
  if (sc.reclaimPolicy !== old.reclaimPolicy) {
    errors.push(forbidden('reclaimPolicy', 'updates to reclaimPolicy are forbidden.'));
  }
  if (sc.volumeBindingMode !== old.volumeBindingMode) {
    errors.push(invalid('volumeBindingMode', sc.volumeBindingMode ?? null, IMMUTABLE));
  }
}

export function validateCsiNode(errors: Errors, node: CSINode): void {
  const names = new Set<string>();
  (node.spec?.drivers ?? []).forEach((d, i) => {
    const at = `spec.drivers[${i}]`;
    requireText(errors, `${at}.name`, d.name);
    requireText(errors, `${at}.nodeID`, d.nodeID);
    if (names.has(d.name)) errors.push(duplicate(`${at}.name`, d.name));
    names.add(d.name);
    for (const key of d.topologyKeys ?? []) addMessages(errors, at, key, qualifiedName(key));
  });
}

export function validateCsiDriver(errors: Errors, driver: CSIDriver): void {
  const spec = driver.spec;
  const policies = ['File', 'None', 'ReadWriteOnceWithFSType'];
  if (spec.fsGroupPolicy !== undefined && !policies.includes(spec.fsGroupPolicy)) {
    errors.push(notSupported('spec.fsGroupPolicy', spec.fsGroupPolicy, policies));
  }
  const audiences = new Set<string>();
  (spec.tokenRequests ?? []).forEach((t, i) => {
    const at = `spec.tokenRequests[${i}].audience`;
    if (audiences.has(t.audience)) errors.push(duplicate(at, t.audience));
    audiences.add(t.audience);
  });
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (mode !== 'Persistent' && mode !== 'Ephemeral') {
      errors.push(notSupported('spec.volumeLifecycleModes', mode, ['Persistent', 'Ephemeral']));
    }
  }
}

export function validateVolumeAttachment(errors: Errors, va: VolumeAttachment): void {
  const { attacher, nodeName, source } = va.spec;
  requireText(errors, 'spec.attacher', attacher);
  const inline = source?.inlineVolumeSpec !== undefined;
  const named = Boolean(source?.persistentVolumeName);
  if (inline === named) {
    const why = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
    errors.push(required('spec.source', why));
  }
  addMessages(errors, 'spec.nodeName', nodeName, dns1123Subdomain(nodeName));
  if (attacher !== '') return;
  errors.push(required('spec.attacher'));
  addMessages(errors, 'spec.attacher', attacher, dns1123Subdomain(attacher));
}

export function validateVolumeAttachmentUpdate(
  errors: Errors,
  va: VolumeAttachment,
  old: VolumeAttachment,
): void {
  if (semanticEqual(va.spec, old.spec)) return;
  errors.push(invalid('spec', goStrings([va.spec.attacher]), IMMUTABLE));
}
