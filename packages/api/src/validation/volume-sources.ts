/** Volumes that lie outside the cluster, as pods name them and as persistent volumes do. */
import { forbidden, invalid, notSupported, required, tooLong } from '../field-error.ts';
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  AzureFilePersistentVolumeSource,
  CinderPersistentVolumeSource,
  CSIPersistentVolumeSource,
  CSIVolumeSource,
  FCVolumeSource,
  FlexPersistentVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  GlusterfsPersistentVolumeSource,
  HostPathVolumeSource,
  ISCSIPersistentVolumeSource,
  NFSVolumeSource,
  PersistentVolumeSpec,
  QuobyteVolumeSource,
  RBDPersistentVolumeSource,
  ScaleIOPersistentVolumeSource,
  SecretReference,
  StorageOSPersistentVolumeSource,
} from '../generated/types.ts';
import { addMessages, type Errors, requireText } from './common.ts';
import { goStrings } from './go-dump.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';

/** What is known of the place a source stands in. */
export interface SourceContext {
  /** Of a persistent volume, which names namespaces where a pod's volume need not. */
  readonly persistent: boolean;
  /** Of the persistent volume. */
  readonly name?: string | undefined;
}

type Check<T> = (errors: Errors, path: string, source: T, context: SourceContext) => void;

export function noBacksteps(errors: Errors, path: string, value: string): void {
  if (value.split('/').includes('..')) errors.push(invalid(path, value, "must not contain '..'"));
}

const HOST_PATH_TYPES = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

const hostPath: Check<HostPathVolumeSource> = (errors, path, host) => {
  if (!requireText(errors, `${path}.path`, host.path)) return;
  noBacksteps(errors, `${path}.path`, host.path);
  if (!HOST_PATH_TYPES.includes(host.type ?? '')) {
    errors.push(notSupported(`${path}.type`, host.type, HOST_PATH_TYPES));
  }
};

function byteRange(errors: Errors, path: string, value: number | undefined, low: number): void {
  if (value === undefined || (value >= 0 && value <= 255)) return;
  errors.push(invalid(path, value, `must be between ${low} and 255, inclusive`));
}

const disk: Check<GCEPersistentDiskVolumeSource> = (errors, path, pd) => {
  requireText(errors, `${path}.pdName`, pd.pdName);
  byteRange(errors, `${path}.partition`, pd.partition, 1);
};

const blockStore: Check<AWSElasticBlockStoreVolumeSource> = (errors, path, pd) => {
  requireText(errors, `${path}.volumeID`, pd.volumeID);
  byteRange(errors, `${path}.partition`, pd.partition, 1);
};

const nfs: Check<NFSVolumeSource> = (errors, path, source) => {
  requireText(errors, `${path}.server`, source.server);
  requireText(errors, `${path}.path`, source.path);
  if (!source.path?.startsWith('/')) {
    errors.push(invalid(`${path}.path`, source.path ?? '', 'must be an absolute path'));
  }
};

const ISCSI_FORMS: Readonly<Record<string, RegExp>> = {
  iqn: /iqn\.\d{4}-\d{2}\.([\p{L}\p{N}.-]+)(:[^,;*&$|\s]+)$/u,
  eui: /^eui.[0-9A-Za-z]{16}$/,
  naa: /^naa.[0-9A-Za-z]{32}$/,
};

function iscsiName(errors: Errors, path: string, name: string, unknown: string): void {
  const form = ISCSI_FORMS[name.slice(0, 3)];
  if (!form) errors.push(invalid(path, name, unknown));
  else if (!form.test(name)) errors.push(invalid(path, name, 'must be valid format'));
}

export const MAX_ISCSI_TARGET = 64;
export const ISCSI_TARGET_TEXT =
  'Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.';

