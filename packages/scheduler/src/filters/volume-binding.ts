/** Pods run where their volumes are, or can be. */
import type { PersistentVolume, PersistentVolumeClaim } from '@kubets/api';
import { claimsOf, planFor, VOLUME_BINDING } from '../core/volumes.ts';
import type { FilterPlugin } from '../ports.ts';

/** Volumes that were chosen for claims, and are not seen as kept for them yet. */
export const isTaken =
  (assumed: ReadonlyMap<string, string>) =>
  ({ metadata }: PersistentVolume, claim: PersistentVolumeClaim): boolean => {
    const uid = assumed.get(metadata.name ?? '');
    return uid !== undefined && uid !== claim.metadata.uid;
  };

export const volumeBinding: FilterPlugin = {
  name: VOLUME_BINDING,
  nodeLocal: true,
  prepare(pod, { table, volumes, assumedVolumes }) {
    if (!pod.hasClaims) return undefined;
    const claims = claimsOf(pod, volumes);
    const taken = isTaken(assumedVolumes);
    return {
      plugin: VOLUME_BINDING,
      reject(slot) {
        const plan =
          typeof claims === 'string' ? claims : planFor(claims, table.entry(slot), volumes, taken);
        if (typeof plan !== 'string') return undefined;
        return { plugin: VOLUME_BINDING, reasons: [plan], unresolvable: true };
      },
    };
  },
};
