/**
 * What the registry and the caches need from the store: keys, bytes, revisions. The etcd client stands behind it in
 * production ({@link EtcdStore}), a map in tests.
 */

/** A value as stored. `revision` is the store's mod revision. */
export interface StoredValue {
  readonly key: string;
  readonly value: Buffer;
  readonly revision: bigint;
}

/** A read of one key; `revision` is the store's revision at the read. */
export interface StoreRead {
  readonly value: StoredValue | undefined;
  readonly revision: bigint;
}

/** A page of a prefix in key order. */
export interface StorePage {
  readonly values: readonly StoredValue[];
  /** Whether keys after the last one exist. */
  readonly more: boolean;
  /** Keys from the page's start on, the page itself included. */
  readonly count: number;
  readonly revision: bigint;
}

/** Outcome of a compare-and-swap. */
export type SwapResult =
  | { readonly ok: true; readonly revision: bigint }
  | { readonly ok: false; readonly current: StoredValue | undefined };

/** One change, in revision order. */
export interface StoreEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Empty for a delete. */
  readonly value: Buffer;
  readonly revision: bigint;
}

export interface SwapOptions {
  /** The value vanishes after this long, or a little later. */
  readonly ttlSeconds?: number;
}

export interface StoreWatchHandlers {
  /** Whole revisions only: the events of one revision come in one call. */
  onEvents(events: readonly StoreEvent[], revision: bigint): void;
  /** Every event up to this revision has been delivered. */
  onProgress(revision: bigint): void;
  /** The start revision is gone; the watch is over. */
  onCompacted(): void;
  /** The watch is over for another reason. */
  onError(error: Error): void;
}

export interface StoreWatch {
  cancel(): void;
  /** Asks for an `onProgress` soon. */
  requestProgress(): void;
}

export interface PageOptions {
  readonly limit: number;
  /** First key, inclusive; default the prefix itself. */
  readonly from?: string;
  /** Read as of this revision; default: newest, linearizable. */
  readonly revision?: bigint;
}

/** All methods reject with `ApiError`s (see `errors.ts`): nothing store-specific leaks out. */
export interface Store {
  get(key: string, o?: { revision?: bigint }): Promise<StoreRead>;
  page(prefix: string, o: PageOptions): Promise<StorePage>;
  /** The store's revision now, linearizable, cheap. */
  currentRevision(): Promise<bigint>;
  /** Writes if the key's mod revision is `expected` (0n: the key is absent). */
  swap(key: string, value: Buffer, expected: bigint, o?: SwapOptions): Promise<SwapResult>;
  /** Deletes if the key's mod revision is `expected`. */
  remove(key: string, expected: bigint): Promise<SwapResult>;
  /** Gives up the history before `revision`; does nothing when that is gone already. */
  compact(revision: bigint): Promise<void>;
  /** Events of a prefix with revision ≥ `from`. */
  watch(prefix: string, from: bigint, handlers: StoreWatchHandlers): StoreWatch;
  /**
   * Whether {@link StoreWatchHandlers.onProgress} can be relied on when it was asked for. Members of etcd before 3.4.31 and
   * 3.5.13 may answer before the events up to that revision were sent (etcd issue 15220). Absent: it can.
   */
  confirmsProgress?(): boolean;
  /** Whether the value of a key is kept in a form that a new write would not use. Absent: never. */
  isStale?(key: string): Promise<boolean>;
  /** Tells a store whose values are sealed by the one above it how to look into them. */
  readThrough?(open: (key: string, value: Buffer) => Buffer): void;
  /** Bytes of the store's database on the disk of each member that answers, by the member's address. Absent: unknown. */
  sizes?(): Promise<readonly { readonly member: string; readonly bytes: number }[]>;
  close(): void;
}
