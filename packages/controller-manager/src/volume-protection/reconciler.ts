/**
 * Claims and volumes that are in use are not removed: a finalizer holds what is deleted until its last user has gone.
 * Admission puts it on what is made, these loops on what is older, and they take it off.
 */
import {
  isNotFound,
  type KubeObject,
  type PersistentVolume,
  type PersistentVolumeClaim,
  type Pod,
} from '@kubets/api';
import type { ResourceApi } from '@kubets/client';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import { isDeleting, keyOf, nameOf, namespaceOf } from '../objects/meta.ts';

export const CLAIM_FINALIZER = 'kubernetes.io/pvc-protection';
export const VOLUME_FINALIZER = 'kubernetes.io/pv-protection';

/** Keeps claims while a pod on a node names them. */
export function claimProtection(deps: ControllerDeps): Controller {
  const { claims, pods } = deps.informers;
  const api = deps.api.resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims');
  const podApi = deps.api.resource<Pod>('v1', 'pods');
  return queueController({
    name: 'persistentvolumeclaim-protection-controller',
    queueName: 'pvcprotection',
    deps,
    needs: [claims, pods],
    subscribe: (queue) => [
      claims.on({
        add: (claim) => queue.add(keyOf(claim)),
        update: (_old, claim) => queue.add(keyOf(claim)),
      }),
      pods.on({
        delete: (pod) => {
          const near = claims.byIndex(INDEX.namespace, namespaceOf(pod));
          for (const claim of near) if (isDeleting(claim)) queue.add(keyOf(claim));
        },
      }),
    ],
    async reconcile(key) {
      const claim = claims.get(key);
      if (!claim || isSettled(claim, CLAIM_FINALIZER)) return;
      // Asked of the API itself: a claim must not be let go on old news, and pods in memory have no volumes.
      const users = async (): Promise<boolean> => {
        const { items } = await podApi.list(namespaceOf(claim));
        return items.some((pod) => usesClaim(pod, nameOf(claim)));
      };
      if (isDeleting(claim) && (await users())) return;
      await toggle(api, claim, CLAIM_FINALIZER);
    },
  });
}

/** Keeps volumes while they are bound to a claim. */
export function volumeProtection(deps: ControllerDeps): Controller {
  const { volumes } = deps.informers;
  const api = deps.api.resource<PersistentVolume>('v1', 'persistentvolumes');
  return queueController({
    name: 'persistentvolume-protection-controller',
    queueName: 'pvprotection',
    deps,
    needs: [volumes],
    subscribe: (queue) => [
      volumes.on({
        add: (volume) => queue.add(keyOf(volume)),
        update: (_old, volume) => queue.add(keyOf(volume)),
      }),
    ],
    async reconcile(key) {
      const volume = volumes.get(key);
      if (!volume || isSettled(volume, VOLUME_FINALIZER)) return;
      if (isDeleting(volume) && volume.status?.phase === 'Bound') return;
      await toggle(api, volume, VOLUME_FINALIZER);
    },
  });
}

/** Whether nothing is to be done: what stays has the finalizer, what goes does not. */
const isSettled = (object: KubeObject, finalizer: string): boolean =>
  isDeleting(object) !== (object.metadata.finalizers?.includes(finalizer) ?? false);

/** Whether a pod that a kubelet may have seen names a claim, or has it for itself. */
export function usesClaim({ metadata, spec }: Pod, claim: string): boolean {
  if (!spec?.nodeName) return false;
  return (spec.volumes ?? []).some((volume) => {
    if (volume.persistentVolumeClaim) return volume.persistentVolumeClaim.claimName === claim;
    return volume.ephemeral !== undefined && `${metadata.name}-${volume.name}` === claim;
  });
}

/** Puts the finalizer on what stays, and takes it off what goes. */
async function toggle<T extends KubeObject>(
  api: ResourceApi<T>,
  { metadata }: KubeObject,
  finalizer: string,
): Promise<void> {
  try {
    const live = await api.get(metadata.namespace ?? '', metadata.name ?? '');
    if (live.metadata.uid !== metadata.uid || isSettled(live, finalizer)) return;
    const others = (live.metadata.finalizers ?? []).filter((name) => name !== finalizer);
    const finalizers = isDeleting(live) ? others : [...others, finalizer];
    await api.update({ ...live, metadata: { ...live.metadata, finalizers } });
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
}
