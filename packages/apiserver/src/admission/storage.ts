import {
  DEFAULT_STORAGE_CLASS,
  newestDefault,
  type PersistentVolume,
  type PersistentVolumeClaim,
  quantityBytes,
  type StorageClass,
} from '@kubets/api';
import type { AdmissionPlugin, ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';
import { concerns, filled, objectAs, oldAs, refuse } from './support.ts';

const BETA_CLASS = 'volume.beta.kubernetes.io/storage-class';
const NOT_RESIZABLE =
  'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';

/** A claim that names no class gets the default one, if there is one. */
export function defaultStorageClass(store: ResourceStore): AdmissionPlugin {
  const classes = store.cache<StorageClass>(GVR.storageClasses);
  return {
    name: 'DefaultStorageClass',
    only: ['persistentvolumeclaims'],
    async admit(a) {
      if (!concerns(a, '', 'persistentvolumeclaims', 'CREATE')) return;
      const claim = objectAs<PersistentVolumeClaim>(a);
      if (claim.metadata.annotations?.[BETA_CLASS] !== undefined || !claim.spec) return;
      if (claim.spec.storageClassName !== undefined && claim.spec.storageClassName !== null) return;
      const chosen = newestDefault((await filled(classes)).list(), DEFAULT_STORAGE_CLASS);
      if (chosen?.metadata.name) claim.spec.storageClassName = chosen.metadata.name;
    },
  };
}

/** Claims and volumes are not removed while something uses them: a controller takes the finalizer off. */
export function storageInUseProtection(): AdmissionPlugin {
  return {
    name: 'StorageObjectInUseProtection',
    only: ['persistentvolumeclaims', 'persistentvolumes'],
    admit(a) {
      const isClaim = concerns(a, '', 'persistentvolumeclaims', 'CREATE');
      if (!isClaim && !concerns(a, '', 'persistentvolumes', 'CREATE')) return;
      const { metadata } = objectAs<PersistentVolume>(a);
      const finalizer = isClaim ? 'kubernetes.io/pvc-protection' : 'kubernetes.io/pv-protection';
      const before = metadata.finalizers ?? [];
      if (!before.includes(finalizer)) metadata.finalizers = [...before, finalizer];
    },
  };
}

/** A bound claim grows only if its class says it can. */
export function claimResize(store: ResourceStore): AdmissionPlugin {
  const classes = store.cache<StorageClass>(GVR.storageClasses);
  return {
    name: 'PersistentVolumeClaimResize',
    only: ['persistentvolumeclaims'],
    async validate(a) {
      if (!concerns(a, '', 'persistentvolumeclaims', 'UPDATE')) return;
      const claim = objectAs<PersistentVolumeClaim>(a);
      const old = oldAs<PersistentVolumeClaim>(a);
      if (sizeOf(claim) <= sizeOf(old)) return;
      if (old.status?.phase !== 'Bound') {
        throw refuse(a, 'Only bound persistent volume claims can be expanded');
      }
      const name = claim.metadata.annotations?.[BETA_CLASS] ?? claim.spec?.storageClassName ?? '';
      const found = name ? (await filled(classes)).get('', name) : undefined;
      if (found?.allowVolumeExpansion !== true) throw refuse(a, NOT_RESIZABLE);
    },
  };
}

function sizeOf(claim: PersistentVolumeClaim): number {
  const size = claim.spec?.resources?.requests?.storage;
  return size === undefined ? 0 : quantityBytes(size);
}
