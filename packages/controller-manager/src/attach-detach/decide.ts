/**
 * Which volumes of drivers are to be attached to a node, and which detached: what the stock attach-detach controller decides
 * (pkg/controller/volume/attachdetach). Pure.
 */
import { createHash } from 'node:crypto';
import type {
  AttachedVolume,
  CSIDriver,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  VolumeAttachment,
} from '@kubets/api';
import { DETACH_TIMEOUT_MS } from '../limits.ts';
import { sameJson } from '../objects/json.ts';
import { annotationsOf, isDeleting, keyOf, nameOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { isFinished } from '../objects/pods.ts';

/** Set by kubelets that leave attaching to this controller. */
const MANAGED = 'volumes.kubernetes.io/controller-managed-attach-detach';
const KEEPS_TERMINATED = 'volumes.kubernetes.io/keep-terminated-pod-volumes';
const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';
const SHARED_MODES: ReadonlySet<string> = new Set(['ReadWriteMany', 'ReadOnlyMany']);

export interface AttachView {
  readonly nodeName: string;
  /** Absent when the node has gone. */
  readonly node: Node | undefined;
  /** Pods on the node. */
  readonly pods: readonly Pod[];
  /** All attachments of the cluster. */
  readonly attachments: readonly VolumeAttachment[];
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  driver(name: string): CSIDriver | undefined;
  /** Since when an attachment is no longer wanted. */
  unwantedSinceMs(name: string): number;
  readonly nowMs: number;
}

/** Something that users of a volume are told. */
export interface AttachTelling {
  readonly pod: Pod;
  readonly type: 'Normal' | 'Warning';
  readonly reason: 'SuccessfulAttachVolume' | 'FailedAttachVolume';
  readonly message: string;
}

export interface AttachPlan {
  readonly create: VolumeAttachment[];
  readonly remove: VolumeAttachment[];
  /** `status.volumesAttached` of the node, where it is to change. */
  readonly attached: AttachedVolume[] | undefined;
  readonly tell: AttachTelling[];
  /** Names of attachments that nobody wants and that cannot go yet. */
  readonly waiting: string[];
}

/** Whether attaching to a node is this controller's. */
export const isManaged = (node: Node): boolean => annotationsOf(node)[MANAGED] === 'true';

/** The name of an attachment, the same for whoever makes it. */
export function attachmentName(driver: string, handle: string, node: string): string {
  return `csi-${createHash('sha256').update(`${handle}${driver}${node}`).digest('hex')}`;
}

interface Wanted {
  readonly volume: PersistentVolume;
  readonly driver: string;
  readonly handle: string;
  readonly pods: Pod[];
}

export function decideAttachments(view: AttachView): AttachPlan {
  const { node, nodeName, attachments } = view;
  const plan: AttachPlan = { create: [], remove: [], attached: undefined, tell: [], waiting: [] };
  if (node !== undefined && !isManaged(node)) return plan;
  const wanted = wantedVolumes(view);
  const here = attachments.filter((one) => one.spec.nodeName === nodeName);
  for (const [name, one] of wanted) {
    const known = here.find((other) => nameOf(other) === name);
    if (known === undefined) attach(name, one, { view, plan });
    else plan.tell.push(...newsOf(known, one));
  }
  const going = here.filter((one) => isOurs(one, view) && !wanted.has(nameOf(one)));
  for (const one of going) detach(one, { view, plan });
  const attached = reported(
    view,
    [...here].filter((one) => !plan.remove.includes(one)),
  );
  if (node !== undefined && !sameJson(attached, node.status?.volumesAttached ?? [])) {
    return { ...plan, attached };
  }
  return plan;
}

/** By the names their attachments have. */
function wantedVolumes(view: AttachView): Map<string, Wanted> {
  const wanted = new Map<string, Wanted>();
  if (view.node === undefined) return wanted;
  for (const pod of view.pods) {
    if (isOver(pod, view.node)) continue;
    for (const volume of volumesOf(pod, view)) {
      const { driver = '', volumeHandle: handle = '' } = volume.spec?.csi ?? {};
      if (view.driver(driver)?.spec.attachRequired === false) continue;
      const name = attachmentName(driver, handle, view.nodeName);
      const known = wanted.get(name) ?? { volume, driver, handle, pods: [] };
      known.pods.push(pod);
      wanted.set(name, known);
    }
  }
  return wanted;
}

/** Pods that have ended give their volumes back, unless the node wants them kept. */
function isOver(pod: Pod, node: Node): boolean {
  const keeps = annotationsOf(node)[KEEPS_TERMINATED] === 'true';
  return !keeps && isFinished(pod);
}

/** The volumes of drivers that a pod's claims are bound to. */
function volumesOf(pod: Pod, { claim, volume }: AttachView): PersistentVolume[] {
  return (pod.spec?.volumes ?? []).flatMap((one) => {
    const name = one.ephemeral
      ? `${nameOf(pod)}-${one.name}`
      : one.persistentVolumeClaim?.claimName;
    const found = name === undefined ? undefined : claim(`${namespaceOf(pod)}/${name}`);
    const bound =
      found?.status?.phase === 'Bound' ? volume(found.spec?.volumeName ?? '') : undefined;
    if (found === undefined || bound?.spec?.csi === undefined) return [];
    return bound.spec.claimRef?.uid === uidOf(found) ? [bound] : [];
  });
}

interface Step {
  readonly view: AttachView;
  readonly plan: AttachPlan;
}

function attach(name: string, wanted: Wanted, { view, plan }: Step): void {
  const { volume, driver, pods } = wanted;
  if (isDeleting(volume)) return;
  const elsewhere = view.attachments.some(
    ({ spec }) =>
      spec.source.persistentVolumeName === nameOf(volume) && spec.nodeName !== view.nodeName,
  );
  if (elsewhere && isExclusive(volume)) {
    const why =
      "Volume is already exclusively attached to one node and can't be attached to another";
    const message = `Multi-Attach error for volume "${nameOf(volume)}" ${why}`;
    for (const pod of pods) {
      plan.tell.push({ pod, type: 'Warning', reason: 'FailedAttachVolume', message });
    }
    return;
  }
  plan.create.push({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name },
    spec: {
      attacher: driver,
      nodeName: view.nodeName,
      source: { persistentVolumeName: nameOf(volume) },
    },
  });
}