const iscsi: Check<ISCSIPersistentVolumeSource> = (errors, path, source, { persistent, name }) => {
  requireText(errors, `${path}.targetPortal`, source.targetPortal);
  const initiator = source.initiatorName;
  const target = `${name ?? ''}:${source.targetPortal}`;
  if (persistent && initiator !== undefined && target.length > MAX_ISCSI_TARGET) {
    errors.push(invalid(`${path}.targetportal`, source.targetPortal, ISCSI_TARGET_TEXT));
  }
  const unknown = persistent
    ? 'must be valid format'
    : 'must be valid format starting with iqn, eui, or naa';
  if (requireText(errors, `${path}.iqn`, source.iqn)) {
    iscsiName(errors, `${path}.iqn`, source.iqn, unknown);
  }
  byteRange(errors, `${path}.lun`, source.lun, 0);
  if ((source.chapAuthDiscovery || source.chapAuthSession) && !source.secretRef) {
    errors.push(required(`${path}.secretRef`));
  }
  if (persistent && source.secretRef) {
    requireText(errors, `${path}.secretRef.name`, source.secretRef.name);
  }
  if (initiator === undefined) return;
  iscsiName(errors, `${path}.initiatorname`, initiator, unknown);
};

const glusterfs: Check<GlusterfsPersistentVolumeSource> = (errors, path, source) => {
  requireText(errors, `${path}.endpoints`, source.endpoints);
  requireText(errors, `${path}.path`, source.path);
  const ns = source.endpointsNamespace;
  if (ns === undefined) return;
  const at = `${path}.endpointsNamespace`;
  const why = 'if the endpointnamespace is set, it must be a valid namespace name';
  if (ns === '') errors.push(invalid(at, ns, why));
  else addMessages(errors, at, ns, dns1123Label(ns));
};

const monitored: Check<{ monitors?: string[] | undefined }> = (errors, path, source) => {
  if ((source.monitors ?? []).length === 0) errors.push(required(`${path}.monitors`));
};

const rbd: Check<RBDPersistentVolumeSource> = (errors, path, source, context) => {
  monitored(errors, path, source, context);
  requireText(errors, `${path}.image`, source.image);
};

/** A Secret a pod names in its own namespace, a persistent volume in any. */
function secretReference(
  errors: Errors,
  path: string,
  ref: SecretReference | undefined,
  context: SourceContext,
): void {
  if (!ref) return;
  requireText(errors, `${path}.name`, ref.name);
  if (context.persistent) requireText(errors, `${path}.namespace`, ref.namespace);
}

const cinder: Check<CinderPersistentVolumeSource> = (errors, path, source, context) => {
  requireText(errors, `${path}.volumeID`, source.volumeID);
  secretReference(errors, `${path}.secretRef`, source.secretRef, context);
};

const flocker: Check<FlockerVolumeSource> = (errors, path, source) => {
  if (!source.datasetName && !source.datasetUUID) {
    errors.push(required(path, 'one of datasetName and datasetUUID is required'));
  }
  if (source.datasetName && source.datasetUUID) {
    const why = 'datasetName and datasetUUID can not be specified simultaneously';
    errors.push(invalid(path, 'resource', why));
  }
  if (source.datasetName?.includes('/')) {
    errors.push(invalid(`${path}.datasetName`, source.datasetName, "must not contain '/'"));
  }
};

const fc: Check<FCVolumeSource> = (errors, path, source) => {
  const names = source.targetWWNs ?? [];
  const ids = source.wwids ?? [];
  const at = `${path}.targetWWNs`;
  if (names.length + ids.length === 0) {
    errors.push(required(at, 'must specify either targetWWNs or wwids, but not both'));
  }
  if (names.length > 0 && ids.length > 0) {
    const why = 'targetWWNs and wwids can not be specified simultaneously';
    errors.push(invalid(at, goStrings(names), why));
  }
  if (names.length === 0) return;
  if (source.lun === undefined) {
    errors.push(required(`${path}.lun`, 'lun is required if targetWWNs is specified'));
  } else byteRange(errors, `${path}.lun`, source.lun, 0);
};

