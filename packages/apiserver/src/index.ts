/** `@kubets/apiserver`: the only door to the cluster. See README.md for the reading order. */
export { type ApiServerConfig, flags as apiServerFlags } from './config.ts';
export {
  type EmbeddedApiServer,
  type StartApiServerOptions,
  startApiServer,
} from './embedded/start.ts';
export type * from './ports.ts';
export { LOOPBACK_USER } from './ports.ts';
export { ApiServer, type ApiServerOptions } from './server.ts';
export { EtcdStore, type EtcdStoreOptions } from './storage/etcd-store.ts';
export { MemoryStore } from './storage/memory-store.ts';
export type { Store } from './storage/store.ts';
