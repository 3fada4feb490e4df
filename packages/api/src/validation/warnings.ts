/** Warnings: what is let through although its author probably meant something else. */
import { semanticEqual } from '../equal.ts';
import type {
  Job,
  JobSpec,
  Node,
  ObjectMeta,
  PersistentVolume,
  PersistentVolumeClaim,
  PodTemplateSpec,
  ResourceQuota,
  RuntimeClass,
  Secret,
  Service,
  ServiceAccount,
  StatefulSet,
  StorageClass,
} from '../generated/types.ts';
import { goQuote } from '../go-text.ts';
import { isJsonObject, type KubeObject } from '../meta.ts';
import { Quantity } from '../quantity.ts';
import type { KindDef } from '../registry.ts';
import { serviceAddressWarnings } from './ip-warnings.ts';
import { isBareFinalizer } from './metadata.ts';
import { dns1123Label } from './names.ts';
import { deprecatedLabel, podWarnings, storageFraction, termWarnings } from './pod-warnings.ts';

/** Where a kind keeps the template of its pods; '' for a pod itself. */
const TEMPLATES: Readonly<Record<string, string>> = {
  '/Pod': '',
  '/PodTemplate': 'template',
  '/ReplicationController': 'spec.template',
  'apps/DaemonSet': 'spec.template',
  'apps/Deployment': 'spec.template',
  'apps/ReplicaSet': 'spec.template',
  'apps/StatefulSet': 'spec.template',
  'batch/Job': 'spec.template',
  'batch/CronJob': 'spec.jobTemplate.spec.template',
};

/** Kinds whose names become part of the names of pods. */
const NAMES_PODS: ReadonlySet<string> = new Set([
  '/ReplicationController',
  'apps/Deployment',
  'apps/ReplicaSet',
  'apps/StatefulSet',
  'batch/Job',
  'batch/CronJob',
]);

/** Of finalizers that are new in a custom object (built-in kinds refuse such names). */
function finalizerWarnings(meta: ObjectMeta, old: ObjectMeta | undefined): string[] {
  const before = old?.finalizers ?? [];
  const added = [...new Set(meta.finalizers)].filter((name) => !before.includes(name)).sort();
  const advice = 'prefer a domain-qualified finalizer name including a path (/)';
  const why = 'to avoid accidental conflicts with other finalizer writers';
  return added
    .filter(isBareFinalizer)
    .map((name) => `metadata.finalizers: ${goQuote(name)}: ${advice} ${why}`);
}

function nameWarnings(key: string, name: string | undefined): string[] {
  if (key !== '/Pod' && !NAMES_PODS.has(key)) return [];
  const messages = dns1123Label(name ?? '');
  if (messages.length === 0) return [];
  const where = key === '/Pod' ? "the Pod's hostname" : 'Pod names and hostnames';
  const advice = 'which can result in surprising behavior; a DNS label is recommended';
  return [`metadata.name: this is used in ${where}, ${advice}: [${messages.join(' ')}]`];
}

function secretWarnings(secret: Secret): string[] {
  if (secret.type !== 'kubernetes.io/tls') return [];
  const certificate = Buffer.from(secret.data?.['tls.crt'] ?? '', 'base64').toString();
  if (certificate.includes('-----BEGIN ')) return [];
  return ['tls: failed to find any PEM data in certificate input'];
}

const MAX_TRACKED_COMPLETIONS = 100_000;
const MAX_TRACKED_PARALLELISM = 10_000;

function jobWarnings(spec: JobSpec | undefined, path: string): string[] {
  const { completionMode, completions = 0, parallelism = 0 } = spec ?? {};
  const isLarge = completions > MAX_TRACKED_COMPLETIONS && parallelism > MAX_TRACKED_PARALLELISM;
  if (completionMode !== 'Indexed' || !isLarge) return [];
  return [
    `${path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completionIndexes when a big number of indexes fail`,
  ];
}

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';
const BETA_MOUNT_OPTIONS = 'volume.beta.kubernetes.io/mount-options';
const OLD_VOLUME_TYPES: readonly (readonly [string, string])[] = [
  ['photonPersistentDisk', 'deprecated in v1.11, non-functional in v1.16+'],
  ['scaleIO', 'deprecated in v1.16, non-functional in v1.22+'],
  ['storageos', 'deprecated in v1.22, non-functional in v1.25+'],
  ['glusterfs', 'deprecated in v1.25, non-functional in v1.26+'],
  ['rbd', 'deprecated in v1.28, non-functional in v1.31+'],
  ['cephfs', 'deprecated in v1.28, non-functional in v1.31+'],
];