const flexVolume: Check<FlexPersistentVolumeSource> = (errors, path, source) => {
  requireText(errors, `${path}.driver`, source.driver);
  for (const key of Object.keys(source.options ?? {})) {
    const domain = `.${(key.includes('/') ? key.slice(0, key.indexOf('/')) : key).toLowerCase()}`;
    if (!domain.endsWith('.kubernetes.io') && !domain.endsWith('.k8s.io')) continue;
    const why = 'kubernetes.io and k8s.io namespaces are reserved';
    errors.push(invalid(`${path}.options[${key}]`, key, why));
  }
};

const azureFile: Check<AzureFilePersistentVolumeSource> = (errors, path, source) => {
  requireText(errors, `${path}.secretName`, source.secretName);
  requireText(errors, `${path}.shareName`, source.shareName);
  if (source.secretNamespace === '') errors.push(required(`${path}.secretNamespace`));
};

const DISK_MODES = ['None', 'ReadOnly', 'ReadWrite'];
const DISK_KINDS = ['Dedicated', 'Managed', 'Shared'];
const MANAGED_URI =
  '/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}';
const BLOB_URI = 'https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd';

const azureDisk: Check<AzureDiskVolumeSource> = (errors, path, source) => {
  requireText(errors, `${path}.diskName`, source.diskName);
  requireText(errors, `${path}.diskURI`, source.diskURI);
  const { cachingMode, kind } = source;
  if (cachingMode !== undefined && !DISK_MODES.includes(cachingMode)) {
    errors.push(notSupported(`${path}.cachingMode`, cachingMode, DISK_MODES));
  }
  if (kind === undefined) return;
  if (!DISK_KINDS.includes(kind)) errors.push(notSupported(`${path}.kind`, kind, DISK_KINDS));
  const [start, form] =
    kind === 'Managed' ? ['/subscriptions/', MANAGED_URI] : ['https://', BLOB_URI];
  if (source.diskURI?.startsWith(start)) return;
  errors.push(notSupported(`${path}.diskURI`, source.diskURI, [form]));
};

const scaleIO: Check<ScaleIOPersistentVolumeSource> = (errors, path, source) => {
  for (const field of ['gateway', 'system', 'volumeName'] as const) {
    requireText(errors, `${path}.${field}`, source[field]);
  }
};

const storageos: Check<StorageOSPersistentVolumeSource> = (errors, path, source, context) => {
  const { volumeName, volumeNamespace } = source;
  if (requireText(errors, `${path}.volumeName`, volumeName)) {
    addMessages(errors, `${path}.volumeName`, volumeName, dns1123Label(volumeName ?? ''));
  }
  if (volumeNamespace) {
    const at = `${path}.volumeNamespace`;
    addMessages(errors, at, volumeNamespace, dns1123Label(volumeNamespace));
  }
  secretReference(errors, `${path}.secretRef`, source.secretRef, context);
};

const quobyte: Check<QuobyteVolumeSource> = (errors, path, source) => {
  const pairs = 'must be a host:port pair or multiple pairs separated by commas';
  if (!source.registry) errors.push(required(`${path}.registry`, pairs));
  else if ((source.tenant ?? '').length >= 65) {
    const why = 'must be a UUID and may not exceed a length of 64 characters';
    errors.push(required(`${path}.tenant`, why));
  } else {
    for (const pair of source.registry.split(',')) {
      if (/^(\[[^\]]*\]|[^:]*):[^:]*$/.test(pair)) continue;
      errors.push(invalid(`${path}.registry`, source.registry, pairs));
    }
  }
  requireText(errors, `${path}.volume`, source.volume);
};

const MAX_DRIVER_NAME = 63;

/** The name of a CSI driver. */
export function validateDriverName(errors: Errors, path: string, name: string): void {
  requireText(errors, path, name);
  if (name.length > MAX_DRIVER_NAME) errors.push(tooLong(path, '', MAX_DRIVER_NAME));
  addMessages(errors, path, name, dns1123Subdomain(name.toLowerCase()));
}

const CSI_SECRETS = [
  'controllerPublishSecretRef',
  'controllerExpandSecretRef',
  'nodePublishSecretRef',
  'nodeExpandSecretRef',
] as const;

