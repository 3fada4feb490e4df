/** Volumes of a pod. */
import { duplicate, forbidden, invalid, notSupported, required } from '../field-error.ts';
import type {
  DownwardAPIVolumeFile,
  KeyToPath,
  ObjectMeta,
  ProjectedVolumeSource,
  Volume,
} from '../generated/types.ts';
import { parseQuantity } from '../quantity.ts';
import { addMessages, type Errors, requireText, UniqueNames } from './common.ts';
import { dns1123Label, dns1123Subdomain } from './names.ts';
import { validateFieldRef, validateResourceFieldRef } from './pod-env.ts';

const MODE_TEXT = 'must be a number between 0 and 0777 (octal), both inclusive';

function checkMode(errors: Errors, path: string, mode: number | undefined): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) errors.push(invalid(path, mode, MODE_TEXT));
}

/** A path that stays below where it starts. */
export function localPath(errors: Errors, path: string, value: string): void {
  if (value.startsWith('/')) errors.push(invalid(path, value, 'must be a relative path'));
  noBacksteps(errors, path, value);
}

export function noBacksteps(errors: Errors, path: string, value: string): void {
  if (value.split('/').includes('..')) errors.push(invalid(path, value, "must not contain '..'"));
}

function localNonReserved(errors: Errors, path: string, value: string): void {
  localPath(errors, path, value);
  if (value.startsWith('..') && !value.startsWith('../')) {
    errors.push(invalid(path, value, "must not start with '..'"));
  }
}

function keyToPath(errors: Errors, path: string, item: KeyToPath): void {
  requireText(errors, `${path}.key`, item.key);
  if (requireText(errors, `${path}.path`, item.path)) {
    localNonReserved(errors, `${path}.path`, item.path);
  }
  checkMode(errors, `${path}.mode`, item.mode);
}

function keysToPaths(errors: Errors, path: string, items: KeyToPath[] | undefined): void {
  (items ?? []).forEach((item, i) => {
    keyToPath(errors, `${path}[${i}]`, item);
  });
}

const DOWNWARD_FIELDS = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];

function downwardFile(errors: Errors, path: string, file: DownwardAPIVolumeFile): void {
  if (requireText(errors, `${path}.path`, file.path)) {
    localNonReserved(errors, `${path}.path`, file.path);
  }
  if (file.fieldRef) {
    validateFieldRef(errors, `${path}.fieldRef`, file.fieldRef, DOWNWARD_FIELDS);
    if (file.resourceFieldRef) {
      const why = '`fieldRef` and `resourceFieldRef` can not be specified simultaneously';
      errors.push(invalid(path, 'resource', why));
    }
  } else if (file.resourceFieldRef) {
    validateResourceFieldRef(errors, `${path}.resourceFieldRef`, file.resourceFieldRef, true);
  } else {
    errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  }
  checkMode(errors, `${path}.mode`, file.mode);
}

function downwardFiles(
  errors: Errors,
  path: string,
  items: DownwardAPIVolumeFile[] | undefined,
): void {
  (items ?? []).forEach((item, i) => {
    downwardFile(errors, `${path}[${i}]`, item);
  });
}

type Projection = NonNullable<ProjectedVolumeSource['sources']>[number];

function projectedToken(errors: Errors, path: string, source: Projection): void {
  const token = source.serviceAccountToken;
  if (!token) return;
  const seconds = token.expirationSeconds ?? 0;
  if (seconds < 600) {
    const why = 'may not specify a duration less than 10 minutes';
    errors.push(invalid(`${path}.expirationSeconds`, seconds, why));
  }
  if (seconds > 2 ** 32) {
    const why = 'may not specify a duration larger than 2^32 seconds';
    errors.push(invalid(`${path}.expirationSeconds`, seconds, why));
  }
  if (requireText(errors, `${path}.path`, token.path)) {
    localNonReserved(errors, `${path}.path`, token.path);
  }
}

