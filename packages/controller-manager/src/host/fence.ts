import { ApiError, type KubeObject } from '@kubets/api';
import type { Api, ResourceApi } from '@kubets/client';

/** What every request is answered with once the process no longer leads. */
function notLeading(): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    code: 503,
    reason: 'ServiceUnavailable',
    message: 'this process does not lead any more',
  });
}

/**
 * The API for as long as the signal lasts. A loop that is in the middle of something when leadership
 * ends can write nothing more, however long it takes to stop.
 */
export function fencedApi(api: Api, signal: AbortSignal): Api {
  return {
    resource<T extends KubeObject>(groupVersion: string, resource: string): ResourceApi<T> {
      return fencedResource(api.resource<T>(groupVersion, resource), signal);
    },
    async discover(groupVersion) {
      if (signal.aborted) throw notLeading();
      return api.discover(groupVersion);
    },
  };
}

function fencedResource<T extends KubeObject>(
  inner: ResourceApi<T>,
  signal: AbortSignal,
): ResourceApi<T> {
  const guard = async <R>(call: () => Promise<R>): Promise<R> => {
    if (signal.aborted) throw notLeading();
    return call();
  };
  return {
    get: (namespace, name) => guard(() => inner.get(namespace, name)),
    list: (namespace, options) => guard(() => inner.list(namespace, options)),
    create: (object) => guard(() => inner.create(object)),
    submit: (object, place) => guard(() => inner.submit(object, place)),
    update: (object) => guard(() => inner.update(object)),
    updateStatus: (object) => guard(() => inner.updateStatus(object)),
    patch: (namespace, name, type, body, options) =>
      guard(() => inner.patch(namespace, name, type, body, options)),
    delete: (namespace, name, options) => guard(() => inner.delete(namespace, name, options)),
    watch: (namespace, options, onEvents) => {
      if (signal.aborted) return { done: Promise.resolve(notLeading()), stop: () => undefined };
      return inner.watch(namespace, options, onEvents);
    },
    createSubresource: <R extends KubeObject>(...args: SubresourceArgs) =>
      guard(() => inner.createSubresource<R>(...args)),
    getSubresource: <R extends KubeObject>(namespace: string, name: string, subresource: string) =>
      guard(() => inner.getSubresource<R>(namespace, name, subresource)),
    updateSubresource: <R extends KubeObject>(...args: SubresourceArgs) =>
      guard(() => inner.updateSubresource<R>(...args)),
  };
}

type SubresourceArgs = [namespace: string, name: string, subresource: string, object: object];
