/** Binding: the scheduler's one write, which puts a pod on a node. */
import { type Binding, badRequest, bindPod, type KubeObject, type Pod } from '@kubets/api';
import { admissionOf, type RegistryDeps, type Target, type WriteContext } from './context.ts';
import { rfc3339 } from './time.ts';
import { updateObject } from './update.ts';

/** A success without an object. */
export const SUCCESS_CREATED: KubeObject = {
  kind: 'Status',
  apiVersion: 'v1',
  metadata: {},
  status: 'Success',
  ...{ code: 201 },
};

/**
 * Sets a pod's node, once.
 * @throws ApiError Conflict when the pod has a node, is being deleted, or waits at scheduling gates
 */
export async function createBinding(
  deps: RegistryDeps,
  target: Target,
  binding: KubeObject,
  ctx: WriteContext,
): Promise<KubeObject> {
  if ((binding.metadata.name ?? '') !== target.name) {
    throw badRequest('name in URL does not match name in Binding object');
  }
  const place = { ...target, subresource: 'binding' };
  const objects = { object: binding, oldObject: undefined };
  await deps.admission.admit(admissionOf(place, 'CREATE', objects, ctx));
  await deps.admission.validate(admissionOf(place, 'CREATE', objects, ctx));
  const bind = (pod: KubeObject): KubeObject => {
    bindPod(pod as Pod, binding as Binding, rfc3339(deps.clock.now()));
    return pod;
  };
  await updateObject(deps, place, bind, ctx, { trusted: true });
  return SUCCESS_CREATED;
}
