/** Which volume is one for a claim: the rules of the stock binder (component-helpers, storage/volume). Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../generated/types.ts';
import { Quantity } from '../quantity.ts';
import { labelSelectorOf, matchesLabels } from '../selectors/labels.ts';

/** On a claim: it has its volume, and keeps it. */
export const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
/** On a claim or a volume: the binder, not an author, chose the other one. */
export const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';
/** On a claim: where its volume is to be reached. */
export const SELECTED_NODE = 'volume.kubernetes.io/selected-node';

/** Before there was a field the class of volumes and claims was an annotation, which still counts first. */
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/** '' without a class. */
export function storageClassOf({
  metadata,
  spec,
}: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[CLASS_ANNOTATION] ?? spec?.storageClassName ?? '';
}

/** Whether nothing is said of a class: the default one may be filled in. */
export function hasNoClass({ metadata, spec }: PersistentVolumeClaim): boolean {
  const annotated = metadata.annotations?.[CLASS_ANNOTATION];
  return annotated === undefined && spec?.storageClassName === undefined;
}

/** Whether a volume is kept for a claim: by name, and by uid once it has one. */
export function isKeptFor(
  { spec }: PersistentVolume,
  { metadata }: PersistentVolumeClaim,
): boolean {
  const ref = spec?.claimRef;
  if (!ref || ref.name !== metadata.name || ref.namespace !== metadata.namespace) return false;
  return !ref.uid || ref.uid === metadata.uid;
}

const storageOf = (amounts: Record<string, string> | undefined): Quantity =>
  Quantity.parse(amounts?.storage ?? '0');

const modeOf = (volumeMode: string | undefined): string => volumeMode ?? 'Filesystem';

/** What keeps a volume from being the claim's, whoever asked for it; undefined when nothing does. */
export function misfitOf(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): string | undefined {
  const [has, wants] = [volume.spec, claim.spec];
  if (storageOf(has?.capacity).cmp(storageOf(wants?.resources?.requests)) < 0) {
    return 'requested PV is too small';
  }
  if (storageClassOf(volume) !== storageClassOf(claim)) return 'storageClassName does not match';
  if (modeOf(has?.volumeMode) !== modeOf(wants?.volumeMode)) return 'incompatible volumeMode';
  const modes = has?.accessModes ?? [];
  const isOpen = (wants?.accessModes ?? []).every((mode) => modes.includes(mode));
  return isOpen ? undefined : 'incompatible accessMode';
}

/** Whether a free volume may be chosen for a claim. */
function isChoice(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.spec?.claimRef || volume.metadata.deletionTimestamp) return false;
  if (volume.status?.phase !== 'Available') return false;
  const { selector } = claim.spec ?? {};
  const labels = volume.metadata.labels ?? {};
  if (selector !== undefined && !matchesLabels(labelSelectorOf(selector), labels)) return false;
  return misfitOf(volume, claim) === undefined;
}

/**
 * The best volume for a claim: one that is kept for it, or else the smallest of those that are open to the fewest.
 * @param isUsable narrows the choice further: to what a node reaches, to what is not taken a moment ago
 */
export function bestVolumeFor(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  isUsable: (volume: PersistentVolume) => boolean = () => true,
): PersistentVolume | undefined {
  const usable = volumes.filter(isUsable);
  const kept = usable.find((volume) => isKeptFor(volume, claim));
  if (kept !== undefined) return misfitOf(kept, claim) === undefined ? kept : undefined;
  const [best] = usable
    .filter((volume) => isChoice(volume, claim))
    .sort((a, b) => modesOf(a) - modesOf(b) || sizes(a, b));
  return best;
}

const modesOf = ({ spec }: PersistentVolume): number => spec?.accessModes?.length ?? 0;

const sizes = (a: PersistentVolume, b: PersistentVolume): number =>
  storageOf(a.spec?.capacity).cmp(storageOf(b.spec?.capacity)) ||
  ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1);
