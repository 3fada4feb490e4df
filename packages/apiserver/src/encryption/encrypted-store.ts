/** A store whose values are encrypted below it and plain above it. Keys stay as they are. */
import { internal } from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import type {
  PageOptions,
  Store,
  StoredValue,
  StoreEvent,
  StorePage,
  StoreRead,
  StoreWatch,
  StoreWatchHandlers,
  SwapOptions,
  SwapResult,
} from '../storage/store.ts';
import type { Rule } from './config.ts';
import { InOrder, Pending, settled } from './pending.ts';
import { placeOf } from './places.ts';
import { ENCRYPTED_PREFIX, IDENTITY, type Opened, type Provider, startsWith } from './providers.ts';

const PLAIN: readonly Provider[] = [IDENTITY];
/** Batches of events of one watch that wait until a service has told a key. */
const WAITING_BATCHES = 1_000;

export class EncryptedStore implements Store {
  readonly #inner: Store;
  #rules: readonly Rule[];

  constructor(inner: Store, rules: readonly Rule[]) {
    this.#inner = inner;
    this.#rules = rules;
    inner.readThrough?.((key, value) => this.#seenThrough(key, value));
  }

  /** Takes over new rules: reads and writes from now on go by them. */
  configure(rules: readonly Rule[]): void {
    this.#rules = rules;
  }

  async get(key: string, o: { revision?: bigint } = {}): Promise<StoreRead> {
    const { value, revision } = await this.#inner.get(key, o);
    return { value: value && (await settled(() => this.#plain(value))), revision };
  }

  async page(prefix: string, o: PageOptions): Promise<StorePage> {
    const page = await this.#inner.page(prefix, o);
    const values: StoredValue[] = [];
    for (const value of page.values) {
      const now = this.#plainNow(value);
      values.push(now instanceof Pending ? await settled(() => this.#plain(value)) : now);
    }
    return { ...page, values };
  }

  currentRevision(): Promise<bigint> {
    return this.#inner.currentRevision();
  }

  async swap(
    key: string,
    value: Buffer,
    expected: bigint,
    o: SwapOptions = {},
  ): Promise<SwapResult> {
    const sealed = await settled(() => this.#seal(key, value));
    return this.#outcome(await this.#inner.swap(key, sealed, expected, o));
  }

  async remove(key: string, expected: bigint): Promise<SwapResult> {
    return this.#outcome(await this.#inner.remove(key, expected));
  }

  compact(revision: bigint): Promise<void> {
    return this.#inner.compact(revision);
  }

  watch(prefix: string, from: bigint, handlers: StoreWatchHandlers): StoreWatch {
    const order = new InOrder(WAITING_BATCHES);
    const failed = (error: unknown): void => {
      watch.cancel();
      handlers.onError(error instanceof Error ? error : new Error(String(error)));
    };
    const inTurn = (take: () => void): void => order.run(() => undefined, take, failed);
    const watch = this.#inner.watch(prefix, from, {
      onEvents: (events, revision) =>
        order.run(
          () => events.map((event) => this.#event(event)),
          (plain) => handlers.onEvents(plain, revision),
          failed,
        ),
      onProgress: (revision) => inTurn(() => handlers.onProgress(revision)),
      onCompacted: () => inTurn(() => handlers.onCompacted()),
      onError: (error) => inTurn(() => handlers.onError(error)),
    });
    return {
      cancel() {
        order.end();
        watch.cancel();
      },
      requestProgress: () => watch.requestProgress(),
    };
  }

  confirmsProgress(): boolean {
    return this.#inner.confirmsProgress?.() ?? true;
  }

  /** Whether the value of a key would be written otherwise today: by another provider, or with another key. */
  async isStale(key: string): Promise<boolean> {
    if (this.#providers(key) === PLAIN) return false;
    const { value } = await this.#inner.get(key);
    return value !== undefined && (await settled(() => this.#open(key, value.value))).stale;
  }

  close(): void {
    this.#inner.close();
  }

  #providers(key: string): readonly Provider[] {
    const place = placeOf(key);
    if (place === undefined) return PLAIN;
    const rule = this.#rules.find((one) => one.matches(place.group, place.resource));
    return rule?.providers ?? PLAIN;
  }

  async #outcome(result: SwapResult): Promise<SwapResult> {
    if (result.ok || result.current === undefined) return result;
    const { current } = result;
    return { ok: false, current: await settled(() => this.#plain(current)) };
  }

  /** @throws ApiError InternalError; Pending */
  #seal(key: string, value: Buffer): Buffer {
    const [writer = IDENTITY] = this.#providers(key);
    try {
      return writer.seal(value, Buffer.from(key));
    } catch (error) {
      throw unable(key, error);
    }
  }

  /** For those who only compare: a value whose key is not known yet is not one they wrote. */
  #seenThrough(key: string, value: Buffer): Buffer {
    try {
      return this.#open(key, value).value;
    } catch (error) {
      if (error instanceof Pending) return value;
      throw error;
    }
  }

  #plainNow(stored: StoredValue): StoredValue | Pending {
    try {
      return this.#plain(stored);
    } catch (error) {
      if (error instanceof Pending) return error;
      throw error;
    }
  }

  #event(event: StoreEvent): StoreEvent {
    if (event.type === 'delete') return event;
    return { ...event, value: this.#open(event.key, event.value).value };
  }

  #plain(stored: StoredValue): StoredValue {
    const { value } = this.#open(stored.key, stored.value);
    return value === stored.value ? stored : { ...stored, value };
  }

  /** @throws ApiError InternalError; Pending */
  #open(key: string, value: Buffer): Opened {
    try {
      for (const [at, provider] of this.#providers(key).entries()) {
        if (!startsWith(value, provider.prefix)) continue;
        // Plain values are what is left when no other provider has marked them.
        if (provider === IDENTITY && startsWith(value, ENCRYPTED_PREFIX)) continue;
        const opened = provider.open(value, Buffer.from(key));
        return at === 0 ? opened : { ...opened, stale: true };
      }
    } catch (error) {
      throw unable(key, error);
    }
    throw internal(`unable to transform key "${key}": no provider that reads it is configured`);
  }
}

/** What is told of a value that cannot be sealed or opened; that it cannot yet is told as it is. */
function unable(key: string, error: unknown): Error {
  if (!(error instanceof Pending)) {
    return internal(`unable to transform key "${key}": ${errorMessage(error)}`);
  }
  const told = error.ready.catch((why: unknown) => {
    throw unable(key, why);
  });
  return new Pending(told);
}
