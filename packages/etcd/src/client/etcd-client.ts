/** A client of the etcd v3 API: ours or a stock server's. */

import {
  type ClientTls,
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from '@kubets/platform';
import type * as wire from '../codec/index.ts';
import { serviceMethods } from '../codec/index.ts';
import { LIMITS } from '../limits.ts';
import { Endpoints } from './endpoints.ts';
import { rangeFields } from './keys.ts';
import { type LeaseHandle, LeaseKeeper, type LeaseKeeperHandlers } from './lease-keeper.ts';
import type {
  CallOptions,
  ClusterMember,
  DeleteOptions,
  DeleteResult,
  GetResult,
  MemberStatus,
  PutOptions,
  PutResult,
  RangeOptions,
  RangeResult,
  TxnRequest,
  TxnResult,
  TxnStep,
  WatchHandle,
  WatchHandlers,
  WatchOptions,
} from './types.ts';
import { Watcher } from './watcher.ts';

export interface EtcdClientOptions {
  /** Client URLs of the members, such as `https://10.0.0.1:2379`; any number of them. */
  readonly endpoints: readonly string[];
  readonly tls?: ClientTls;
  readonly log?: Logger;
  readonly clock?: Clock;
  readonly random?: Random;
  /** A call's whole time unless the call says otherwise. */
  readonly requestTimeoutMs?: number;
}

const SERVICES = {
  kv: serviceMethods('etcdserverpb.KV'),
  lease: serviceMethods('etcdserverpb.Lease'),
  cluster: serviceMethods('etcdserverpb.Cluster'),
  maintenance: serviceMethods('etcdserverpb.Maintenance'),
} as const;

interface Unary {
  readonly service: keyof typeof SERVICES;
  readonly method: string;
  readonly request: unknown;
  readonly read?: boolean;
  readonly endpoint?: string;
}

/**
 * Calls fail over between the endpoints by themselves. They reject with `EtcdError`; a write whose fate is unknown
 * rejects with `AmbiguousError`.
 */
export class EtcdClient {
  private readonly endpoints: Endpoints;
  private readonly log: Logger;
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly timeoutMs: number;
  private readonly open = new Set<{ cancel(): void }>();

  constructor(options: EtcdClientOptions) {
    this.log = options.log ?? silentLogger;
    this.clock = options.clock ?? systemClock;
    this.random = options.random ?? systemRandom;
    this.timeoutMs = options.requestTimeoutMs ?? LIMITS.clientRequestMs;
    const { endpoints, tls } = options;
    const common = { log: this.log, clock: this.clock, random: this.random };
    this.endpoints = new Endpoints({ endpoints, ...(tls && { tls }), ...common });
  }

  /** The newest version of a key, or the one at `revision`. */
  async get(key: Uint8Array, options: RangeOptions = {}): Promise<GetResult> {
    const result = await this.rangeCall({ key, ...rangeFields(options) }, options);
    return { kv: result.kvs[0], count: result.count, revision: result.revision };
  }

  /** The keys in [start, end), in order. `end` of one zero byte: every key from `start` on. */
  range(start: Uint8Array, end: Uint8Array, options: RangeOptions = {}): Promise<RangeResult> {
    return this.rangeCall({ key: start, rangeEnd: end, ...rangeFields(options) }, options);
  }

  private async rangeCall(
    request: wire.Loose<wire.RangeRequest>,
    options: CallOptions,
  ): Promise<RangeResult> {
    const call: Unary = { service: 'kv', method: 'Range', request, read: true };
    return rangeResult(await this.call<wire.RangeResponse>(call, options));
  }

  async put(key: Uint8Array, value: Uint8Array, options: PutOptions = {}): Promise<PutResult> {
    const request = { key, value, lease: options.lease, prevKv: options.prevKv };
    return putResult(await this.call({ service: 'kv', method: 'Put', request }, options));
  }

  async delete(key: Uint8Array, options: DeleteOptions = {}): Promise<DeleteResult> {
    const request = { key, rangeEnd: options.rangeEnd, prevKv: options.prevKv };
    return deleteResult(
      await this.call({ service: 'kv', method: 'DeleteRange', request }, options),
    );
  }

  /** All of `compare` holds → `success`, else `failure`; atomically, at one revision. */
  async txn(request: TxnRequest, options: CallOptions = {}): Promise<TxnResult> {
    const steps = [...(request.success ?? []), ...(request.failure ?? [])];
    // What only reads may be asked again after a lost answer.
    const read = steps.every((step) => 'requestRange' in step);
    return txnResult(await this.call({ service: 'kv', method: 'Txn', request, read }, options));
  }

  /** Gives up the history before `revision`. */
  async compact(revision: bigint, options: CallOptions = {}): Promise<void> {
    await this.call({ service: 'kv', method: 'Compact', request: { revision } }, options);
  }

  /** Opens a watch; see {@link WatchHandlers} for what it promises. */
  watch(watch: WatchOptions, handlers: WatchHandlers): WatchHandle {
    const { endpoints, log, clock, random } = this;
    const watcher = new Watcher({ endpoints, watch, handlers, log, clock, random });
    this.open.add(watcher);
    return {
      cancel: () => {
        this.open.delete(watcher);
        watcher.cancel();
      },
      requestProgress: () => watcher.requestProgress(),
    };
  }

  /** @param id absent: the server chooses */
  async leaseGrant(
    ttlSeconds: number,
    id: bigint = 0n,
    options: CallOptions = {},
  ): Promise<{ id: bigint; ttlSeconds: number }> {
    const request = { TTL: ttlSeconds, ID: id };
    const call: Unary = { service: 'lease', method: 'LeaseGrant', request };
    const answer = await this.call<wire.LeaseGrantResponse>(call, options);
    return { id: answer.ID, ttlSeconds: Number(answer.TTL) };
  }

  /** Ends a lease; its keys are deleted. */
  async leaseRevoke(id: bigint, options: CallOptions = {}): Promise<void> {
    await this.call({ service: 'lease', method: 'LeaseRevoke', request: { ID: id } }, options);
  }

  /** Seconds left, or undefined when there is no such lease. */
  async leaseTimeToLive(id: bigint, options: CallOptions = {}): Promise<number | undefined> {
    const request = { ID: id };
    const call: Unary = { service: 'lease', method: 'LeaseTimeToLive', request, read: true };
    const { TTL } = await this.call<wire.LeaseTimeToLiveResponse>(call, options);
    return TTL < 0n ? undefined : Number(TTL);
  }

  /** Keeps a lease alive until cancelled, or lost. */
  leaseKeepAlive(id: bigint, ttlSeconds: number, handlers: LeaseKeeperHandlers): LeaseHandle {
    const { endpoints, clock } = this;
    const keeper = new LeaseKeeper({ endpoints, clock, id, ttlSeconds, handlers });
    this.open.add(keeper);
    return keeper;
  }

  /** One member about itself. */
  async status(endpoint: string, options: CallOptions = {}): Promise<MemberStatus> {
    const call: Unary = {
      ...{ service: 'maintenance', method: 'Status', request: {}, read: true, endpoint },
    };
    const s = await this.call<wire.StatusResponse>(call, options);
    const { leader, raftTerm, raftIndex, raftAppliedIndex, dbSize, version, errors } = s;
    return {
      ...{ endpoint, leader, raftTerm, raftIndex, raftAppliedIndex, dbSize, version, errors },
      memberId: s.header?.memberId ?? 0n,
      clusterId: s.header?.clusterId ?? 0n,
      revision: s.header?.revision ?? 0n,
    };
  }

  /** The endpoints as `status` takes them. */
  get endpointNames(): readonly string[] {
    return this.endpoints.names;
  }

  async memberList(options: CallOptions = {}): Promise<readonly ClusterMember[]> {
    const call: Unary = { service: 'cluster', method: 'MemberList', request: {}, read: true };
    const answer = await this.call<wire.MemberListResponse>(call, options);
    return answer.members.map((m) => ({
      ...{ id: m.ID, name: m.name, isLearner: m.isLearner },
      ...{ peerUrls: m.peerURLs, clientUrls: m.clientURLs },
    }));
  }

  /** Hash of the whole history at one member: equal ones, at equal compact revisions, mean equal stores. */
  async hashKv(
    endpoint: string,
    revision: bigint = 0n,
  ): Promise<{ hash: number; compactRevision: bigint; revision: bigint }> {
    const request = { revision };
    const call: Unary = {
      ...{ service: 'maintenance', method: 'HashKV', request, read: true, endpoint },
    };
    const answer = await this.call<wire.HashKVResponse>(call, {});
    const { hash, compactRevision, header } = answer;
    return { hash, compactRevision, revision: header?.revision ?? 0n };
  }

  /** Ends watches and keep-alives, without calling their handlers, and closes the connections. */
  close(): void {
    for (const each of this.open) each.cancel();
    this.open.clear();
    this.endpoints.close();
  }

  private async call<T>(unary: Unary, options: CallOptions): Promise<T> {
    const { service, method: name, request, read = false, endpoint } = unary;
    const method = SERVICES[service][name];
    if (method === undefined) throw new TypeError(`no method ${name}`);
    const call = { method, request, read, ...(endpoint !== undefined && { endpoint }) };
    return (await this.endpoints.unary(call, { timeoutMs: this.timeoutMs, ...options })) as T;
  }
}

function rangeResult(r: wire.RangeResponse): RangeResult {
  return { kvs: r.kvs, count: r.count, more: r.more, revision: r.header?.revision ?? 0n };
}

function putResult(r: wire.PutResponse): PutResult {
  return { revision: r.header?.revision ?? 0n, prevKv: r.prevKv };
}

function deleteResult(r: wire.DeleteRangeResponse): DeleteResult {
  return { revision: r.header?.revision ?? 0n, deleted: r.deleted, prevKvs: r.prevKvs };
}

function txnResult(r: wire.TxnResponse): TxnResult {
  const { succeeded, responses } = r;
  return { succeeded, revision: r.header?.revision ?? 0n, responses: responses.map(stepResult) };
}

function stepResult(r: wire.ResponseOp): TxnStep {
  if (r.responsePut) return { type: 'put', ...putResult(r.responsePut) };
  if (r.responseDeleteRange) return { type: 'delete', ...deleteResult(r.responseDeleteRange) };
  if (r.responseTxn) return { type: 'txn', ...txnResult(r.responseTxn) };
  const none: wire.RangeResponse = { header: undefined, kvs: [], more: false, count: 0n };
  return { type: 'range', ...rangeResult(r.responseRange ?? none) };
}
