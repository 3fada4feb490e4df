/** What claims, volumes and classes have to say about where a pod may run. Pure. */
import {
  BIND_COMPLETED,
  bestVolumeFor,
  type CSIDriver,
  type CSINode,
  type CSIStorageCapacity,
  isKeptFor,
  labelSelectorOf,
  matchesLabels,
  type NodeFacts,
  type PersistentVolume,
  type PersistentVolumeClaim,
  quantityBytes,
  type StorageClass,
  storageClassOf,
  termMatcher,
  type VolumeAttachment,
} from '@kubets/api';
import { claimsIn, type PodInfo } from './pod-info.ts';

/** The name under which this is known as a reason. */
export const VOLUME_BINDING = 'VolumeBinding';
/** A class of this provisioner has only volumes that were made by hand. */
const NO_PROVISIONER = 'kubernetes.io/no-provisioner';

/** Claims, volumes and classes as they are known. */
export class VolumeCatalog {
  readonly claims = new Map<string, PersistentVolumeClaim>();
  readonly volumes = new Map<string, PersistentVolume>();
  readonly classes = new Map<string, StorageClass>();
  /** What the drivers of a node say of it, by the node's name. */
  readonly csiNodes = new Map<string, CSINode>();
  readonly attachments = new Map<string, VolumeAttachment>();
  readonly drivers = new Map<string, CSIDriver>();
  /** How much drivers can still make, and where. */
  readonly capacities = new Map<string, CSIStorageCapacity>();
}

/** A claim of a pod that has no volume yet, and what its class is. */
interface OpenClaim {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass;
}

/** The claims of a pod, as far as it may be placed at all. */
export interface PodClaims {
  /** Their volumes; undefined where one is missing. */
  readonly bound: readonly (PersistentVolume | undefined)[];
  readonly open: readonly OpenClaim[];
}

/** What has to be done before a pod is bound to a node. */
export interface VolumePlan {
  readonly keep: readonly {
    readonly volume: PersistentVolume;
    readonly claim: PersistentVolumeClaim;
  }[];
  /** Claims whose provisioner makes a volume where this node reaches it. */
  readonly provision: readonly PersistentVolumeClaim[];
}

export const NODE_CONFLICT = 'node(s) had volume node affinity conflict';
export const NO_VOLUME = "node(s) didn't find available persistent volumes to bind";
export const NO_SPACE = 'node(s) did not have enough free storage';
export const VOLUME_GONE =
  'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';

/** @returns why the pod cannot be placed whatever the nodes are, or its claims */
export function claimsOf(pod: PodInfo, catalog: VolumeCatalog): string | PodClaims {
  const bound: (PersistentVolume | undefined)[] = [];
  const open: OpenClaim[] = [];
  for (const { name, isOwn } of claimsIn(pod.pod)) {
    const claim = catalog.claims.get(`${pod.namespace}/${name}`);
    const why = obstacleOf(claim, name, isOwn);
    if (claim === undefined || why !== undefined) return why ?? '';
    if (isBound(claim)) {
      bound.push(catalog.volumes.get(claim.spec?.volumeName ?? ''));
      continue;
    }
    const storageClass = catalog.classes.get(storageClassOf(claim));
    const isLate = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
    if (!isLate || claim.spec?.volumeName) {
      return 'pod has unbound immediate PersistentVolumeClaims';
    }
    open.push({ claim, storageClass });
  }
  return { bound, open };
}

const isBound = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  Boolean(spec?.volumeName) && metadata.annotations?.[BIND_COMPLETED] !== undefined;

function obstacleOf(
  claim: PersistentVolumeClaim | undefined,
  name: string,
  isOwn: boolean,
): string | undefined {
  const shown = `persistentvolumeclaim "${name}"`;
  if (claim === undefined) {
    return isOwn
      ? `waiting for ephemeral volume controller to create the ${shown}`
      : `${shown} not found`;
  }
  if (claim.status?.phase === 'Lost') {
    return `${shown} bound to non-existent persistentvolume "${claim.spec?.volumeName ?? ''}"`;
  }
  return claim.metadata.deletionTimestamp ? `${shown} is being deleted` : undefined;
}

/** Whether a node reaches a volume. */
export function reaches({ spec }: PersistentVolume, node: NodeFacts): boolean {
  const required = spec?.nodeAffinity?.required;
  return (
    required === undefined || required.nodeSelectorTerms.some((term) => termMatcher(term)(node))
  );
}

/**
 * How a pod gets its volumes on a node.
 * @param isTaken whether a volume was given to another claim a moment ago
 * @returns why it does not, or what is to be done
 */
export function planFor(
  { bound, open }: PodClaims,
  node: NodeFacts,
  catalog: VolumeCatalog,
  isTaken: (volume: PersistentVolume, claim: PersistentVolumeClaim) => boolean,
): string | VolumePlan {
  for (const volume of bound) {
    if (volume === undefined) return VOLUME_GONE;
    if (!reaches(volume, node)) return NODE_CONFLICT;
  }
  const keep: { volume: PersistentVolume; claim: PersistentVolumeClaim }[] = [];
  const provision: PersistentVolumeClaim[] = [];
  const all = open.length === 0 ? [] : [...catalog.volumes.values()];
  for (const { claim, storageClass } of open) {
    const volume = bestVolumeFor(
      claim,
      all,
      (one) =>
        reaches(one, node) &&
        !isTaken(one, claim) &&
        !keep.some((other) => other.volume === one && other.claim !== claim),
    );
    if (volume !== undefined) keep.push({ volume, claim });
    else if (!provisions(storageClass, node)) return NO_VOLUME;
    else if (!hasSpace(claim, { storageClass, node, catalog })) return NO_SPACE;
    else provision.push(claim);
  }
  return { keep: keep.filter(({ volume, claim }) => !isKept(volume, claim)), provision };
}

const isKept = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  isKeptFor(volume, claim) && Boolean(volume.spec?.claimRef?.uid);

function provisions({ provisioner, allowedTopologies }: StorageClass, node: NodeFacts): boolean {
  if (provisioner === NO_PROVISIONER) return false;
  if (!allowedTopologies?.length) return true;
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => values.includes(node.labels[key] ?? '')),
  );
}

/** Whether a driver that tells how much it can still make can make a volume for the claim where the node reaches it. */
function hasSpace(
  { spec }: PersistentVolumeClaim,
  where: { storageClass: StorageClass; node: NodeFacts; catalog: VolumeCatalog },
): boolean {
  const { storageClass, node, catalog } = where;
  const asked = spec?.resources?.requests?.storage;
  const driver = catalog.drivers.get(storageClass.provisioner);
  if (asked === undefined || driver?.spec.storageCapacity !== true) return true;
  const bytes = quantityBytes(asked);
  return [...catalog.capacities.values()].some((one) => {
    const most = one.maximumVolumeSize ?? one.capacity;
    const isLarge = most !== undefined && quantityBytes(most) >= bytes;
    const isOfClass = one.storageClassName === storageClass.metadata.name;
    if (!isOfClass || !isLarge || one.nodeTopology === undefined) return false;
    return matchesLabels(labelSelectorOf(one.nodeTopology), node.labels);
  });
}
