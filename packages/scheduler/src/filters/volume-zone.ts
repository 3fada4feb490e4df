/** Pods run in the zones that their volumes are labelled with. */
import type { PersistentVolume } from '@kubets/api';
import type { PodInfo } from '../core/pod-info.ts';
import type { VolumeCatalog } from '../core/volumes.ts';
import type { FilterPlugin, Rejection } from '../ports.ts';

const VOLUME_ZONE = 'VolumeZone';

const OTHER_ZONE: Rejection = {
  plugin: VOLUME_ZONE,
  reasons: ['node(s) had no available volume zone'],
  unresolvable: true,
};

/** Labels of zones and regions, the older ones with those that took their place. */
const NEWER: Readonly<Record<string, string>> = {
  'topology.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'topology.kubernetes.io/region': 'topology.kubernetes.io/region',
  'failure-domain.beta.kubernetes.io/zone': 'topology.kubernetes.io/zone',
  'failure-domain.beta.kubernetes.io/region': 'topology.kubernetes.io/region',
};
const LABELS = Object.keys(NEWER);
/** Between zones of a volume that is in several. */
const SEPARATOR = '__';

interface Place {
  readonly key: string;
  readonly values: ReadonlySet<string>;
}

function placesOf({ metadata }: PersistentVolume): Place[] {
  return LABELS.flatMap((key) => {
    const value = metadata.labels?.[key];
    return value === undefined ? [] : [{ key, values: new Set(value.split(SEPARATOR)) }];
  });
}

function placesOfPod(pod: PodInfo, { claims, volumes }: VolumeCatalog): Place[] {
  return pod.claimKeys.flatMap((key) => {
    const volume = volumes.get(claims.get(key)?.spec?.volumeName ?? '');
    return volume === undefined ? [] : placesOf(volume);
  });
}

export const volumeZone: FilterPlugin = {
  name: VOLUME_ZONE,
  nodeLocal: true,
  prepare(pod, { table, volumes }) {
    if (!pod.hasClaims) return undefined;
    const places = placesOfPod(pod, volumes);
    if (places.length === 0) return undefined;
    return {
      plugin: VOLUME_ZONE,
      reject(slot) {
        const { labels } = table.entry(slot);
        // A node that says nothing of where it is may be anywhere.
        if (!LABELS.some((key) => labels[key] !== undefined)) return undefined;
        const isThere = places.every(({ key, values }) => {
          const value = labels[key] ?? labels[NEWER[key] ?? key];
          return value !== undefined && values.has(value);
        });
        return isThere ? undefined : OTHER_ZONE;
      },
    };
  },
};
