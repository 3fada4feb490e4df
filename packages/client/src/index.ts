/** How components talk to the cluster: see README.md for the reading order. */
export { Informer, type InformerHandlers, type InformerOptions } from './cache/informer.ts';
export { IndexedStore } from './cache/store.ts';
export { TransportError } from './errors.ts';
export { EventRecorder, type EventRecorderOptions } from './events/event-recorder.ts';
export { ApiClient, type ApiClientOptions } from './grpc/api-client.ts';
export { ClientFigures } from './grpc/client-figures.ts';
export { ResourceClient } from './grpc/resource-client.ts';
export { STATUS_TRAILER } from './grpc/wire.ts';
export { LeaderElector, type LeaderElectorOptions } from './leader/leader-elector.ts';
export {
  type Api,
  type DeleteOptions,
  type DiscoveredList,
  type DiscoveredResource,
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
export { QueueMetrics } from './queue/queue-metrics.ts';
export { WorkQueue, type WorkQueueOptions } from './queue/work-queue.ts';
export {
  FakeApi,
  type FakeApiOptions,
  type FakeRequest,
  type FakeVerb,
} from './testing/fake-api.ts';
