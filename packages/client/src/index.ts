/** How components talk to the cluster: see README.md for the reading order. */
export { Informer, type InformerHandlers, type InformerOptions } from './cache/informer.ts';
export { IndexedStore } from './cache/store.ts';
export { TransportError } from './errors.ts';
export {
  type Api,
  type DeleteOptions,
  keyOf,
  type ListOptions,
  type ListResult,
  type PatchOptions,
  type PatchType,
  type ResourceApi,
  splitKey,
  type WatchEvent,
  type WatchEventType,
  type WatchHandle,
  type WatchOptions,
} from './ports.ts';
export { WorkQueue, type WorkQueueOptions } from './queue/work-queue.ts';
export {
  FakeApi,
  type FakeApiOptions,
  type FakeRequest,
  type FakeVerb,
} from './testing/fake-api.ts';
