/** Persistent volumes, claims, storage classes and the CSI kinds. */
import { semanticEqual } from '../equal.ts';
import {
  duplicate,
  forbidden,
  GoText,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../field-error.ts';
import type {
  CSIDriver,
  CSINode,
  CSIStorageCapacity,
  StorageClass,
  VolumeAttachment,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { parseQuantity } from '../quantity.ts';
import {
  addMessages,
  type Errors,
  IMMUTABLE,
  NOT_NEGATIVE,
  notNegative,
  requireText,
  validateSelector,
} from './common.ts';
import { goPointer, goStrings } from './go-dump.ts';
import { dns1123Subdomain, qualifiedName } from './names.ts';
import { validateVolumeSpec } from './storage-claims.ts';
import { validateDriverName } from './volume-sources.ts';
import { goSelector } from './workloads.ts';

/** Tokens for drivers live ten minutes at least. */
const MIN_TOKEN_SECONDS = 600;

export function validateStorageClass(errors: Errors, sc: StorageClass): void {
  if (!sc.provisioner) errors.push(required('provisioner', sc.provisioner));
  else {
    const messages = qualifiedName(sc.provisioner.toLowerCase());
    addMessages(errors, 'provisioner', sc.provisioner, messages);
  }
  validateParameters(errors, sc.parameters ?? {});
  const policies = ['Delete', 'Retain'];
  const policy = sc.reclaimPolicy ?? '';
  if (policy !== '' && !policies.includes(policy)) {
    errors.push(notSupported('reclaimPolicy', policy, policies));
  }
  const mode = sc.volumeBindingMode;
  const modes = ['Immediate', 'WaitForFirstConsumer'];
  if (mode === undefined) errors.push(required('volumeBindingMode'));
  else if (!modes.includes(mode)) errors.push(notSupported('volumeBindingMode', mode, modes));
  validateTopologies(errors, sc);
}

const MAX_PARAMETERS = 512;
const MAX_PARAMETER_BYTES = 256 * 1024;

function validateParameters(errors: Errors, parameters: Record<string, string>): void {
  const pairs = Object.entries(parameters);
  if (pairs.length > MAX_PARAMETERS) {
    errors.push(tooLong('parameters', '', MAX_PARAMETERS));
    return;
  }
  let bytes = 0;
  for (const [key, value] of pairs) {
    if (key === '') errors.push(invalid('parameters', key, 'field can not be empty.'));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_PARAMETER_BYTES) errors.push(tooLong('parameters', '', MAX_PARAMETER_BYTES));
}

/**
 * No two terms may ask for the same. A term that asks for nothing counts as the double of as many
 * as there are terms, as it does for a stock server.
 */
function validateTopologies(errors: Errors, sc: StorageClass): void {
  const topologies = sc.allowedTopologies ?? [];
  const terms: string[] = topologies.map(() => '[]');
  topologies.forEach((term, i) => {
    const keys = new Map<string, string[]>();
    (term.matchLabelExpressions ?? []).forEach((e, j) => {
      const at = `allowedTopologies[${i}].matchLabelExpressions[${j}]`;
      if ((e.values ?? []).length === 0) errors.push(required(`${at}.values`));
      (e.values ?? []).forEach((v, k) => {
        if (e.values.indexOf(v) < k) errors.push(duplicate(`${at}.values[${k}]`, v));
      });
      addMessages(errors, `${at}.key`, e.key, qualifiedName(e.key));
      if (keys.has(e.key)) errors.push(duplicate(`${at}.key`, e.key));
      keys.set(e.key, [...new Set(e.values ?? [])].sort());
    });
    const shape = JSON.stringify([...keys].sort(([a], [b]) => (a < b ? -1 : 1)));
    for (const other of terms) {
      if (other !== shape) continue;
      errors.push(duplicate(`allowedTopologies[${i}].matchLabelExpressions`, ''));
    }
    terms.push(shape);
  });
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

const MAX_NODE_ID = 256;

export function validateCsiNode(errors: Errors, node: CSINode): void {
  const names = new Set<string>();
  (node.spec?.drivers ?? []).forEach((d, i) => {
    const at = `spec.drivers[${i}]`;
    validateDriverName(errors, `${at}.name`, d.name ?? '');
    requireText(errors, `${at}.nodeID`, d.nodeID);
    if ((d.nodeID ?? '').length > MAX_NODE_ID) {
      const why = `must be ${MAX_NODE_ID} characters or less`;
      errors.push(invalid(`${at}.nodeID`, d.nodeID, why));
    }
    notNegative(errors, `${at}.allocatable.count`, d.allocatable?.count);
    if (names.has(d.name)) errors.push(duplicate(`${at}.name`, d.name));
    names.add(d.name);
    const keys = new Set<string>();
    for (const key of d.topologyKeys ?? []) {
      if (key === '') errors.push(required(at));
      if (keys.has(key)) errors.push(duplicate(at, key));
      keys.add(key);
      addMessages(errors, at, key, qualifiedName(key));
    }
  });
}

type NodeDriver = NonNullable<NonNullable<CSINode['spec']>['drivers']>[number];

function driverText({ name, nodeID, topologyKeys, allocatable }: NodeDriver): GoText {
  const keys = goStrings(topologyKeys).text;
  const limits = goPointer('storage.VolumeNodeResources', allocatable);
  const names = `Name:${goQuote(name)}, NodeID:${goQuote(nodeID)}`;
  return new GoText(`storage.CSINodeDriver{${names}, TopologyKeys:${keys}, Allocatable:${limits}}`);
}

/** A driver's entry comes and goes; it never changes. */
export function validateCsiNodeUpdate(errors: Errors, node: CSINode, old: CSINode): void {
  for (const was of old.spec?.drivers ?? []) {
    for (const now of node.spec?.drivers ?? []) {
      if (now.name !== was.name || semanticEqual(now, was)) continue;
      errors.push(invalid('CSINodeDriver', driverText(now), IMMUTABLE));
    }
  }
}

export function validateCsiDriverUpdate(errors: Errors, driver: CSIDriver, old: CSIDriver): void {
  const { attachRequired, volumeLifecycleModes: modes } = driver.spec;
  if (attachRequired !== old.spec.attachRequired) {
    errors.push(invalid('spec.attachedRequired', attachRequired ?? null, IMMUTABLE));
  }
  if (!semanticEqual(modes, old.spec.volumeLifecycleModes)) {
    const shown = goStrings(modes, '[]storage.VolumeLifecycleMode');
    errors.push(invalid('spec.volumeLifecycleModes', shown, IMMUTABLE));
  }
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
    if (audiences.has(t.audience)) {
      errors.push(duplicate(at, t.audience));
      return;
    }
    audiences.add(t.audience);
    const seconds = t.expirationSeconds;
    if (seconds === undefined) return;
    const expiry = `spec.tokenRequests[${i}].expirationSeconds`;
    if (seconds < MIN_TOKEN_SECONDS) {
      errors.push(invalid(expiry, seconds, 'may not specify a duration less than 10 minutes'));
    }
    if (seconds > 2 ** 32) {
      const why = 'may not specify a duration larger than 2^32 seconds';
      errors.push(invalid(expiry, seconds, why));
    }
  });
  for (const mode of spec.volumeLifecycleModes ?? []) {
    if (mode !== 'Persistent' && mode !== 'Ephemeral') {
      errors.push(notSupported('spec.volumeLifecycleModes', mode, ['Persistent', 'Ephemeral']));
    }
  }
}

const MAX_ATTACHMENT_METADATA = 256 * 1024;
const MAX_VOLUME_ERROR = 1024;

function validateAttachmentSource(errors: Errors, path: string, source: Attached): void {
  const { inlineVolumeSpec: inline, persistentVolumeName: name } = source ?? {};
  const why = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  if (inline === undefined && name === undefined) errors.push(required(path, why));
  else if (inline !== undefined && name !== undefined) errors.push(forbidden(path, why));
  else if (name === '') {
    const needed = 'must specify non empty persistentVolumeName';
    errors.push(required(`${path}.persistentVolumeName`, needed));
  } else if (inline !== undefined) {
    validateVolumeSpec(errors, `${path}.inlineVolumeSpec`, inline, { isInline: true });
  }
}

type Attached = VolumeAttachment['spec']['source'] | undefined;

export function validateVolumeAttachment(errors: Errors, va: VolumeAttachment): void {
  const { attacher, nodeName, source } = va.spec;
  requireText(errors, 'spec.attacher', attacher);
  validateAttachmentSource(errors, 'spec.source', source);
  addMessages(errors, 'spec.nodeName', nodeName, dns1123Subdomain(nodeName));
  let bytes = 0;
  for (const [key, value] of Object.entries(va.status?.attachmentMetadata ?? {})) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > MAX_ATTACHMENT_METADATA) {
    errors.push(tooLong('status.attachmentMetadata', '', MAX_ATTACHMENT_METADATA));
  }
  for (const field of ['attachError', 'detachError'] as const) {
    if (Buffer.byteLength(va.status?.[field]?.message ?? '') <= MAX_VOLUME_ERROR) continue;
    errors.push(tooLong(`status.${field}.message`, '', MAX_ATTACHMENT_METADATA));
  }
}

