/** `@kubets/etcd`: the store. `@kubets/etcd/client` is its client. */

export { AmbiguousError, EtcdError, isEtcdError, StorageError } from './errors.ts';
export type * from './ports.ts';
export { type Etcd, type EtcdOptions, startEtcd } from './server/solo.ts';
