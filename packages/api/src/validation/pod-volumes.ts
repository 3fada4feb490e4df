/** Volumes of a pod. */
import { duplicate, forbidden, invalid, required } from '../field-error.ts';
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
import { validateClaimTemplate } from './storage-claims.ts';
import {
  ISCSI_TARGET_TEXT,
  MAX_ISCSI_TARGET,
  noBacksteps,
  SHARED_SOURCES,
  validateInlineCsi,
} from './volume-sources.ts';

const MODE_TEXT = 'must be a number between 0 and 0777 (octal), both inclusive';

function checkMode(errors: Errors, path: string, mode: number | undefined): void {
  if (mode !== undefined && (mode < 0 || mode > 0o777)) errors.push(invalid(path, mode, MODE_TEXT));
}

/** A path that stays below where it starts. */
export function localPath(errors: Errors, path: string, value: string): void {
  if (value.startsWith('/')) errors.push(invalid(path, value, 'must be a relative path'));
  noBacksteps(errors, path, value);
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
      const why = 'fieldRef and resourceFieldRef can not be specified simultaneously';
      errors.push(invalid(path, 'resource', why));
    }
  } else if (file.resourceFieldRef) {
    validateResourceFieldRef(errors, `${path}.resourceFieldRef`, file.resourceFieldRef, true);
  } else {
    errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
  }
  checkMode(errors, `${path}.mode`, file.mode);
}

/** The stock server does not say which of the files it means. */
function downwardFiles(
  errors: Errors,
  path: string,
  items: DownwardAPIVolumeFile[] | undefined,
): void {
  for (const item of items ?? []) downwardFile(errors, path, item);
}

type Projection = NonNullable<ProjectedVolumeSource['sources']>[number];

function projectedToken(errors: Errors, path: string, at: string, source: Projection): void {
  const token = source.serviceAccountToken;
  if (!token) return;
  const seconds = token.expirationSeconds ?? 0;
  if (seconds < 600) {
    const why = 'may not specify a duration less than 10 minutes';
    errors.push(invalid(`${at}.expirationSeconds`, seconds, why));
  }
  if (seconds > 2 ** 32) {
    const why = 'may not specify a duration larger than 2^32 seconds';
    errors.push(invalid(`${at}.expirationSeconds`, seconds, why));
  }
  if (requireText(errors, `${path}.path`, token.path)) {
    localNonReserved(errors, `${path}.path`, token.path);
  }
}

/** `seen` holds the files of all sources; a second one at the same path is shown as `shown`. */
function noteFile(
  errors: Errors,
  path: string,
  file: string,
  o: { seen: Set<string>; shown: string },
): void {
  if (file === '') return;
  if (o.seen.has(file)) errors.push(invalid(path, o.shown, 'conflicting duplicate paths'));
  o.seen.add(file);
}

function projectedSource(
  errors: Errors,
  path: string,
  source: Projection,
  o: { at: string; seen: Set<string> },
): void {
  let kinds = 0;
  for (const kind of ['secret', 'configMap'] as const) {
    const given = source[kind];
    if (!given) continue;
    kinds += 1;
    requireText(errors, `${o.at}.${kind}.name`, given.name);
    (given.items ?? []).forEach((item, i) => {
      keyToPath(errors, `${o.at}.${kind}.items[${i}]`, item);
      noteFile(errors, path, item.path, { seen: o.seen, shown: given.name ?? '' });
    });
  }
  if (source.downwardAPI) {
    kinds += 1;
    for (const file of source.downwardAPI.items ?? []) {
      downwardFile(errors, `${o.at}.downwardAPI`, file);
      noteFile(errors, path, file.path, { seen: o.seen, shown: file.path });
    }
  }
  if (source.serviceAccountToken) {
    kinds += 1;
    projectedToken(errors, path, `${o.at}.serviceAccountToken`, source);
  }
  if (kinds > 1) errors.push(forbidden(o.at, 'may not specify more than 1 volume type per source'));
}

function projected(errors: Errors, path: string, p: ProjectedVolumeSource): void {
  checkMode(errors, `${path}.defaultMode`, p.defaultMode);
  const seen = new Set<string>();
  (p.sources ?? []).forEach((source, i) => {
    projectedSource(errors, path, source, { at: `${path}.sources[${i}]`, seen });
  });
}

type Check = (errors: Errors, path: string, v: Volume) => void;

/** A check of a kind that persistent volumes have, too. */
function shared(kind: keyof Volume): [keyof Volume, Check] {
  return [
    kind,
    (errors, path, v) => {
      SHARED_SOURCES[kind]?.(errors, path, v[kind] as never, { persistent: false });
    },
  ];
}