function projectedSource(errors: Errors, path: string, source: Projection): void {
  let kinds = 0;
  const start = (kind: string, given: unknown): boolean => {
    if (!given) return false;
    kinds += 1;
    if (kinds > 1) {
      errors.push(
        forbidden(`${path}.${kind}`, 'may not specify more than 1 volume type per source'),
      );
      return false;
    }
    return true;
  };
  if (start('secret', source.secret)) {
    requireText(errors, `${path}.secret.name`, source.secret?.name);
    keysToPaths(errors, `${path}.secret.items`, source.secret?.items);
  }
  if (start('configMap', source.configMap)) {
    requireText(errors, `${path}.configMap.name`, source.configMap?.name);
    keysToPaths(errors, `${path}.configMap.items`, source.configMap?.items);
  }
  if (start('downwardAPI', source.downwardAPI)) {
    downwardFiles(errors, `${path}.downwardAPI.items`, source.downwardAPI?.items);
  }
  if (start('serviceAccountToken', source.serviceAccountToken)) {
    projectedToken(errors, `${path}.serviceAccountToken`, source);
  }
  start('clusterTrustBundle', source.clusterTrustBundle);
}

function projectedPaths(source: Projection): string[] {
  const items = source.secret?.items ?? source.configMap?.items ?? source.downwardAPI?.items ?? [];
  return items.map((i) => i.path);
}

