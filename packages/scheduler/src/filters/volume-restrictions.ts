/** Volumes that only one pod, or only pods that read, may have. */
import type { Volume } from '@kubets/api';
import type { ClusterState } from '../core/cluster-state.ts';
import type { PodInfo } from '../core/pod-info.ts';
import type { FilterPlugin, Rejection } from '../ports.ts';

export const VOLUME_RESTRICTIONS = 'VolumeRestrictions';

const rejection = (reason: string): Rejection => ({
  plugin: VOLUME_RESTRICTIONS,
  reasons: [reason],
  unresolvable: false,
});
const DISK = rejection('node(s) had no available disk');
const IN_USE = rejection(
  'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
);

const mayConflict = (volume: Volume): boolean =>
  Boolean(volume.gcePersistentDisk ?? volume.awsElasticBlockStore ?? volume.iscsi ?? volume.rbd);

/** Two that write, or one that writes and one that reads. */
const writes = (a: { readOnly?: boolean | undefined }, b: { readOnly?: boolean | undefined }) =>
  !(a.readOnly && b.readOnly);

function conflicts(a: Volume, b: Volume): boolean {
  const [gce, otherGce] = [a.gcePersistentDisk, b.gcePersistentDisk];
  if (gce && otherGce && gce.pdName === otherGce.pdName && writes(gce, otherGce)) return true;
  const [ebs, otherEbs] = [a.awsElasticBlockStore, b.awsElasticBlockStore];
  if (ebs && otherEbs && ebs.volumeID === otherEbs.volumeID) return true;
  const [iscsi, otherIscsi] = [a.iscsi, b.iscsi];
  if (iscsi && otherIscsi && iscsi.iqn === otherIscsi.iqn && writes(iscsi, otherIscsi)) return true;
  const [rbd, otherRbd] = [a.rbd, b.rbd];
  if (!rbd || !otherRbd || !writes(rbd, otherRbd)) return false;
  const shared = rbd.monitors.some((monitor) => otherRbd.monitors.includes(monitor));
  return shared && rbd.pool === otherRbd.pool && rbd.image === otherRbd.image;
}

/** Whether a claim of the pod may have one pod only, and has one. */
function isClaimTaken(pod: PodInfo, { volumes, claimUsers }: ClusterState): boolean {
  return pod.claimKeys.some((key) => {
    const modes = volumes.claims.get(key)?.spec?.accessModes ?? [];
    return modes.includes('ReadWriteOncePod') && (claimUsers.get(key) ?? 0) > 0;
  });
}

export const volumeRestrictions: FilterPlugin = {
  name: VOLUME_RESTRICTIONS,
  nodeLocal: false,
  prepare(pod, state) {
    const volumes = pod.pod.spec?.volumes;
    if (volumes === undefined || volumes.length === 0) return undefined;
    const disks = volumes.filter(mayConflict);
    const taken = pod.hasClaims && isClaimTaken(pod, state);
    if (disks.length === 0 && !taken) return undefined;
    return {
      plugin: VOLUME_RESTRICTIONS,
      reject(slot) {
        for (const other of disks.length === 0 ? [] : state.table.entry(slot).pods.values()) {
          const theirs = (other.pod.spec?.volumes ?? []).filter(mayConflict);
          if (disks.some((disk) => theirs.some((one) => conflicts(disk, one)))) return DISK;
        }
        return taken ? IN_USE : undefined;
      },
    };
  },
};