function classAnnotation(meta: ObjectMeta): string[] {
  if (meta.annotations?.[BETA_CLASS] === undefined) return [];
  const why = 'deprecated since v1.8; use "storageClassName" attribute instead';
  return [`metadata.annotations[${BETA_CLASS}]: ${why}`];
}

function volumeWarnings({ metadata, spec }: PersistentVolume): string[] {
  const out = classAnnotation(metadata);
  if (metadata.annotations?.[BETA_MOUNT_OPTIONS] !== undefined) {
    const why = 'deprecated since v1.31; use "mountOptions" attribute instead';
    out.push(`metadata.annotations[${BETA_MOUNT_OPTIONS}]: ${why}`);
  }
  if (spec?.persistentVolumeReclaimPolicy === 'Recycle') {
    out.push(
      'spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.',
    );
  }
  const terms = spec?.nodeAffinity?.required?.nodeSelectorTerms ?? [];
  terms.forEach((term, i) => {
    out.push(...termWarnings(term, `spec.nodeAffinity.required.nodeSelectorTerms[${i}]`));
  });
  for (const [type, why] of OLD_VOLUME_TYPES) {
    const isUsed = spec !== undefined && type in spec;
    if (isUsed) out.push(`spec.${type === 'storageos' ? 'storageOS' : type}: ${why}`);
  }
  return out;
}

function claimWarnings({ metadata, spec }: PersistentVolumeClaim): string[] {
  return [...classAnnotation(metadata), ...storageFraction(spec?.resources, 'spec')];
}

function storageClassWarnings({ allowedTopologies }: StorageClass): string[] {
  return (allowedTopologies ?? []).flatMap((term, i) =>
    (term.matchLabelExpressions ?? []).flatMap(({ key }, j) => {
      const why = deprecatedLabel(key);
      const at = `allowedTopologies[${i}].matchLabelExpressions[${j}].key`;
      return why ? [`${at}: ${key} is ${why}`] : [];
    }),
  );
}

function runtimeClassWarnings({ scheduling }: RuntimeClass): string[] {
  return Object.keys(scheduling?.nodeSelector ?? {}).flatMap((key) => {
    const why = deprecatedLabel(key);
    return why ? [`scheduling.nodeSelector[${key}]: ${why}`] : [];
  });
}

function nodeWarnings({ spec }: Node): string[] {
  return [
    ...(spec?.configSource ? ['spec.configSource: the feature is removed'] : []),
    ...(spec?.externalID
      ? ['spec.externalID: this field is deprecated, and is unused by Kubernetes']
      : []),
  ];
}

const INGRESS_CLASS = 'kubernetes.io/ingress.class';
const HINTS = 'service.kubernetes.io/topology-aware-hints';

function serviceWarnings(service: Service): string[] {
  const isHinted = service.metadata.annotations?.[HINTS] !== undefined;
  const advice = 'is deprecated, please use service.kubernetes.io/topology-mode instead';
  return [
    ...(isHinted ? [`annotation ${HINTS} ${advice}`] : []),
    ...serviceAddressWarnings(service),
  ];
}

/** Amounts of which less should be asked for than may be used. */
const LIMITED = ['cpu', 'memory', 'storage', 'ephemeral-storage'];