/** What is further asked of new ones. */
export function validateNewVolumeAttachment(errors: Errors, va: VolumeAttachment): void {
  const { attacher, source } = va.spec;
  validateDriverName(errors, 'spec.attacher', attacher);
  const volume = source?.persistentVolumeName;
  if (volume === undefined) return;
  addMessages(errors, 'spec.source.persistentVolumeName', volume, dns1123Subdomain(volume));
}

export function validateStorageCapacity(errors: Errors, c: CSIStorageCapacity): void {
  validateSelector(errors, 'nodeTopology', c.nodeTopology);
  const name = c.storageClassName ?? '';
  addMessages(errors, 'storageClassName', name, dns1123Subdomain(name));
  const amount = c.capacity;
  if (amount === undefined || parseQuantity(amount).nanos >= 0n) return;
  errors.push(invalid('capacity', parseQuantity(amount).toString(), NOT_NEGATIVE));
}

export function validateStorageCapacityUpdate(
  errors: Errors,
  c: CSIStorageCapacity,
  old: CSIStorageCapacity,
): void {
  if (!semanticEqual(c.nodeTopology, old.nodeTopology)) {
    errors.push(invalid('nodeTopology', goSelector(c.nodeTopology), IMMUTABLE));
  }
  if (c.storageClassName !== old.storageClassName) {
    errors.push(invalid('storageClassName', c.storageClassName, IMMUTABLE));
  }
}

export function validateVolumeAttachmentUpdate(
  errors: Errors,
  va: VolumeAttachment,
  old: VolumeAttachment,
): void {
  if (semanticEqual(va.spec, old.spec)) return;
  const { attacher, nodeName, source } = va.spec;
  const pointer = (type: string, value: unknown) =>
    `(*${type})(${value === undefined ? 'nil' : '0xc000000000'})`;
  const fields = [
    `PersistentVolumeName:${pointer('string', source?.persistentVolumeName)}`,
    `InlineVolumeSpec:${pointer('core.PersistentVolumeSpec', source?.inlineVolumeSpec)}`,
  ];
  const from = `Source:storage.VolumeAttachmentSource{${fields.join(', ')}}`;
  const names = `Attacher:${goQuote(attacher)}, ${from}, NodeName:${goQuote(nodeName)}`;
  errors.push(invalid('spec', new GoText(`storage.VolumeAttachmentSpec{${names}}`), IMMUTABLE));
}
