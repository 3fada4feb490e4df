/** Claims that pods have for themselves: made from the template of an `ephemeral` volume, and gone with the pod. */
import { isAlreadyExists, type PersistentVolumeClaim, type Pod, type Volume } from '@kubets/api';
import { type Controller, type ControllerDeps, queueController } from '../host/controller.ts';
import { INDEX } from '../host/informers.ts';
import {
  isControlledBy,
  isDeleting,
  keyOf,
  nameOf,
  namespaceOf,
  newControllerRef,
} from '../objects/meta.ts';

const POD_KIND = { apiVersion: 'v1', kind: 'Pod' };

export function ephemeralVolumeController(deps: ControllerDeps): Controller {
  const { pods, claims } = deps.informers;
  const api = deps.api.resource<PersistentVolumeClaim>('v1', 'persistentvolumeclaims');
  const events = deps.recorder('ephemeral_volume');

  const create = async (pod: Pod, volume: Volume): Promise<void> => {
    const name = claimName(pod, volume);
    const known = claims.get(`${namespaceOf(pod)}/${name}`);
    if (known !== undefined) {
      if (isControlledBy(known, pod)) return;
      const why = `PVC ${namespaceOf(pod)}/${name} was not created for pod ${keyOf(pod)} (pod is not owner)`;
      events.event({ ...pod, ...POD_KIND }, 'Warning', 'FailedCreate', why);
      return;
    }
    try {
      await api.create(claimFor(pod, volume, name));
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  };

  return queueController({
    name: 'ephemeral-volume-controller',
    queueName: 'ephemeral_volume',
    deps,
    needs: [pods, claims],
    subscribe: (queue) => [
      pods.on({
        add: (pod) => {
          if (ownVolumes(pod).length > 0) queue.add(keyOf(pod));
        },
      }),
      claims.on({
        // Whosever it was: its name is free now.
        delete: (claim) => {
          for (const pod of pods.byIndex(INDEX.namespace, namespaceOf(claim))) {
            const isOfPod = (volume: Volume): boolean => claimName(pod, volume) === nameOf(claim);
            if (ownVolumes(pod).some(isOfPod)) queue.add(keyOf(pod));
          }
        },
      }),
    ],
    async reconcile(key) {
      const pod = pods.get(key);
      if (pod === undefined || isDeleting(pod)) return;
      for (const volume of ownVolumes(pod)) await create(pod, volume);
    },
  });
}

const ownVolumes = ({ spec }: Pod): Volume[] =>
  (spec?.volumes ?? []).filter(({ ephemeral }) => ephemeral?.volumeClaimTemplate !== undefined);

const claimName = (pod: Pod, volume: Volume): string => `${nameOf(pod)}-${volume.name}`;

function claimFor(pod: Pod, { ephemeral }: Volume, name: string): PersistentVolumeClaim {
  const { metadata, spec } = ephemeral?.volumeClaimTemplate ?? { spec: {} };
  const { labels, annotations } = metadata ?? {};
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      ...{ name, namespace: namespaceOf(pod), labels, annotations },
      ownerReferences: [newControllerRef(pod, POD_KIND)],
    },
    spec,
  };
}
