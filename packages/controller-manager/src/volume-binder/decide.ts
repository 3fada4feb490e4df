/** What becomes of claims and volumes: the rules of the stock binder (pkg/controller/volume/persistentvolume). Pure. */
import {
  BIND_COMPLETED,
  BOUND_BY_CONTROLLER,
  bestVolumeFor,
  hasNoClass,
  isKeptFor,
  misfitOf,
  type PersistentVolume,
  type PersistentVolumeClaim,
  SELECTED_NODE,
  type StorageClass,
  storageClassOf,
} from '@kubets/api';
import { annotationsOf, nameOf } from '../objects/meta.ts';

/** What may be deleted of this machine: nothing but what somebody put there for a while (volume/hostpath). */
const DELETABLE = /^\/tmp\/(?!(.*\/)?\.\.(\/|$)).+/;
const PROVISIONED_BY = 'pv.kubernetes.io/provisioned-by';
/** Provisioners of this domain were part of the stock process; its volumes are made by hand here. */
const IN_TREE = 'kubernetes.io/';

export interface Telling {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

const tell = (type: Telling['type'], reason: string, message: string): Telling => ({
  ...{ type, reason, message },
});

export interface ClaimView {
  readonly claim: PersistentVolumeClaim;
  /** The volume it names, if that exists. */
  readonly named: PersistentVolume | undefined;
  readonly volumes: readonly PersistentVolume[];
  /** The class it names, if that exists. */
  readonly storageClass: StorageClass | undefined;
  readonly defaultClass: StorageClass | undefined;
}

export type ClaimStep =
  | { readonly do: 'bind'; readonly volume: PersistentVolume }
  | { readonly do: 'setClass'; readonly name: string }
  /** Waits. `provisioner`: whoever makes volumes is asked for one. */
  | { readonly do: 'wait'; readonly tell?: Telling; readonly provisioner?: string }
  | { readonly do: 'lose'; readonly tell: Telling };

export function decideClaim(view: ClaimView): ClaimStep {
  const { claim } = view;
  if (annotationsOf(claim)[BIND_COMPLETED] !== undefined) return boundStep(view);
  if (claim.metadata.deletionTimestamp !== undefined) return { do: 'wait' };
  return claim.spec?.volumeName ? namedStep(view) : openStep(view);
}

/** A claim that was bound once stays so, or has lost its data. */
function boundStep({ claim, named }: ClaimView): ClaimStep {
  const lost = (reason: string, message: string): ClaimStep => ({
    do: 'lose',
    tell: tell('Warning', reason, message),
  });
  if (!claim.spec?.volumeName) {
    const what = 'Bound claim has lost reference to PersistentVolume';
    return lost('ClaimLost', `${what}. Data on the volume is lost!`);
  }
  if (named === undefined) {
    return lost(
      'ClaimLost',
      'Bound claim has lost its PersistentVolume. Data on the volume is lost!',
    );
  }
  if (named.spec?.claimRef === undefined || isKeptFor(named, claim)) {
    return { do: 'bind', volume: named };
  }
  const what = 'Two claims are bound to the same volume, this one is bound incorrectly';
  return lost('ClaimMisbound', what);
}

/** A claim for one volume, as its author has it. */
function namedStep({ claim, named }: ClaimView): ClaimStep {
  if (named === undefined) return { do: 'wait' };
  if (named.spec?.claimRef === undefined) {
    const why = misfitOf(named, claim);
    if (why === undefined) return { do: 'bind', volume: named };
    const message = `Cannot bind to requested volume "${nameOf(named)}": ${why}`;
    return { do: 'wait', tell: tell('Warning', 'VolumeMismatch', message) };
  }
  if (isKeptFor(named, claim)) return { do: 'bind', volume: named };
  const message = `volume "${nameOf(named)}" already bound to a different claim.`;
  return { do: 'wait', tell: tell('Warning', 'FailedBinding', message) };
}

/** A claim for any volume that fits. */
function openStep(view: ClaimView): ClaimStep {
  const { claim, storageClass, defaultClass, volumes } = view;
  if (hasNoClass(claim) && defaultClass) return { do: 'setClass', name: nameOf(defaultClass) };
  const isLate = storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
  const node = annotationsOf(claim)[SELECTED_NODE];
  // Which volume, is the scheduler's to say, unless one is kept for this claim already.
  const choice = isLate ? volumes.filter((volume) => isKeptFor(volume, claim)) : volumes;
  const volume = bestVolumeFor(claim, choice);
  if (volume !== undefined) return { do: 'bind', volume };
  if (isLate && node === undefined) {
    const message = 'waiting for first consumer to be created before binding';
    return { do: 'wait', tell: tell('Normal', 'WaitForFirstConsumer', message) };
  }
  return provisionStep(storageClassOf(claim), storageClass);
}

function provisionStep(name: string, storageClass: StorageClass | undefined): ClaimStep {
  if (name === '') {
    const message = 'no persistent volumes available for this claim and no storage class is set';
    return { do: 'wait', tell: tell('Normal', 'FailedBinding', message) };
  }
  if (storageClass === undefined) {
    const message = `storageclass.storage.k8s.io "${name}" not found`;
    return { do: 'wait', tell: tell('Warning', 'ProvisioningFailed', message) };
  }
  const { provisioner } = storageClass;
  if (provisioner.startsWith(IN_TREE)) {
    const message = `no volume plugin matched name: ${provisioner}`;
    return { do: 'wait', tell: tell('Warning', 'ProvisioningFailed', message) };
  }
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the ` +
    'system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.';
  return { do: 'wait', provisioner, tell: tell('Normal', 'ExternalProvisioning', message) };
}

export interface VolumeStep {
  readonly phase?: 'Available' | 'Bound' | 'Released' | 'Failed';
  /** For whom it was kept is forgotten: whole, or only which claim of that name it was. */
  readonly forget?: 'claim' | 'uid';
  /** A directory of this machine whose end is the volume's. */
  readonly remove?: string;
  readonly tell?: Telling;
}

/** @param claim of the name the volume is kept for */
export function decideVolume(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim | undefined,
): VolumeStep {
  const ref = volume.spec?.claimRef;
  if (!ref?.uid) return { phase: 'Available' };
  if (claim === undefined || claim.metadata.uid !== ref.uid) return released(volume);
  const chosen = claim.spec?.volumeName ?? '';
  if (chosen === nameOf(volume)) return { phase: 'Bound' };
  // The claim is on its way to this volume.
  if (chosen === '') return {};
  const isOurs = annotationsOf(volume)[BOUND_BY_CONTROLLER] !== undefined;
  return { phase: 'Available', forget: isOurs ? 'claim' : 'uid' };
}

/** Nobody's any more. What is to become of it, is the volume's own to say. */
function released(volume: PersistentVolume): VolumeStep {
  if (volume.status?.phase === 'Failed') return {};
  const policy = volume.spec?.persistentVolumeReclaimPolicy ?? 'Retain';
  const isForeign = annotationsOf(volume)[PROVISIONED_BY] !== undefined;
  if (policy === 'Retain' || isForeign || volume.spec?.csi) return { phase: 'Released' };
  if (policy === 'Recycle') {
    const message = 'No recycler plugin found for the volume!';
    return { phase: 'Failed', tell: tell('Warning', 'VolumeFailedRecycle', message) };
  }
  const path = volume.spec?.hostPath?.path;
  if (path !== undefined && DELETABLE.test(path)) return { phase: 'Released', remove: path };
  if (path !== undefined) {
    return failedToDelete(`host_path deleter only supports /tmp/.+ but received provided ${path}`);
  }
  const what = `error getting deleter volume plugin for volume "${nameOf(volume)}"`;
  return failedToDelete(`${what}: no deletable volume plugin matched`);
}

/** What is told when the data of a volume cannot be deleted, or was not. */
export function failedToDelete(message: string): VolumeStep {
  return { phase: 'Failed', tell: tell('Warning', 'VolumeFailedDelete', message) };
}
