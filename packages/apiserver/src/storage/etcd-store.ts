/** The store over the etcd client. */
import {
  AmbiguousError,
  compare,
  EtcdClient,
  isEtcdError,
  type KeyValue,
  op,
  prefixEnd,
} from '@kubets/etcd/client';
import type { Clock, Logger, Random, TlsMaterial } from '@kubets/platform';
import { AMBIGUOUS_ATTEMPTS } from '../limits.ts';
import { storeError } from './errors.ts';
import { LeasePool } from './lease-pool.ts';
import type {
  PageOptions,
  Store,
  StoredValue,
  StorePage,
  StoreRead,
  StoreWatch,
  StoreWatchHandlers,
  SwapResult,
} from './store.ts';

export interface EtcdStoreOptions {
  readonly endpoints: readonly string[];
  readonly tls?: TlsMaterial;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

/** Never written: reading it tells the store's revision. */
const PROBE_KEY = Buffer.from('/registry/.revision');

interface Change {
  readonly key: Buffer;
  readonly expected: bigint;
  /** undefined deletes. */
  readonly value: Buffer | undefined;
  readonly lease?: bigint;
}

export class EtcdStore implements Store {
  readonly #client: EtcdClient;
  readonly #leases: LeasePool;

  constructor(options: EtcdStoreOptions) {
    const { endpoints, tls, clock, random, log } = options;
    this.#client = new EtcdClient({ endpoints, ...(tls && { tls }), clock, random, log });
    this.#leases = new LeasePool(this.#client, clock);
  }

  get(key: string, o: { revision?: bigint } = {}): Promise<StoreRead> {
    return translated(async () => {
      const { kv, revision } = await this.#client.get(Buffer.from(key), o);
      return { value: kv && storedValue(kv), revision };
    });
  }

  page(prefix: string, o: PageOptions): Promise<StorePage> {
    return translated(async () => {
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
    return translated(async () => (await this.#client.get(PROBE_KEY)).revision);
  }

  async swap(
    key: string,
    value: Buffer,
    expected: bigint,
    o: { ttlSeconds?: number } = {},
  ): Promise<SwapResult> {
    return translated(async () => {
      const lease = o.ttlSeconds && (await this.#leases.take(o.ttlSeconds));
      const change = { key: Buffer.from(key), expected, value, ...(lease && { lease }) };
      return this.#change(change);
    });
  }

  remove(key: string, expected: bigint): Promise<SwapResult> {
    return translated(() => this.#change({ key: Buffer.from(key), expected, value: undefined }));
  }

  watch(prefix: string, from: bigint, handlers: StoreWatchHandlers): StoreWatch {
    const key = Buffer.from(prefix);
    return this.#client.watch(
      { key, rangeEnd: prefixEnd(key), startRevision: from, progressNotify: true },
      {
        onEvents: (events) => {
          const last = events.at(-1);
          if (last === undefined) return;
          const mapped = events.map(({ type, kv }) => ({
            type,
            key: textOf(kv.key),
            value: bufferOf(kv.value),
            revision: kv.modRevision,
          }));
          handlers.onEvents(mapped, last.kv.modRevision);
        },
        onProgress: (revision) => handlers.onProgress(revision),
        onCompacted: () => handlers.onCompacted(),
        onError: (error) => handlers.onError(error),
      },
    );
  }

  async compact(revision: bigint): Promise<void> {
    try {
      await this.#client.compact(revision);
    } catch (error) {
      if (!isEtcdError(error, 'compacted')) throw storeError(error);
    }
  }

  close(): void {
    this.#client.close();
  }

  /**
   * One compare-and-swap. When the answer is lost the same one is sent again: only one of them can take effect, and finding
   * our own bytes in the key's place tells that one has.
   */
  async #change(change: Change): Promise<SwapResult> {
    let unsure = false;
    for (let attempt = 1; ; attempt += 1) {
      try {
        const answer = await this.#changeOnce(change);
        return unsure ? recognise(change, answer) : answer;
      } catch (error) {
        if (!(error instanceof AmbiguousError) || attempt >= AMBIGUOUS_ATTEMPTS) throw error;
        unsure = true;
      }
    }
  }

  async #changeOnce(change: Change): Promise<SwapResult & { current?: Current; at: bigint }> {
    const { key, expected, value, lease } = change;
    const write = value === undefined ? op.delete(key) : op.put(key, value, lease ? { lease } : {});
    const answer = await this.#client.txn({
      compare: [compare.modRevision(key, '=', expected)],
      success: [write],
      failure: [op.get(key)],
    });
    const at = answer.revision;
    if (answer.succeeded) return { ok: true, revision: at, at };
    const step = answer.responses[0];
    const kv = step?.type === 'range' ? step.kvs[0] : undefined;
    const current = kv && { ...storedValue(kv), createRevision: kv.createRevision };
    return { ok: false, current, at };
  }
}

type Current = StoredValue & { readonly createRevision: bigint };

/** Reads the answer to a repeated change: did the first one, whose answer was lost, succeed? */
function recognise(
  change: Change,
  answer: SwapResult & { current?: Current; at: bigint },
): SwapResult {
  if (answer.ok) return answer;
  const { current, at } = answer;
  if (change.value === undefined) {
    const isGone = current === undefined || current.createRevision > change.expected;
    return isGone ? { ok: true, revision: at } : answer;
  }
  const isOurs = current?.value.equals(change.value) === true;
  return isOurs ? { ok: true, revision: current.revision } : answer;
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
