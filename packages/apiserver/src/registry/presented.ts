/**
 * Objects whose versions only their author's webhook can turn into each other. Everything else converts on the spot
 * (`convert.ts`); these are converted ahead, in batches, and what came out is kept as long as the entry it was made of.
 */
import { apiVersionOf, type KindDef, type KubeObject, selectableFields } from '@kubets/api';
import { type CacheEntry, entryAtRevision, objectOf } from '../cache/entry.ts';
import type { Selection } from '../cache/selection.ts';
import type { WatchEnd, WatchItem, WatchSink } from '../cache/watcher.ts';
import { MAX_UNCONVERTED_EVENTS } from '../limits.ts';
import { encodeServed } from '../storage/codec.ts';
import { fromStorage, toStorage } from './convert.ts';

/** Whether the kind has a webhook to ask. */
export const asksWebhook = (def: KindDef): boolean => def.rules?.conversion !== undefined;

/** A stored object in the version of the kind. @throws ApiError when the webhook fails */
export async function presentedObject(def: KindDef, object: KubeObject): Promise<KubeObject> {
  const { conversion } = def.rules ?? {};
  if (conversion === undefined || object.apiVersion === def.apiVersion) {
    return fromStorage(def, object);
  }
  const [made = object] = await conversion.convert([object], def.apiVersion);
  return fromStorage(def, made);
}

/** An object of the kind as it is stored. @throws ApiError when the webhook fails */
export async function storedForm(def: KindDef, object: KubeObject): Promise<KubeObject> {
  const { conversion } = def.rules ?? {};
  const apiVersion = apiVersionOf(def.storageVersion);
  if (conversion === undefined || object.apiVersion === apiVersion) return toStorage(def, object);
  const [made = object] = await conversion.convert([object], apiVersion);
  return made;
}

const converted = new WeakMap<KindDef, WeakMap<CacheEntry, CacheEntry>>();

/** Entries in the version of the kind. @throws ApiError when the webhook fails */
export async function presentedEntries(
  def: KindDef,
  entries: readonly CacheEntry[],
): Promise<readonly CacheEntry[]> {
  const { conversion } = def.rules ?? {};
  if (conversion === undefined) return entries;
  const known = converted.get(def) ?? new WeakMap<CacheEntry, CacheEntry>();
  converted.set(def, known);
  const missing = entries.filter((entry) => !isOf(def, entry) && !known.has(entry));
  const made = await conversion.convert(missing.map(objectOf), def.apiVersion);
  for (const [i, entry] of missing.entries()) {
    const object = made[i];
    if (object !== undefined) known.set(entry, entryWith(def, entry, fromStorage(def, object)));
  }
  return entries.map((entry) => known.get(entry) ?? entry);
}

/** Whether an entry's bytes begin as the version's objects do. */
function isOf(def: KindDef, entry: CacheEntry): boolean {
  const head = `{"kind":"${def.kind}","apiVersion":"${def.apiVersion}",`;
  return entry.bytes.toString('latin1', 0, head.length) === head;
}

function entryWith(def: KindDef, entry: CacheEntry, object: KubeObject): CacheEntry {
  const { bytes, metadataAt } = encodeServed(object);
  const { labels = {} } = object.metadata;
  const fields = selectableFields(def, object);
  return { ...entry, bytes, metadataAt, labels, fields, parsed: new WeakRef(object) };
}

/** Entries in the version of the kind, without those that its selectors leave out. @throws as presentedEntries */
export async function selectedEntries(
  def: KindDef,
  entries: readonly CacheEntry[],
  { shown }: Selection,
): Promise<readonly CacheEntry[]> {
  if (shown === undefined) return entries;
  return (await presentedEntries(def, entries)).filter(shown);
}

type Known = ReadonlyMap<CacheEntry, CacheEntry>;

/**
 * Puts a webhook's conversion between a cache and a watch: events stay in order, one batch at a time. Selectors are asked
 * here, of the state before and after as the watch's version has them.
 */
export class ConvertingSink implements WatchSink {
  readonly #def: KindDef;
  readonly #sink: WatchSink;
  readonly #isShown: (entry: CacheEntry) => boolean;
  #waiting: WatchItem[] = [];
  #isBusy = false;
  #end: WatchEnd | undefined;
  #isOver = false;

  constructor(def: KindDef, { shown }: Pick<Selection, 'shown'>, sink: WatchSink) {
    this.#def = def;
    this.#sink = sink;
    this.#isShown = shown ?? (() => true);
  }

  deliver(items: readonly WatchItem[]): void {
    if (this.#isOver) return;
    // The first delivery is the present state, however large it is.
    const isLate = this.#isBusy && this.#waiting.length + items.length > MAX_UNCONVERTED_EVENTS;
    this.#waiting.push(...items);
    if (isLate) this.#finish('slow');
    else void this.#work();
  }

  end(reason: WatchEnd): void {
    if (this.#isBusy) this.#end = reason;
    else this.#finish(reason);
  }

  async #work(): Promise<void> {
    if (this.#isBusy) return;
    this.#isBusy = true;
    while (this.#waiting.length > 0 && !this.#isOver) {
      const items = this.#waiting;
      this.#waiting = [];
      try {
        const shown = await this.#convert(items);
        if (!this.#isOver && shown.length > 0) this.#sink.deliver(shown);
      } catch {
        // Whoever watches comes back and is told what is wrong by the list.
        this.#finish('closed');
      }
    }
    this.#isBusy = false;
    if (this.#end !== undefined) this.#finish(this.#end);
  }

  async #convert(items: readonly WatchItem[]): Promise<WatchItem[]> {
    const entries = [...new Set(items.flatMap(statesOf))];
    const shown = await presentedEntries(this.#def, entries);
    const known = new Map(entries.map((entry, i) => [entry, shown[i] ?? entry]));
    return items.flatMap((item) => this.#shownItem(item, known) ?? []);
  }

  /** The item in the watch's version; undefined when the watch selects neither state of the object. */
  #shownItem(item: WatchItem, known: Known): WatchItem | undefined {
    const { type, revision, event } = item;
    if (item.entry === undefined) return item;
    const present = type === 'DELETED' ? undefined : known.get(item.entry);
    const before = event?.old && known.get(event.old);
    const wasShown = before !== undefined && this.#isShown(before);
    if (present !== undefined && this.#isShown(present)) {
      return { ...item, type: wasShown ? 'MODIFIED' : 'ADDED', entry: present };
    }
    if (!wasShown) return undefined;
    return { ...item, type: 'DELETED', entry: entryAtRevision(before, revision) };
  }

  #finish(reason: WatchEnd): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#sink.end(reason);
  }
}

/** The states behind an item: what is there now, what was there before. What a deletion shows is made of the latter. */
function statesOf({ type, entry, event }: WatchItem): CacheEntry[] {
  const states = type === 'DELETED' ? [event?.old] : [entry, event?.old];
  return states.filter((state) => state !== undefined);
}
