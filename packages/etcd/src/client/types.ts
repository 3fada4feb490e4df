/** What the client takes and gives. Keys and values are Buffers, revisions bigints. */

import type { Loose, KeyValue as WireKeyValue } from '../codec/index.ts';
import type { EtcdError } from '../errors.ts';

/** One version of one key. `createRevision` changes when a key is deleted and made anew; `version` counts its puts since. */
export type KeyValue = Readonly<WireKeyValue>;

export interface CallOptions {
  /** The whole time of the call, retries included. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface RangeOptions extends CallOptions {
  /** The most pairs to return; the result's `more` says that there are others. */
  readonly limit?: number;
  /** Read the state as of this revision. */
  readonly revision?: bigint;
  /** Let the member answer from what it has, which may be behind. */
  readonly serializable?: boolean;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: bigint;
  readonly maxModRevision?: bigint;
  readonly descending?: boolean;
}

export interface RangeResult {
  readonly kvs: readonly KeyValue[];
  /** Keys in the interval, whatever the limit. */
  readonly count: bigint;
  readonly more: boolean;
  /** The store's revision when the answer was made. */
  readonly revision: bigint;
}

export interface GetResult {
  readonly kv: KeyValue | undefined;
  readonly count: bigint;
  readonly revision: bigint;
}

export interface PutOptions extends CallOptions {
  readonly lease?: bigint;
  /** Return the version before. */
  readonly prevKv?: boolean;
}

export interface PutResult {
  readonly revision: bigint;
  readonly prevKv: KeyValue | undefined;
}

export interface DeleteOptions extends CallOptions {
  /** Delete [key, rangeEnd). */
  readonly rangeEnd?: Uint8Array;
  readonly prevKv?: boolean;
}

export interface DeleteResult {
  readonly revision: bigint;
  readonly deleted: bigint;
  readonly prevKvs: readonly KeyValue[];
}

/** A condition on a key; see the makers in `compare`. */
export type Condition = Loose<import('../codec/index.ts').Compare>;

/** One step of a transaction; see the makers in `op`. */
export type Operation = Loose<import('../codec/index.ts').RequestOp>;

export interface TxnRequest {
  readonly compare?: readonly Condition[];
  readonly success?: readonly Operation[];
  readonly failure?: readonly Operation[];
}

/** The answer to one step, in the step's place. */
export type TxnStep =
  | ({ readonly type: 'range' } & RangeResult)
  | ({ readonly type: 'put' } & PutResult)
  | ({ readonly type: 'delete' } & DeleteResult)
  | ({ readonly type: 'txn' } & TxnResult);

export interface TxnResult {
  readonly succeeded: boolean;
  readonly revision: bigint;
  readonly responses: readonly TxnStep[];
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  /** For `delete` only `key` and `modRevision` mean anything. */
  readonly kv: KeyValue;
  /** With `prevKv`: the version before, if there was one and it is not compacted. */
  readonly prevKv: KeyValue | undefined;
}

export interface WatchOptions {
  readonly key: Uint8Array;
  /** Watch [key, rangeEnd); absent: the one key. */
  readonly rangeEnd?: Uint8Array;
  /** The first revision wanted; absent: from now on. */
  readonly startRevision?: bigint;
  readonly prevKv?: boolean;
  /** Ask the server for progress from time to time even without events. */
  readonly progressNotify?: boolean;
}

/**
 * What a watch reports. Every event of the interval from the start revision on comes once, in order, and never part of a
 * revision without the rest, across reconnects and changes of member. `onCompacted` and `onError` are each the last call.
 */
export interface WatchHandlers {
  /** `revision`: how far the server had come; everything up to the last event's revision has been delivered. */
  onEvents(events: readonly WatchEvent[], revision: bigint): void;
  /** Nothing up to this revision is still to come. */
  onProgress?(revision: bigint): void;
  /** The server watches from here: called again after every reconnect. */
  onCreated?(revision: bigint): void;
  /** The history wanted is gone; read anew, and watch from there. */
  onCompacted(compactRevision: bigint): void;
  /** The watch was refused for good. */
  onError(error: EtcdError): void;
}

export interface WatchHandle {
  /** Ends the watch; no handler is called afterwards. */
  cancel(): void;
  /** Asks for `onProgress` as soon as the server can say. Lost when the connection breaks: ask again. */
  requestProgress(): void;
}

export interface MemberStatus {
  readonly endpoint: string;
  readonly memberId: bigint;
  readonly clusterId: bigint;
  readonly leader: bigint;
  readonly revision: bigint;
  readonly raftTerm: bigint;
  readonly raftIndex: bigint;
  readonly raftAppliedIndex: bigint;
  readonly dbSize: bigint;
  readonly version: string;
  readonly errors: readonly string[];
}

export interface ClusterMember {
  readonly id: bigint;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}
