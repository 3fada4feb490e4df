/** As many volumes of a driver as a node can have attached. */
import { type CSINode, storageClassOf } from '@kubets/api';
import type { ClusterState } from '../core/cluster-state.ts';
import type { PodInfo } from '../core/pod-info.ts';
import type { VolumeCatalog } from '../core/volumes.ts';
import type { FilterPlugin, Rejection } from '../ports.ts';

export const NODE_VOLUME_LIMITS = 'NodeVolumeLimits';

const TOO_MANY: Rejection = {
  plugin: NODE_VOLUME_LIMITS,
  reasons: ['node(s) exceed max volume count'],
  unresolvable: false,
};

/** Volumes and the drivers that attach them, by a key that is the same for the same volume. */
type Attachable = Map<string, string>;

function addVolume(
  into: Attachable,
  name: string | undefined,
  { volumes }: VolumeCatalog,
): boolean {
  const csi = name === undefined ? undefined : volumes.get(name)?.spec?.csi;
  if (csi === undefined) return false;
  into.set(`${csi.driver}/${csi.volumeHandle}`, csi.driver);
  return true;
}

/** The volumes of a pod that are, or will be, attached; a claim without a volume counts as one of its class's provisioner. */
function addVolumesOf(into: Attachable, pod: PodInfo, catalog: VolumeCatalog): void {
  for (const key of pod.claimKeys) {
    const claim = catalog.claims.get(key);
    if (claim === undefined) continue;
    const name = claim.spec?.volumeName;
    if (name && catalog.volumes.has(name)) {
      addVolume(into, name, catalog);
      continue;
    }
    const driver = catalog.classes.get(storageClassOf(claim))?.provisioner;
    if (driver !== undefined) into.set(`claim/${key}`, driver);
  }
}

function limitsOf(node: CSINode | undefined): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const { name, allocatable } of node?.spec.drivers ?? []) {
    if (allocatable?.count !== undefined) limits.set(name, allocatable.count);
  }
  return limits;
}

/** What is attached to a node already, or will be for its pods. */
function attachedTo(slot: number, { table, volumes }: ClusterState): Attachable {
  const attached: Attachable = new Map();
  const { name, pods } = table.entry(slot);
  for (const pod of pods.values()) if (pod.hasClaims) addVolumesOf(attached, pod, volumes);
  for (const { spec } of volumes.attachments.values()) {
    if (spec.nodeName === name) addVolume(attached, spec.source.persistentVolumeName, volumes);
  }
  return attached;
}

export const nodeVolumeLimits: FilterPlugin = {
  name: NODE_VOLUME_LIMITS,
  nodeLocal: false,
  prepare(pod, state) {
    const { csiNodes } = state.volumes;
    if (!pod.hasClaims || csiNodes.size === 0) return undefined;
    const wanted: Attachable = new Map();
    addVolumesOf(wanted, pod, state.volumes);
    if (wanted.size === 0) return undefined;
    return {
      plugin: NODE_VOLUME_LIMITS,
      reject(slot) {
        const limits = limitsOf(csiNodes.get(state.table.entry(slot).name));
        if (limits.size === 0) return undefined;
        const attached = attachedTo(slot, state);
        const counts = new Map<string, number>();
        for (const driver of attached.values()) counts.set(driver, (counts.get(driver) ?? 0) + 1);
        for (const [key, driver] of wanted) {
          if (attached.has(key)) continue;
          const count = (counts.get(driver) ?? 0) + 1;
          if (count > (limits.get(driver) ?? Number.POSITIVE_INFINITY)) return TOO_MANY;
          counts.set(driver, count);
        }
        return undefined;
      },
    };
  },
};
