/** Messages of the KV, Watch and Lease services. Field meanings: `proto/etcd/`. 64-bit integers are bigints; absent scalars are their zero. */

/** A change. For DELETE only `key` and `mod_revision` of `kv` are set. */
export interface Event {
  type: number;
  kv?: KeyValue | undefined;
  prevKv?: KeyValue | undefined;
}

/** One version of one key. */
export interface KeyValue {
  key: Buffer;
  createRevision: bigint;
  modRevision: bigint;
  version: bigint;
  value: Buffer;
  lease: bigint;
}

/** Gives up the history before `revision`. */
export interface CompactionRequest {
  revision: bigint;
  physical: boolean;
}

export interface CompactionResponse {
  header?: ResponseHeader | undefined;
}

/** A condition on every key of [key, range_end); all must hold. A missing key has version, revisions and lease 0. */
export interface Compare {
  result: number;
  target: number;
  key: Buffer;
  version?: bigint | undefined;
  createRevision?: bigint | undefined;
  modRevision?: bigint | undefined;
  value?: Buffer | undefined;
  lease?: bigint | undefined;
  rangeEnd: Buffer;
}

/** Removes the keys in [key, range_end). */
export interface DeleteRangeRequest {
  key: Buffer;
  rangeEnd: Buffer;
  prevKv: boolean;
}

export interface DeleteRangeResponse {
  header?: ResponseHeader | undefined;
  deleted: bigint;
  prevKvs: KeyValue[];
}

/** Creates a lease of TTL seconds; ID 0 lets the server choose. */
export interface LeaseGrantRequest {
  TTL: bigint;
  ID: bigint;
}

export interface LeaseGrantResponse {
  header?: ResponseHeader | undefined;
  ID: bigint;
  TTL: bigint;
  error: string;
}

/** Starts the TTL anew. */
export interface LeaseKeepAliveRequest {
  ID: bigint;
}

/** TTL 0: there is no such lease. */
export interface LeaseKeepAliveResponse {
  header?: ResponseHeader | undefined;
  ID: bigint;
  TTL: bigint;
}

export interface LeaseLeasesResponse {
  header?: ResponseHeader | undefined;
  leases: LeaseStatus[];
}

/** Ends a lease and deletes the keys attached to it. */
export interface LeaseRevokeRequest {
  ID: bigint;
}

export interface LeaseRevokeResponse {
  header?: ResponseHeader | undefined;
}

export interface LeaseStatus {
  ID: bigint;
}

export interface LeaseTimeToLiveRequest {
  ID: bigint;
  keys: boolean;
}

/** TTL -1: there is no such lease. */
export interface LeaseTimeToLiveResponse {
  header?: ResponseHeader | undefined;
  ID: bigint;
  TTL: bigint;
  grantedTTL: bigint;
  keys: Buffer[];
}

/** Writes one key. */
export interface PutRequest {
  key: Buffer;
  value: Buffer;
  lease: bigint;
  prevKv: boolean;
  ignoreValue: boolean;
  ignoreLease: boolean;
}

export interface PutResponse {
  header?: ResponseHeader | undefined;
  prevKv?: KeyValue | undefined;
}

/** Reads keys in [key, range_end). An empty range_end means the one key; a single zero byte means every key from `key` on. */
export interface RangeRequest {
  key: Buffer;
  rangeEnd: Buffer;
  limit: bigint;
  revision: bigint;
  sortOrder: number;
  sortTarget: number;
  serializable: boolean;
  keysOnly: boolean;
  countOnly: boolean;
  minModRevision: bigint;
  maxModRevision: bigint;
  minCreateRevision: bigint;
  maxCreateRevision: bigint;
}

/** Pairs in the order asked for. `count` is the number of keys in the interval, whatever the limit. */
export interface RangeResponse {
  header?: ResponseHeader | undefined;
  kvs: KeyValue[];
  more: boolean;
  count: bigint;
}

/** One step of a transaction. */
export interface RequestOp {
  requestRange?: RangeRequest | undefined;
  requestPut?: PutRequest | undefined;
  requestDeleteRange?: DeleteRangeRequest | undefined;
  requestTxn?: TxnRequest | undefined;
}

/** Sent with nearly every answer: who answered, and how far its state had come. */
export interface ResponseHeader {
  clusterId: bigint;
  memberId: bigint;
  revision: bigint;
  raftTerm: bigint;
}

/** The answer to one step of a transaction, in the same position. */
export interface ResponseOp {
  responseRange?: RangeResponse | undefined;
  responsePut?: PutResponse | undefined;
  responseDeleteRange?: DeleteRangeResponse | undefined;
  responseTxn?: TxnResponse | undefined;
}

/** If all of `compare` holds runs `success`, else `failure`; all writes share one revision. */
export interface TxnRequest {
  compare: Compare[];
  success: RequestOp[];
  failure: RequestOp[];
}

export interface TxnResponse {
  header?: ResponseHeader | undefined;
  succeeded: boolean;
  responses: ResponseOp[];
}

export interface WatchCancelRequest {
  watchId: bigint;
}

/** Opens a watcher. start_revision 0 means from now on; watch_id 0 lets the server choose. */
export interface WatchCreateRequest {
  key: Buffer;
  rangeEnd: Buffer;
  startRevision: bigint;
  progressNotify: boolean;
  filters: number[];
  prevKv: boolean;
  watchId: bigint;
  fragment: boolean;
}

/** What a client says on the watch stream. */
export interface WatchRequest {
  createRequest?: WatchCreateRequest | undefined;
  cancelRequest?: WatchCancelRequest | undefined;
  progressRequest?: WatchProgressRequest | undefined;
}

/** Events of one watcher. All events of one revision come in one message unless `fragment` was asked for. */
export interface WatchResponse {
  header?: ResponseHeader | undefined;
  watchId: bigint;
  created: boolean;
  canceled: boolean;
  compactRevision: bigint;
  cancelReason: string;
  fragment: boolean;
  events: Event[];
}

/** Asks for a message whose header tells how far the stream has come. */
export type WatchProgressRequest = Record<never, never>;