/** Names in paths that differ from the field's: of what is wrong inside a source, and of a source too many. */
const CHECKED_AS: Readonly<Record<string, string>> = { gcePersistentDisk: 'persistentDisk' };
const COUNTED_AS: Readonly<Record<string, string>> = {
  cephfs: 'cephFS',
  downwardAPI: 'downwarAPI',
};

const checkEphemeral: Check = (errors, path, v) => {
  const template = v.ephemeral?.volumeClaimTemplate;
  const at = `${path}.volumeClaimTemplate`;
  if (template) validateClaimTemplate(errors, at, template);
  else errors.push(required(at));
};

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
  shared('hostPath'),
  [
    'gitRepo',
    (errors, path, v) => {
      requireText(errors, `${path}.repository`, v.gitRepo?.repository);
      localPath(errors, `${path}.directory`, v.gitRepo?.directory ?? '');
    },
  ],
  shared('gcePersistentDisk'),
  shared('awsElasticBlockStore'),
  [
    'secret',
    (errors, path, v) => {
      requireText(errors, `${path}.secretName`, v.secret?.secretName);
      checkMode(errors, `${path}.defaultMode`, v.secret?.defaultMode);
      keysToPaths(errors, `${path}.items`, v.secret?.items);
    },
  ],
  shared('nfs'),
  shared('iscsi'),
  shared('glusterfs'),
  shared('flocker'),
  [
    'persistentVolumeClaim',
    (e, p, v) => void requireText(e, `${p}.claimName`, v.persistentVolumeClaim?.claimName),
  ],
  shared('rbd'),
  shared('cinder'),
  shared('cephfs'),
  shared('quobyte'),
  [
    'downwardAPI',
    (errors, path, v) => {
      checkMode(errors, `${path}.defaultMode`, v.downwardAPI?.defaultMode);
      downwardFiles(errors, path, v.downwardAPI?.items);
    },
  ],
  shared('fc'),
  shared('flexVolume'),
  [
    'configMap',
    (errors, path, v) => {
      requireText(errors, `${path}.name`, v.configMap?.name);
      checkMode(errors, `${path}.defaultMode`, v.configMap?.defaultMode);
      keysToPaths(errors, `${path}.items`, v.configMap?.items);
    },
  ],
  shared('azureFile'),
  shared('vsphereVolume'),
  shared('photonPersistentDisk'),
  shared('portworxVolume'),
  shared('azureDisk'),
  shared('storageos'),
  ['projected', (e, p, v) => v.projected && projected(e, p, v.projected)],
  shared('scaleIO'),
  ['csi', (e, p, v) => v.csi && validateInlineCsi(e, p, v.csi)],
  ['ephemeral', checkEphemeral],
  ['image', (e, p, v) => void requireText(e, `${p}.reference`, v.image?.reference)],
];

/** A claim made for a pod's volume is named after both. */
const claimName = (meta: ObjectMeta, v: Volume): string => `${meta.name}-${v.name}`;

function validateClaimName(
  errors: Errors,
  path: string,
  v: Volume,
  meta: ObjectMeta | undefined,
): void {
  if (!meta?.name || !v.name) return;
  const claim = claimName(meta, v);
  for (const message of dns1123Subdomain(claim)) {
    errors.push(invalid(path, v.name, `PVC name "${claim}": ${message}`));
  }
}

/** What the initiator of an iSCSI volume is told on the node has no room for more. */
function validateTargetLength(errors: Errors, path: string, v: Volume): void {
  if (v.iscsi?.initiatorName === undefined) return;
  if (`${v.name}:${v.iscsi.targetPortal}`.length <= MAX_ISCSI_TARGET) return;
  errors.push(invalid(path, v.name, ISCSI_TARGET_TEXT));
}

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
      const at = `${path}.${COUNTED_AS[kind] ?? kind}`;
      errors.push(forbidden(at, 'may not specify more than 1 volume type'));
    } else {
      check(errors, `${path}.${CHECKED_AS[kind] ?? kind}`, v);
      if (kind === 'ephemeral') validateClaimName(errors, `${path}.name`, v, meta);
    }
    if (kind === 'iscsi') validateTargetLength(errors, `${path}.name`, v);
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
  // Claims that will be made together with the pod.
  const made = new Set(
    (volumes ?? []).flatMap((v) => (v.ephemeral && meta?.name ? [claimName(meta, v)] : [])),
  );
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
    const claim = v.persistentVolumeClaim?.claimName;
    if (claim === undefined || !made.has(claim)) return;
    const why = 'must not reference a PVC that gets created for an ephemeral volume';
    errors.push(invalid(`${at}.persistentVolumeClaim.claimName`, claim, why));
  });
  return out;
}
