/** A store in which the cluster's keys begin with another prefix than its parts write (`--etcd-prefix`). */
import { posix } from 'node:path';
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

/** What all keys begin with, wherever the store keeps them. */
const ROOT = '/registry';

/** A prefix as the stock server reads it: with one slash at its beginning, and none at its end. */
export function normalPrefix(text: string): string {
  const path = posix.join('/', text);
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/** The store with its keys below a prefix; the same store where that is the usual one. */
export const placed = (inner: Store, prefix: string): Store =>
  prefix === ROOT ? inner : new PlacedStore(inner, prefix);

export class PlacedStore implements Store {
  readonly #inner: Store;
  readonly #prefix: string;

  constructor(inner: Store, prefix: string) {
    this.#inner = inner;
    this.#prefix = prefix;
  }

  async get(key: string, o: { revision?: bigint } = {}): Promise<StoreRead> {
    const { value, revision } = await this.#inner.get(this.#there(key), o);
    return { value: value && this.#here(value), revision };
  }

  async page(prefix: string, o: PageOptions): Promise<StorePage> {
    const from = o.from === undefined ? {} : { from: this.#there(o.from) };
    const page = await this.#inner.page(this.#there(prefix), { ...o, ...from });
    return { ...page, values: page.values.map((value) => this.#here(value)) };
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
    return this.#outcome(await this.#inner.swap(this.#there(key), value, expected, o));
  }

  async remove(key: string, expected: bigint): Promise<SwapResult> {
    return this.#outcome(await this.#inner.remove(this.#there(key), expected));
  }

  compact(revision: bigint): Promise<void> {
    return this.#inner.compact(revision);
  }

  watch(prefix: string, from: bigint, handlers: StoreWatchHandlers): StoreWatch {
    return this.#inner.watch(this.#there(prefix), from, {
      onEvents: (events, revision) =>
        handlers.onEvents(
          events.map((event) => this.#here(event)),
          revision,
        ),
      onProgress: (revision) => handlers.onProgress(revision),
      onCompacted: () => handlers.onCompacted(),
      onError: (error) => handlers.onError(error),
    });
  }

  confirmsProgress(): boolean {
    return this.#inner.confirmsProgress?.() ?? true;
  }

  async isStale(key: string): Promise<boolean> {
    return (await this.#inner.isStale?.(this.#there(key))) ?? false;
  }

  readThrough(open: (key: string, value: Buffer) => Buffer): void {
    this.#inner.readThrough?.((key, value) => open(this.#keyHere(key), value));
  }

  close(): void {
    this.#inner.close();
  }

  #there(key: string): string {
    return this.#prefix + key.slice(ROOT.length);
  }

  #keyHere(key: string): string {
    return ROOT + key.slice(this.#prefix.length);
  }

  #here<T extends { readonly key: string }>(one: T): T {
    return { ...one, key: this.#keyHere(one.key) };
  }

  #outcome(result: SwapResult): SwapResult {
    if (result.ok || result.current === undefined) return result;
    const current: StoredValue = this.#here(result.current);
    return { ok: false, current };
  }
}
