import type { EndpointSlice, KubeObject } from '@kubets/api';
import {
  type Controller,
  type ControllerDeps,
  type KeyQueue,
  queueController,
} from '../host/controller.ts';
import { INDEX, SERVICE_NAME_LABEL } from '../host/informers.ts';
import { keyOf, labelsOf, namespaceOf, uidOf } from '../objects/meta.ts';
import { decideMirror, MIRROR_MANAGER } from './mirror.ts';
import { MANAGED_BY_LABEL } from './slices.ts';
import { writeSlices } from './write-slices.ts';

/** Keeps slices in step with the Endpoints that users write themselves. */
export function endpointMirroringController(deps: ControllerDeps): Controller {
  const { services, endpoints, endpointSlices } = deps.informers;
  const api = deps.api.resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices');
  return queueController({
    name: 'endpointslice-mirroring-controller',
    queueName: 'endpoint_slice_mirroring',
    deps,
    needs: [services, endpoints, endpointSlices],
    subscribe: (queue) => {
      const byKey = everyChange((object) => keyOf(object), queue);
      const byService = everyChange(mirroredKey, queue);
      return [services.on(byKey), endpoints.on(byKey), endpointSlices.on(byService)];
    },
    async reconcile(key) {
      const present = endpoints.get(key);
      const slices = endpointSlices.byIndex(INDEX.service, key).filter(isMirror);
      const changes = decideMirror({ service: services.get(key), endpoints: present, slices });
      await writeSlices(api, changes, {
        uid: present ? uidOf(present) : '',
        manager: MIRROR_MANAGER,
      });
    },
  });
}

const isMirror = (slice: KubeObject): boolean =>
  labelsOf(slice)[MANAGED_BY_LABEL] === MIRROR_MANAGER;

const mirroredKey = (slice: KubeObject): string | undefined =>
  isMirror(slice) ? `${namespaceOf(slice)}/${labelsOf(slice)[SERVICE_NAME_LABEL]}` : undefined;

function everyChange(key: (object: KubeObject) => string | undefined, queue: KeyQueue) {
  const wake = (object: KubeObject): void => {
    const found = key(object);
    if (found !== undefined) queue.add(found);
  };
  return {
    add: wake,
    update: (_old: KubeObject, object: KubeObject) => wake(object),
    delete: wake,
  };
}
