/**
 * Fields that are in the schema of 1.32 while the feature behind them is off there: what a client writes into them is dropped,
 * unless the stored object has them already.
 */
import type {
  Container,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  Pod,
  PodSpec,
  StatefulSet,
} from '../generated/types.ts';
import type { KubeObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';

function allContainers(spec: PodSpec | undefined): Container[] {
  const { initContainers = [], containers = [], ephemeralContainers = [] } = spec ?? {};
  return [
    ...(initContainers ?? []),
    ...(containers ?? []),
    ...((ephemeralContainers ?? []) as unknown as Container[]),
  ];
}

const SPEC_FIELDS = ['hostUsers', 'resources', 'resourceClaims'] as const;
const CONTEXT_FIELDS = ['supplementalGroupsPolicy', 'seLinuxChangePolicy'] as const;

function dropFromContainers(spec: PodSpec, old: PodSpec | undefined): void {
  const before = allContainers(old);
  const keepsPolicy = before.some((c) => c.resizePolicy !== undefined);
  const keepsMount = before.some((c) => (c.securityContext?.procMount ?? 'Default') !== 'Default');
  for (const c of allContainers(spec)) {
    if (!keepsPolicy) delete c.resizePolicy;
    // This one is set back, not dropped: it once was filled in everywhere.
    if (!keepsMount && c.securityContext?.procMount) c.securityContext.procMount = 'Default';
    if (c.resources?.claims && old?.resourceClaims === undefined) delete c.resources.claims;
  }
}

/** Volumes made of images go together with what mounts them. */
function dropImages(spec: PodSpec, old: PodSpec | undefined): void {
  if ((old?.volumes ?? []).some((v) => v.image)) return;
  const gone = new Set((spec.volumes ?? []).filter((v) => v.image).map((v) => v.name));
  if (gone.size === 0) return;
  // An empty list is none.
  const kept = (spec.volumes ?? []).filter((v) => !v.image);
  if (kept.length > 0) spec.volumes = kept;
  else delete spec.volumes;
  for (const c of allContainers(spec)) {
    const mounts = (c.volumeMounts ?? []).filter((m) => !gone.has(m.name));
    if (mounts.length > 0) c.volumeMounts = mounts;
    else delete c.volumeMounts;
  }
}

function dropTrustBundles(spec: PodSpec, old: PodSpec | undefined): void {
  const uses = (s: PodSpec | undefined): boolean =>
    (s?.volumes ?? []).some((v) => v.projected?.sources?.some((p) => p.clusterTrustBundle));
  if (uses(old)) return;
  for (const v of spec.volumes ?? []) {
    for (const source of v.projected?.sources ?? []) delete source.clusterTrustBundle;
  }
}

function dropFromPodSpec(spec: PodSpec | undefined, old: PodSpec | undefined): void {
  if (!spec) return;
  for (const field of SPEC_FIELDS) if (old?.[field] === undefined) delete spec[field];
  for (const field of CONTEXT_FIELDS) {
    if (spec.securityContext && old?.securityContext?.[field] === undefined) {
      delete spec.securityContext[field];
    }
  }
  dropFromContainers(spec, old);
  dropImages(spec, old);
  dropTrustBundles(spec, old);
}

function dropFromClaimSpec(
  spec: PersistentVolumeClaimSpec | undefined,
  old: PersistentVolumeClaimSpec | undefined,
): void {
  if (!spec) return;
  if (old?.volumeAttributesClassName === undefined) delete spec.volumeAttributesClassName;
  // Sources in other namespaces are as none.
  if (spec.dataSourceRef?.namespace && old?.dataSourceRef === undefined) delete spec.dataSourceRef;
}

interface Templated {
  readonly spec?: {
    readonly template?: { readonly spec?: PodSpec | undefined } | undefined;
    readonly jobTemplate?: { readonly spec?: Templated['spec'] } | undefined;
  };
  readonly template?: { readonly spec?: PodSpec | undefined } | undefined;
}

function templateOf(object: Templated | undefined): PodSpec | undefined {
  const spec = object?.spec;
  const template = spec?.template ?? spec?.jobTemplate?.spec?.template ?? object?.template;
  return template?.spec;
}

function dropFromStatefulSet(set: StatefulSet, old: StatefulSet | undefined): void {
  const rolling = set.spec?.updateStrategy?.rollingUpdate;
  if (rolling && old?.spec?.updateStrategy?.rollingUpdate?.maxUnavailable === undefined) {
    delete rolling.maxUnavailable;
  }
  (set.spec?.volumeClaimTemplates ?? []).forEach((claim, i) => {
    dropFromClaimSpec(claim.spec, old?.spec?.volumeClaimTemplates?.[i]?.spec);
  });
}

const TEMPLATED: ReadonlySet<string> = new Set([
  '/PodTemplate',
  '/ReplicationController',
  'apps/DaemonSet',
  'apps/Deployment',
  'apps/ReplicaSet',
  'apps/StatefulSet',
  'batch/CronJob',
  'batch/Job',
]);

/** Drops them, in place. */
export function dropGatedFields(def: KindDef, object: KubeObject, old?: KubeObject): void {
  const key = `${def.group}/${def.kind}`;
  if (key === '/Pod') dropFromPodSpec((object as Pod).spec, (old as Pod | undefined)?.spec);
  else if (TEMPLATED.has(key)) {
    dropFromPodSpec(templateOf(object as Templated), templateOf(old as Templated | undefined));
  }
  if (key === 'apps/StatefulSet') {
    dropFromStatefulSet(object as StatefulSet, old as StatefulSet | undefined);
  } else if (key === '/PersistentVolumeClaim') {
    const before = old as PersistentVolumeClaim | undefined;
    dropFromClaimSpec((object as PersistentVolumeClaim).spec, before?.spec);
  } else if (key === '/PersistentVolume') {
    const { spec } = object as PersistentVolume;
    const before = (old as PersistentVolume | undefined)?.spec;
    if (spec && before?.volumeAttributesClassName === undefined) {
      delete spec.volumeAttributesClassName;
    }
  }
}