function isExclusive({ spec }: PersistentVolume): boolean {
  const modes = spec?.accessModes ?? [];
  return modes.length > 0 && !modes.some((mode) => SHARED_MODES.has(mode));
}

function newsOf({ status }: VolumeAttachment, { volume, pods }: Wanted): AttachTelling[] {
  const what = `for volume "${nameOf(volume)}" `;
  if (status?.attached) {
    const message = `AttachVolume.Attach succeeded ${what}`;
    return pods.map((pod) => ({
      ...{ pod, type: 'Normal', reason: 'SuccessfulAttachVolume', message },
    }));
  }
  if (status?.attachError === undefined) return [];
  const message = `AttachVolume.Attach failed ${what}: ${status.attachError.message ?? ''}`;
  return pods.map((pod) => ({ pod, type: 'Warning', reason: 'FailedAttachVolume', message }));
}

/** Attachments somebody made under another name are left to them. */
function isOurs({ metadata, spec }: VolumeAttachment, { volume }: AttachView): boolean {
  const handle = volume(spec.source.persistentVolumeName ?? '')?.spec?.csi?.volumeHandle;
  return (
    handle !== undefined && metadata.name === attachmentName(spec.attacher, handle, spec.nodeName)
  );
}

function volumeKey({ spec }: VolumeAttachment, { volume }: AttachView): string {
  const handle = volume(spec.source.persistentVolumeName ?? '')?.spec?.csi?.volumeHandle ?? '';
  return `kubernetes.io/csi/${spec.attacher}^${handle}`;
}

/** A volume that is still mounted stays, unless its node will not let go of it any more. */
function detach(one: VolumeAttachment, { view, plan }: Step): void {
  if (isDeleting(one)) return;
  const inUse = view.node?.status?.volumesInUse?.includes(volumeKey(one, view)) ?? false;
  if (!inUse || mayForce(view, nameOf(one))) plan.remove.push(one);
  else plan.waiting.push(nameOf(one));
}

function mayForce({ node, unwantedSinceMs, nowMs }: AttachView, name: string): boolean {
  if (node?.spec?.taints?.some(({ key }) => key === OUT_OF_SERVICE)) return true;
  const ready = node?.status?.conditions?.find(({ type }) => type === 'Ready');
  return ready?.status !== 'True' && nowMs - unwantedSinceMs(name) >= DETACH_TIMEOUT_MS;
}

/** What the kubelet is told: volumes that are attached, and not about to be detached. */
function reported(view: AttachView, kept: readonly VolumeAttachment[]): AttachedVolume[] {
  return kept
    .filter((one) => one.status?.attached && !isDeleting(one) && isOurs(one, view))
    .map((one) => ({ name: volumeKey(one, view), devicePath: '' }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A text that is the same for the same telling. */
export const tellingKey = ({ pod, message }: AttachTelling): string =>
  `${keyOf(pod)} ${uidOf(pod)} ${message}`;