const csi: Check<CSIPersistentVolumeSource> = (errors, path, source) => {
  validateDriverName(errors, `${path}.driver`, source.driver ?? '');
  requireText(errors, `${path}.volumeHandle`, source.volumeHandle);
  for (const field of CSI_SECRETS) {
    const ref = source[field];
    if (!ref) continue;
    const { name, namespace } = ref;
    if (requireText(errors, `${path}.${field}.name`, name)) {
      addMessages(errors, `${path}.${field}.name`, name, dns1123Subdomain(name ?? ''));
    }
    if (requireText(errors, `${path}.${field}.namespace`, namespace)) {
      addMessages(errors, `${path}.${field}.namespace`, namespace, dns1123Label(namespace ?? ''));
    }
  }
};

/** A CSI volume that lives and dies with its pod. */
export function validateInlineCsi(errors: Errors, path: string, source: CSIVolumeSource): void {
  validateDriverName(errors, `${path}.driver`, source.driver ?? '');
  const ref = source.nodePublishSecretRef;
  if (!ref) return;
  if (requireText(errors, `${path}.nodePublishSecretRef.name`, ref.name)) {
    addMessages(errors, `${path}.name`, ref.name, dns1123Subdomain(ref.name ?? ''));
  }
}

/** The sources pods and persistent volumes share, by the field they stand in. */
export const SHARED_SOURCES: Readonly<Record<string, Check<never>>> = {
  hostPath,
  gcePersistentDisk: disk,
  awsElasticBlockStore: blockStore,
  nfs,
  iscsi,
  glusterfs,
  rbd,
  cinder,
  cephfs: monitored,
  flocker,
  fc,
  flexVolume,
  azureFile,
  azureDisk,
  scaleIO,
  storageos,
  quobyte,
  vsphereVolume: ((e, p, v) => void requireText(e, `${p}.volumePath`, v.volumePath)) as Check<{
    volumePath?: string;
  }>,
  photonPersistentDisk: ((e, p, v) => void requireText(e, `${p}.pdID`, v.pdID)) as Check<{
    pdID?: string;
  }>,
  portworxVolume: ((e, p, v) => void requireText(e, `${p}.volumeID`, v.volumeID)) as Check<{
    volumeID?: string;
  }>,
};

/** In the order they are looked at. */
const PERSISTENT = [
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

export const PERSISTENT_SOURCES: readonly (keyof PersistentVolumeSpec)[] = PERSISTENT;

/** Names in paths that differ from the field's. */
const CHECKED_AS: Readonly<Record<string, string>> = { gcePersistentDisk: 'persistentDisk' };
const COUNTED_AS: Readonly<Record<string, string>> = { cephfs: 'cephFS' };

/** The one source of a persistent volume's spec at `path`. */
export function validatePersistentSource(
  errors: Errors,
  path: string,
  spec: PersistentVolumeSpec,
  name: string | undefined,
): void {
  let found = 0;
  for (const kind of PERSISTENT) {
    const source = spec[kind];
    if (source === undefined) continue;
    found += 1;
    if (found > 1 && kind !== 'flexVolume') {
      const at = `${path}.${COUNTED_AS[kind] ?? kind}`;
      errors.push(forbidden(at, 'may not specify more than 1 volume type'));
      continue;
    }
    const at = `${path}.${CHECKED_AS[kind] ?? kind}`;
    if (kind === 'csi') csi(errors, at, source as CSIPersistentVolumeSource, { persistent: true });
    else if (kind === 'local') local(errors, path, spec);
    else SHARED_SOURCES[kind]?.(errors, at, source as never, { persistent: true, name });
  }
  if (found === 0) errors.push(required(path, 'must specify a volume type'));
}

function local(errors: Errors, path: string, spec: PersistentVolumeSpec): void {
  const at = spec.local?.path ?? '';
  if (requireText(errors, `${path}.local.path`, at)) noBacksteps(errors, `${path}.local.path`, at);
  if (spec.nodeAffinity) return;
  errors.push(required(`${path}.nodeAffinity`, 'Local volume requires node affinity'));
}
