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
import { placeOf } from './places.ts';
import { ENCRYPTED_PREFIX, IDENTITY, type Opened, type Provider, startsWith } from './providers.ts';

const PLAIN: readonly Provider[] = [IDENTITY];

export class EncryptedStore implements Store {
  readonly #inner: Store;
  #rules: readonly Rule[];

  constructor(inner: Store, rules: readonly Rule[]) {
    this.#inner = inner;
    this.#rules = rules;
    inner.readThrough?.((key, value) => this.#open(key, value).value);
  }

  /** Takes over new rules: reads and writes from now on go by them. */
  configure(rules: readonly Rule[]): void {
    this.#rules = rules;
  }

  async get(key: string, o: { revision?: bigint } = {}): Promise<StoreRead> {
    const { value, revision } = await this.#inner.get(key, o);
    return { value: value && this.#plain(value), revision };
  }

  async page(prefix: string, o: PageOptions): Promise<StorePage> {
    const page = await this.#inner.page(prefix, o);
    return { ...page, values: page.values.map((value) => this.#plain(value)) };
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
    const [writer = IDENTITY] = this.#providers(key);
    const sealed = writer.seal(value, Buffer.from(key));
    return this.#outcome(await this.#inner.swap(key, sealed, expected, o));
  }

  async remove(key: string, expected: bigint): Promise<SwapResult> {
    return this.#outcome(await this.#inner.remove(key, expected));
  }

  compact(revision: bigint): Promise<void> {
    return this.#inner.compact(revision);
  }

  watch(prefix: string, from: bigint, handlers: StoreWatchHandlers): StoreWatch {
    const watch = this.#inner.watch(prefix, from, {
      onEvents: (events, revision) => {
        let plain: readonly StoreEvent[];
        try {
          plain = events.map((event) => this.#event(event));
        } catch (error) {
          watch.cancel();
          handlers.onError(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        handlers.onEvents(plain, revision);
      },
      onProgress: (revision) => handlers.onProgress(revision),
      onCompacted: () => handlers.onCompacted(),
      onError: (error) => handlers.onError(error),
    });
    return watch;
  }

  confirmsProgress(): boolean {
    return this.#inner.confirmsProgress?.() ?? true;
  }

  /** Whether the value of a key would be written otherwise today: by another provider, or with another key. */
  async isStale(key: string): Promise<boolean> {
    if (this.#providers(key) === PLAIN) return false;
    const { value } = await this.#inner.get(key);
    return value !== undefined && this.#open(key, value.value).stale;
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

  #outcome(result: SwapResult): SwapResult {
    if (result.ok || result.current === undefined) return result;
    return { ok: false, current: this.#plain(result.current) };
  }

  #event(event: StoreEvent): StoreEvent {
    if (event.type === 'delete') return event;
    return { ...event, value: this.#open(event.key, event.value).value };
  }

  #plain(stored: StoredValue): StoredValue {
    const { value } = this.#open(stored.key, stored.value);
    return value === stored.value ? stored : { ...stored, value };
  }

  /** @throws ApiError InternalError */
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
      throw internal(`unable to transform key "${key}": ${errorMessage(error)}`);
    }
    throw internal(`unable to transform key "${key}": no provider that reads it is configured`);
  }
}