function projected(errors: Errors, path: string, p: ProjectedVolumeSource): void {
  checkMode(errors, `${path}.defaultMode`, p.defaultMode);
  const seen = new Set<string>();
  (p.sources ?? []).forEach((source, i) => {
    projectedSource(errors, `${path}.sources[${i}]`, source);
    for (const file of projectedPaths(source)) {
      if (seen.has(file)) {
        errors.push(invalid(path, file, 'conflicting duplicate paths'));
      }
      seen.add(file);
    }
  });
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

type Check = (errors: Errors, path: string, v: Volume, meta: ObjectMeta | undefined) => void;

/** The kinds of volumes in the order they are looked at, with what is checked of each. */
const CHECKS: readonly [keyof Volume, Check][] = [
  [
    'emptyDir',
    (errors, path, v) => {
      const limit = v.emptyDir?.sizeLimit;
      if (limit !== undefined && parseQuantity(limit).nanos < 0n) {
        const why = 'SizeLimit field must be a valid resource quantity';
        errors.push(forbidden(`${path}.sizeLimit`, why));
      }
    },
  ],
  [
    'hostPath',
    (errors, path, v) => {
      const host = v.hostPath;
      if (!host) return;
      if (requireText(errors, `${path}.path`, host.path)) {
        noBacksteps(errors, `${path}.path`, host.path);
      }
      if (!HOST_PATH_TYPES.includes(host.type ?? '')) {
        errors.push(notSupported(`${path}.type`, host.type, HOST_PATH_TYPES));
      }
    },
  ],
  [
    'gitRepo',
    (errors, path, v) => {
      requireText(errors, `${path}.repository`, v.gitRepo?.repository);
      localPath(errors, `${path}.directory`, v.gitRepo?.directory ?? '');
    },
  ],
  [
    'gcePersistentDisk',
    (e, p, v) => void requireText(e, `${p}.pdName`, v.gcePersistentDisk?.pdName),
  ],
  [
    'awsElasticBlockStore',
    (e, p, v) => void requireText(e, `${p}.volumeID`, v.awsElasticBlockStore?.volumeID),
  ],
  [
    'secret',
    (errors, path, v) => {
      requireText(errors, `${path}.secretName`, v.secret?.secretName);
      checkMode(errors, `${path}.defaultMode`, v.secret?.defaultMode);
      keysToPaths(errors, `${path}.items`, v.secret?.items);
    },
  ],
  [
    'nfs',
    (errors, path, v) => {
      requireText(errors, `${path}.server`, v.nfs?.server);
      const at = v.nfs?.path ?? '';
      if (requireText(errors, `${path}.path`, at) && !at.startsWith('/')) {
        errors.push(invalid(`${path}.path`, at, 'must be an absolute path'));
      }
    },
  ],
  [
    'iscsi',
    (errors, path, v) => {
      requireText(errors, `${path}.targetPortal`, v.iscsi?.targetPortal);
      requireText(errors, `${path}.iqn`, v.iscsi?.iqn);
      const lun = v.iscsi?.lun ?? 0;
      if (lun < 0 || lun > 255) {
        errors.push(invalid(`${path}.lun`, lun, 'must be between 0 and 255, inclusive'));
      }
    },
  ],
  [
    'glusterfs',
    (errors, path, v) => {
      requireText(errors, `${path}.endpoints`, v.glusterfs?.endpoints);
      requireText(errors, `${path}.path`, v.glusterfs?.path);
    },
  ],
  [
    'persistentVolumeClaim',
    (e, p, v) => void requireText(e, `${p}.claimName`, v.persistentVolumeClaim?.claimName),
  ],
  [
    'rbd',
    (errors, path, v) => {
      if ((v.rbd?.monitors ?? []).length === 0) errors.push(required(`${path}.monitors`));
      requireText(errors, `${path}.image`, v.rbd?.image);
    },
  ],
  ['cinder', (e, p, v) => void requireText(e, `${p}.volumeID`, v.cinder?.volumeID)],
  [
    'cephfs',
    (errors, path, v) => {
      if ((v.cephfs?.monitors ?? []).length === 0) errors.push(required(`${path}.monitors`));
    },
  ],
  ['flocker', () => {}],
  [
    'downwardAPI',
    (errors, path, v) => {
      checkMode(errors, `${path}.defaultMode`, v.downwardAPI?.defaultMode);
      downwardFiles(errors, `${path}.items`, v.downwardAPI?.items);
    },
  ],
  ['fc', () => {}],
  ['flexVolume', (e, p, v) => void requireText(e, `${p}.driver`, v.flexVolume?.driver)],
  [
    'configMap',
    (errors, path, v) => {
      requireText(errors, `${path}.name`, v.configMap?.name);
      checkMode(errors, `${path}.defaultMode`, v.configMap?.defaultMode);
      keysToPaths(errors, `${path}.items`, v.configMap?.items);
    },
  ],
  [
    'azureFile',
    (errors, path, v) => {
      requireText(errors, `${path}.secretName`, v.azureFile?.secretName);
      requireText(errors, `${path}.shareName`, v.azureFile?.shareName);
    },
  ],
  [
    'vsphereVolume',
    (e, p, v) => void requireText(e, `${p}.volumePath`, v.vsphereVolume?.volumePath),
  ],
  ['photonPersistentDisk', () => {}],
  ['portworxVolume', (e, p, v) => void requireText(e, `${p}.volumeID`, v.portworxVolume?.volumeID)],
  ['azureDisk', (e, p, v) => void requireText(e, `${p}.diskName`, v.azureDisk?.diskName)],
  ['storageos', () => {}],
  ['projected', (e, p, v) => v.projected && projected(e, p, v.projected)],
  ['scaleIO', () => {}],
  ['csi', (e, p, v) => void requireText(e, `${p}.driver`, v.csi?.driver)],
  [
    'ephemeral',
    (errors, path, v, meta) => {
      const template = v.ephemeral?.volumeClaimTemplate;
      if (!template) {
        errors.push(required(`${path}.volumeClaimTemplate`));
        return;
      }
      const claim = `${meta?.name ?? ''}-${v.name}`;
      if (!meta?.name) return;
      for (const message of dns1123Subdomain(claim)) {
        const why = `PVC name "${claim}": ${message}`;
        errors.push(invalid(path.replace(/\.ephemeral$/, '.name'), v.name, why));
      }
    },
  ],
  ['image', (e, p, v) => void requireText(e, `${p}.reference`, v.image?.reference)],
];

function validateSource(
  errors: Errors,
  path: string,
  v: Volume,
  meta: ObjectMeta | undefined,
): void {
  let found = 0;
  for (const [kind, check] of CHECKS) {
    if (v[kind] === undefined) continue;
    found += 1;
    if (found > 1) {
      errors.push(forbidden(`${path}.${kind}`, 'may not specify more than 1 volume type'));
    } else {
      check(errors, `${path}.${kind}`, v, meta);
    }
  }
  if (found === 0) errors.push(required(path, 'must specify a volume type'));
}

/** Checks all volumes; the returned map holds those with a usable name. */
export function validateVolumes(
  errors: Errors,
  path: string,
  volumes: Volume[] | undefined,
  meta: ObjectMeta | undefined,
): Map<string, Volume> {
  const out = new Map<string, Volume>();
  const names = new UniqueNames();
  (volumes ?? []).forEach((v, i) => {
    const at = `${path}[${i}]`;
    const own: Errors = [];
    validateSource(own, at, v, meta);
    if (!v.name) own.push(required(`${at}.name`));
    else addMessages(own, `${at}.name`, v.name, dns1123Label(v.name));
    if (v.name && names.has(v.name)) own.push(duplicate(`${at}.name`, v.name));
    if (own.length === 0) {
      names.add(own, at, v.name);
      out.set(v.name, v);
    }
    errors.push(...own);
  });
  return out;
}
