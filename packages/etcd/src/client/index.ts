/** `@kubets/etcd/client`: an etcd v3 client. */

export {
  AmbiguousError,
  EtcdError,
  type EtcdErrorKind,
  isEtcdError,
  NotTakenError,
} from '../errors.ts';
export { EtcdClient, type EtcdClientOptions } from './etcd-client.ts';
export { compare, keyAfter, op, prefixEnd } from './keys.ts';
export type { LeaseHandle, LeaseKeeperHandlers } from './lease-keeper.ts';
export type * from './types.ts';
