/** One object in a watch cache: its bytes once, and the few strings that selectors ask for. */
import { type KindDef, type KubeObject, parseExact, selectableFields } from '@kubets/api';
import { encodeStored, resplice, type ServedBytes, spliceRevision } from '../storage/codec.ts';
import type { StoredValue } from '../storage/store.ts';

export interface CacheEntry {
  readonly key: string;
  readonly namespace: string;
  readonly name: string;
  readonly revision: bigint;
  /** As served: canonical JSON with the resourceVersion in it. */
  readonly bytes: Buffer;
  /** Where the bytes after kind and apiVersion begin. */
  readonly metadataAt: number;
  readonly labels: Readonly<Record<string, string>>;
  /** The kind's selectable fields. */
  readonly fields: Readonly<Record<string, string>>;
  /** The parsed object while something else keeps it alive. */
  parsed: WeakRef<KubeObject> | undefined;
}

const NO_LABELS: Readonly<Record<string, string>> = Object.freeze({});

/** A stored value as it is served: kinds whose schema may change bring old objects to the present one. */
function servedForm(def: KindDef, stored: StoredValue): ServedBytes & { object: KubeObject } {
  let { value } = stored;
  const adapt = def.rules?.fromStore;
  if (adapt !== undefined) {
    const object = parseExact(value.toString('utf8')) as KubeObject;
    if (object.apiVersion === def.apiVersion) value = encodeStored(adapt(object));
  }
  const { bytes, metadataAt } = spliceRevision(value, stored.revision);
  return { bytes, metadataAt, object: parseExact(bytes.toString('utf8')) as KubeObject };
}

/** Makes the entry of a stored value. */
export function entryOf(def: KindDef, stored: StoredValue): CacheEntry {
  const { bytes, metadataAt, object } = servedForm(def, stored);
  return {
    key: stored.key,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name ?? '',
    revision: stored.revision,
    bytes,
    metadataAt,
    labels: object.metadata.labels ?? NO_LABELS,
    fields: selectableFields(def, object),
    parsed: new WeakRef(object),
  };
}

/** Makes the entry of a stored value whose object is at hand. @param object with its resourceVersion; shared from now on */
export function entryOfObject(def: KindDef, stored: StoredValue, object: KubeObject): CacheEntry {
  const { bytes, metadataAt } = spliceRevision(stored.value, stored.revision);
  return {
    key: stored.key,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name ?? '',
    revision: stored.revision,
    bytes,
    metadataAt,
    labels: object.metadata.labels ?? NO_LABELS,
    fields: selectableFields(def, object),
    parsed: new WeakRef(object),
  };
}

/** An entry that is only served, never selected: nothing is parsed. */
export function servedEntry(
  place: { readonly namespace: string; readonly name: string },
  stored: StoredValue,
): CacheEntry {
  const { key, revision } = stored;
  const { bytes, metadataAt } = spliceRevision(stored.value, revision);
  const { namespace, name } = place;
  const common = { key, namespace, name, revision, bytes, metadataAt };
  return { ...common, labels: NO_LABELS, fields: NO_LABELS, parsed: undefined };
}

/** The same object under another revision: what a DELETED event carries. */
export function entryAtRevision(entry: CacheEntry, revision: bigint): CacheEntry {
  const bytes = resplice(entry, entry.revision, revision);
  return { ...entry, revision, bytes, parsed: undefined };
}

/** The entry's object, parsed at most once while in use. Shared: never change it. */
export function objectOf(entry: CacheEntry): KubeObject {
  const known = entry.parsed?.deref();
  if (known !== undefined) return known;
  const object = parseExact(entry.bytes.toString('utf8')) as KubeObject;
  entry.parsed = new WeakRef(object);
  return object;
}
