/** The store over the etcd client. */
import {
  compare,
  EtcdClient,
  isEtcdError,
  type KeyValue,
  op,
  prefixEnd,
  type WatchEvent,
} from '@kubets/etcd/client';
import type { ClientTls, Clock, Logger, Random } from '@kubets/platform';
import { READ_CALL_KEYS, READ_CALLS } from '../limits.ts';
import { AfterAnswers } from './after-answers.ts';
import { storeError } from './errors.ts';
import { LeasePool } from './lease-pool.ts';
import { type Answer, type Change, untilKnown } from './lost-answers.ts';
import { ProgressSupport } from './progress-support.ts';
import { ReadBatcher } from './read-batcher.ts';
import type {
  PageOptions,
  Store,
  StoredValue,
  StorePage,
  StoreRead,
  StoreWatch,
  StoreWatchHandlers,
  SwapOptions,
  SwapResult,
} from './store.ts';
import type { StoreCounts, StoreMetrics, StoreOperation } from './store-metrics.ts';

export interface EtcdStoreOptions {
  readonly endpoints: readonly string[];
  readonly tls?: ClientTls;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Told of every call; absent: nobody is. */
  readonly metrics?: StoreMetrics;
  /** Seconds that a lease takes new keys. */
  readonly leaseSharedSeconds?: number;
  /** What the keys of the cluster begin with. */
  readonly prefix?: string;
}

const MS_PER_S = 1_000;
const LEASE_SHARED_SECONDS = 60;
/** A member that says nothing for so long is left out of the figures. */
const STATUS_MS = 2_000;

export class EtcdStore implements Store {
  readonly #client: EtcdClient;
  readonly #leases: LeasePool;
  readonly #clock: Clock;
  #open: (key: string, value: Buffer) => Buffer = (_key, value) => value;
  readonly #reads: ReadBatcher;
  readonly #progress: ProgressSupport;
  readonly #metrics: StoreMetrics | undefined;
  /** Never written: reading it tells the store's revision. */
  readonly #probeKey: Buffer;