function quotaWarnings({ spec }: ResourceQuota, old?: KubeObject): string[] {
  const hard = old ? {} : (spec?.hard ?? {});
  return LIMITED.flatMap((name) => {
    const isBare = `requests.${name}` in hard ? false : name === 'cpu' || name === 'memory';
    const [asked, most] = [isBare ? name : `requests.${name}`, `limits.${name}`];
    const [request, limit] = [hard[asked], hard[most]];
    if (request === undefined || limit === undefined) return [];
    if (Quantity.parse(request).cmp(Quantity.parse(limit)) <= 0) return [];
    return [`ResourceQuota ${asked} (${request}) should be less than ${most} (${limit})`];
  });
}

const MOUNTABLE = 'kubernetes.io/enforce-mountable-secrets';

function accountWarnings({ metadata }: ServiceAccount, old?: KubeObject): string[] {
  const isNew = old?.metadata.annotations?.[MOUNTABLE] === undefined;
  if (metadata.annotations?.[MOUNTABLE] === undefined || !isNew) return [];
  const advice = 'prefer separate namespaces to isolate access to mounted secrets';
  return [`metadata.annotations[${MOUNTABLE}]: deprecated in v1.32+; ${advice}`];
}

/** Warnings of single kinds, besides those of pods. `old`: what an update changes. */
const OF_KIND: Readonly<Record<string, (object: never, old?: KubeObject) => string[]>> = {
  '/Secret': secretWarnings,
  '/PersistentVolume': volumeWarnings,
  '/PersistentVolumeClaim': claimWarnings,
  '/Node': nodeWarnings,
  '/Service': serviceWarnings,
  '/ServiceAccount': accountWarnings,
  '/ResourceQuota': quotaWarnings,
  'storage.k8s.io/StorageClass': storageClassWarnings,
  'node.k8s.io/RuntimeClass': runtimeClassWarnings,
  'networking.k8s.io/Ingress': ({ metadata }: KubeObject, old) =>
    !old && metadata.annotations?.[INGRESS_CLASS] !== undefined
      ? [`annotation "${INGRESS_CLASS}" is deprecated, please use 'spec.ingressClassName' instead`]
      : [],
  'batch/Job': (job: Job) => jobWarnings(job.spec, 'spec'),
  'batch/CronJob': (object: { spec?: { jobTemplate?: Job } }) =>
    jobWarnings(object.spec?.jobTemplate?.spec, 'spec.jobTemplate.spec'),
};

function templateAt(object: KubeObject, path: string): PodTemplateSpec | undefined {
  let at: unknown = object;
  for (const step of path === '' ? [] : path.split('.'))
    at = isJsonObject(at) ? at[step] : undefined;
  return isJsonObject(at) ? (at as PodTemplateSpec) : undefined;
}

const specOf = (object: KubeObject): unknown => (object as { spec?: unknown }).spec;

/**
 * What to warn of when an object is written. Takes the object as decoded and defaulted. With `old` (an update) pods are not
 * looked at, since hardly any person writes them then, and workloads only when their spec changed.
 */
export function objectWarnings(def: KindDef, object: KubeObject, old?: KubeObject): string[] {
  const key = `${def.group}/${def.kind}`;
  const out: string[] = [];
  if (def.rules?.unstructured) out.push(...finalizerWarnings(object.metadata, old?.metadata));
  const path = TEMPLATES[key];
  const isWorkload = path !== undefined && key !== '/PodTemplate';
  const isSame = old && (path === '' || semanticEqual(specOf(object), specOf(old)));
  if (!isWorkload || !isSame) {
    if (!old) out.push(...nameWarnings(key, object.metadata.name));
    out.push(...(OF_KIND[key]?.(object as never, old) ?? []));
    const template = path === undefined ? undefined : templateAt(object, path);
    if (path !== undefined && template) out.push(...podWarnings(path, template));
  }
  if (key === 'apps/StatefulSet') out.push(...claimTemplateWarnings(object as StatefulSet));
  return out;
}

function claimTemplateWarnings({ spec }: StatefulSet): string[] {
  return (spec?.volumeClaimTemplates ?? []).flatMap((claim, i) =>
    storageFraction(claim.spec?.resources, `spec.volumeClaimTemplates[${i}]`),
  );
}