  constructor(options: EtcdStoreOptions) {
    const { endpoints, tls, clock, random, log, prefix = '/registry' } = options;
    this.#probeKey = Buffer.from(`${prefix}/.revision`);
    this.#client = new EtcdClient({ endpoints, ...(tls && { tls }), clock, random, log });
    this.#leases = new LeasePool(
      this.#client,
      clock,
      options.leaseSharedSeconds ?? LEASE_SHARED_SECONDS,
    );
    this.#clock = clock;
    this.#metrics = options.metrics;
    this.#progress = new ProgressSupport({
      clock,
      endpoints: this.#client.endpointNames,
      versionOf: async (endpoint) => (await this.#client.status(endpoint)).version,
    });
    this.#reads = new ReadBatcher({
      readMany: (keys) => this.#readMany(keys),
      concurrency: READ_CALLS,
      maxKeys: READ_CALL_KEYS,
    });
  }

  get(key: string, o: { revision?: bigint } = {}): Promise<StoreRead> {
    if (o.revision === undefined) return this.#timed('get', key, () => this.#reads.get(key));
    return this.#timed('get', key, () => this.#read(key, o));
  }

  async #read(key: string, o: { revision?: bigint } = {}): Promise<StoreRead> {
    const { kv, revision } = await this.#client.get(Buffer.from(key), o);
    return { value: kv && storedValue(kv), revision };
  }

  /** Several keys at one revision: a transaction that only reads. */
  async #readMany(keys: readonly string[]): Promise<readonly StoreRead[]> {
    const [only] = keys;
    if (only !== undefined && keys.length === 1) return [await this.#read(only)];
    const success = keys.map((key) => op.get(Buffer.from(key)));
    const { responses, revision } = await this.#client.txn({ success });
    return responses.map((step) => {
      const kv = step.type === 'range' ? step.kvs[0] : undefined;
      return { value: kv && storedValue(kv), revision };
    });
  }

  page(prefix: string, o: PageOptions): Promise<StorePage> {
    return this.#timed('list', prefix, async () => {
      const start = Buffer.from(o.from ?? prefix);
      const { limit, revision } = o;
      const options = { limit, ...(revision !== undefined && { revision }) };
      const found = await this.#client.range(start, prefixEnd(Buffer.from(prefix)), options);
      return {
        values: found.kvs.map(storedValue),
        more: found.more,
        count: Number(found.count),
        revision: found.revision,
      };
    });
  }

  currentRevision(): Promise<bigint> {
    return translated(async () => (await this.#client.get(this.#probeKey)).revision);
  }

  async swap(
    key: string,
    value: Buffer,
    expected: bigint,
    o: SwapOptions = {},
  ): Promise<SwapResult> {
    return this.#timed(expected === 0n ? 'create' : 'update', key, async () => {
      const lease = o.ttlSeconds === undefined ? undefined : await this.#leases.take(o.ttlSeconds);
      return this.#change(Buffer.from(key), { expected, value }, lease);
    });
  }

  remove(key: string, expected: bigint): Promise<SwapResult> {
    const change = { expected, value: undefined };
    return this.#timed('delete', key, () => this.#change(Buffer.from(key), change));
  }

  watch(prefix: string, from: bigint, handlers: StoreWatchHandlers): StoreWatch {
    this.#progress.look();
    const key = Buffer.from(prefix);
    const after = new AfterAnswers();
    const received = this.#metrics?.eventsOf(prefix);
    const watch = this.#client.watch(
      { key, rangeEnd: prefixEnd(key), startRevision: from, progressNotify: true },
      {
        // A watch that comes back may have found other members than it had.
        onCreated: () => this.#progress.look(),
        onEvents: (events) => {
          received?.inc(events.length);
          after.add(() => tell(handlers, events));
        },
        onProgress: (revision) => after.add(() => handlers.onProgress(revision)),
        onCompacted: () => after.add(() => handlers.onCompacted()),
        onError: (error) => after.add(() => handlers.onError(error)),
      },
    );
    return {
      cancel: () => {
        after.close();
        watch.cancel();
      },
      requestProgress: () => watch.requestProgress(),
    };
  }

  async compact(revision: bigint): Promise<void> {
    try {
      await this.#client.compact(revision);
    } catch (error) {
      if (!isEtcdError(error, 'compacted')) throw storeError(error);
    }
  }

  confirmsProgress(): boolean {
    return this.#progress.isSure;
  }

  async sizes(): Promise<readonly { member: string; bytes: number }[]> {
    const asked = this.#client.endpointNames.map(async (member) => {
      const { dbSize } = await this.#client.status(member, { timeoutMs: STATUS_MS });
      return { member, bytes: Number(dbSize) };
    });
    const answers = await Promise.allSettled(asked);
    return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
  }

  close(): void {
    this.#progress.close();
    this.#client.close();
  }

  readThrough(open: (key: string, value: Buffer) => Buffer): void {
    this.#open = open;
  }

  /** Does a call and counts it; its errors are the API's. */
  async #timed<T>(operation: StoreOperation, key: string, work: () => Promise<T>): Promise<T> {
    const counts: StoreCounts | undefined = this.#metrics?.of(operation, key);
    const startMs = counts === undefined ? 0 : this.#clock.monotonicMs();
    try {
      return await work();
    } catch (error) {
      counts?.errors.inc();
      throw storeError(error);
    } finally {
      counts?.took.observe((this.#clock.monotonicMs() - startMs) / MS_PER_S);
      counts?.total.inc();
    }
  }

  #change(key: Buffer, change: Change, lease?: bigint): Promise<SwapResult> {
    const { expected, value } = change;
    const write = value === undefined ? op.delete(key) : op.put(key, value, lease ? { lease } : {});
    const request = {
      compare: [compare.modRevision(key, '=', expected)],
      success: [write],
      failure: [op.get(key)],
    };
    const open = (sealed: Buffer): Buffer => this.#open(key.toString('utf8'), sealed);
    const send = async (timeoutMs: number): Promise<Answer> => {
      const answer = await this.#client.txn(request, { timeoutMs });
      const { succeeded, revision: at, responses } = answer;
      if (succeeded) return { ok: true, revision: at, at };
      const [step] = responses;
      const kv = step?.type === 'range' ? step.kvs[0] : undefined;
      const current = kv && { ...storedValue(kv), createRevision: kv.createRevision };
      return { ok: false, current, at };
    };
    return untilKnown({ ...change, open }, send, this.#clock);
  }
}

const textOf = (bytes: Uint8Array): string => bufferOf(bytes).toString('utf8');

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function storedValue(kv: KeyValue): StoredValue {
  return { key: textOf(kv.key), value: bufferOf(kv.value), revision: kv.modRevision };
}

async function translated<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storeError(error);
  }
}

function tell(handlers: StoreWatchHandlers, events: readonly WatchEvent[]): void {
  const last = events.at(-1);
  if (last === undefined) return;
  const mapped = events.map(({ type, kv }) => ({
    type,
    key: textOf(kv.key),
    value: bufferOf(kv.value),
    revision: kv.modRevision,
  }));
  handlers.onEvents(mapped, last.kv.modRevision);
}
