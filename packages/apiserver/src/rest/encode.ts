/**
 * Objects, lists and watch events as bytes. The plain JSON forms are put together from stored bytes; only tables, partial
 * objects, YAML and foreign versions are made from parsed objects.
 */
import {
  badRequest,
  type KindDef,
  type KubeObject,
  notAcceptable,
  scaleKind,
  tableFor,
} from '@kubets/api';
import { yamlLibrary } from '@kubets/platform';
import { type CacheEntry, objectOf } from '../cache/entry.ts';
import type { WatchItem } from '../cache/watcher.ts';
import { PROTOBUF_CACHE_BYTES } from '../limits.ts';
import {
  encodeEnvelope,
  encodeProtobuf,
  encodeProtobufFrame,
  encodeProtobufList,
  messageOf,
} from '../protobuf/encode.ts';
import { MessageCache } from '../protobuf/message-cache.ts';
import { fromStorage } from '../registry/convert.ts';
import type { ListResult } from '../registry/read.ts';
import { encodeServed } from '../storage/codec.ts';
import type { Representation } from './negotiate.ts';

const INCLUDE = ['None', 'Metadata', 'Object'] as const;
type Include = (typeof INCLUDE)[number];

/** What tables need besides the objects. */
export interface EncodeContext {
  readonly representation: Representation;
  readonly includeObject: string;
  readonly nowMs: number;
}

/** One object, as the answer to a read or a write. */
export function encodeObject(
  def: KindDef,
  found: CacheEntry | KubeObject,
  c: EncodeContext,
): Buffer {
  const { as, format, pretty } = c.representation;
  if (as === 'partial-list') {
    const what = `you requested PartialObjectMetadataList, but the requested object is not a list (${goTypeOf(def, def.kind)})`;
    throw notAcceptable(what);
  }
  const isPlain = as === 'object' && format === 'json' && !pretty;
  if (isPlain) return plainBytes(def, found);
  if (as === 'object' && format === 'protobuf') return protobufBytes(def, found);
  const object = plainObject(def, found);
  const kind = kindOf(def, object);
  if (as === 'object' || kind === undefined) return write(object, c.representation);
  if (as === 'partial') return write(partialOf(object, c), c.representation);
  return write(tableOf(kind, [object], c, object.metadata), c.representation);
}

/** The type the stock server has for a kind inside; custom kinds have none of their own. */
function goTypeOf({ group, rules, listKind }: KindDef, kind: string): string {
  if (rules?.unstructured) return `*unstructured.Unstructured${kind === listKind ? 'List' : ''}`;
  const home = group.split('.')[0] ?? '';
  return `*${home === '' || home === 'events' ? 'core' : home}.${kind}`;
}

/** What an answer is of: the kind itself or its scale; undefined: something that is shown as it is only. */
function kindOf(def: KindDef, object: KubeObject): KindDef | undefined {
  if (object.kind === 'Scale') return scaleKind(def);
  return object.kind === 'Status' || object.kind !== def.kind ? undefined : def;
}

/** A list, in pieces that can be written one after the other. */
export function* encodeList(list: ListResult, c: EncodeContext): Generator<Buffer> {
  const { as, format, pretty } = c.representation;
  if (as === 'partial') {
    const type = goTypeOf(list.def, list.def.listKind);
    const what = `you requested PartialObjectMetadata, but the requested object is a list (${type})`;
    throw notAcceptable(what);
  }
  if (as === 'object' && format === 'json' && !pretty) {
    yield* plainList(list);
    return;
  }
  const { def } = list;
  if (format === 'protobuf') {
    yield* protobufList(list, c);
    return;
  }
  const objects = list.entries.map((entry) => plainObject(def, entry));
  const metadata = listMetadata(list);
  if (as === 'table') {
    yield write(tableOf(def, objects, c, metadata), c.representation);
    return;
  }
  const isPartial = as === 'partial-list';
  const apiVersion = isPartial ? `meta.k8s.io/${c.representation.metaVersion}` : def.apiVersion;
  const kind = isPartial ? 'PartialObjectMetadataList' : def.listKind;
  const whole = def.rules?.unstructured ? (object: KubeObject) => object : itemOf;
  const items = objects.map((object) => (isPartial ? partialOf(object, c) : whole(object)));
  const shown = isPartial ? metadata : plainMetadata(list);
  yield write({ kind, apiVersion, metadata: shown, items }, c.representation);
}

/** Items of a list carry no kind: the list's says it. */
function itemOf(object: KubeObject): object {
  const { kind: _kind, apiVersion: _apiVersion, ...rest } = object;
  return rest;
}

function listMetadata(list: ListResult): Record<string, unknown> {
  const { resourceVersion, continueToken, remainingItemCount } = list;
  return {
    resourceVersion,
    ...(continueToken !== undefined && { continue: continueToken }),
    ...(remainingItemCount !== undefined && { remainingItemCount }),
  };
}

/** Lists without a fixed structure write the token even when there is none. */
function plainMetadata(list: ListResult): Record<string, unknown> {
  const metadata = listMetadata(list);
  return list.def.rules?.unstructured ? { continue: '', ...metadata } : metadata;
}

const OPEN = Buffer.from('{');
const COMMA = Buffer.from(',');
const COMMA_OPEN = Buffer.from(',{');

function* plainList(list: ListResult): Generator<Buffer> {
  const { def, entries } = list;
  const head = { kind: def.listKind, apiVersion: def.apiVersion, metadata: plainMetadata(list) };
  yield Buffer.from(`${JSON.stringify(head).slice(0, -1)},"items":[`);
  let isFirst = true;
  for (const entry of entries) {
    if (def.rules?.unstructured) {
      if (!isFirst) yield COMMA;
      yield plainBytes(def, entry);
    } else {
      yield isFirst ? OPEN : COMMA_OPEN;
      yield itemBytes(def, entry);
    }
    isFirst = false;
  }
  yield Buffer.from(']}');
}

/** An item's bytes after the opening brace. */
export function itemBytes(def: KindDef, entry: CacheEntry): Buffer {
  if (isOfKind(def, entry)) return entry.bytes.subarray(entry.metadataAt);
  const { bytes, metadataAt } = encodeServed(fromStorage(def, objectOf(entry)));
  return bytes.subarray(metadataAt);
}

/** The whole object's bytes in the version of the kind. */
export function plainBytes(def: KindDef, found: CacheEntry | KubeObject): Buffer {
  if (!isEntry(found)) return encodeServed(found).bytes;
  return isOfKind(def, found) ? found.bytes : encodeServed(plainObject(def, found)).bytes;
}

function plainObject(def: KindDef, found: CacheEntry | KubeObject): KubeObject {
  return isEntry(found) ? fromStorage(def, objectOf(found)) : found;
}

export function isEntry(found: CacheEntry | KubeObject): found is CacheEntry {
  return 'bytes' in found && Buffer.isBuffer(found.bytes);
}

const heads = new WeakMap<KindDef, Buffer>();

/** Whether the bytes of an entry are already in the version asked for: their head says so. */
function isOfKind(def: KindDef, entry: CacheEntry): boolean {
  let head = heads.get(def);
  if (head === undefined) {
    head = Buffer.from(`{"kind":"${def.kind}","apiVersion":"${def.apiVersion}",`, 'latin1');
    heads.set(def, head);
  }
  const { length } = head;
  return entry.metadataAt === length && head.compare(entry.bytes, 0, length) === 0;
}

function partialOf(object: KubeObject, c: EncodeContext): object {
  const apiVersion = `meta.k8s.io/${c.representation.metaVersion}`;
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: object.metadata };
}

/** @throws ApiError BadRequest for an unknown `includeObject` */
function tableOf(
  def: KindDef,
  objects: readonly KubeObject[],
  c: EncodeContext,
  metadata: object,
): object {
  const includeObject = includeOf(c.includeObject);
  const { metaVersion } = c.representation;
  const table = tableFor(def, [...objects], { nowMs: c.nowMs, includeObject, metaVersion });
  const {
    resourceVersion,
    continue: token,
    remainingItemCount,
  } = metadata as Record<string, unknown>;
  return {
    ...table,
    metadata: {
      resourceVersion,
      ...(token !== undefined && { continue: token }),
      ...(remainingItemCount !== undefined && { remainingItemCount }),
    },
  };
}

/** What rows of a table carry. @throws ApiError BadRequest */
export function includeOf(text: string): Include {
  if (text === '') return 'Metadata';
  const known = INCLUDE.find((each) => each === text);
  if (known !== undefined) return known;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: "${text}": must be 'Metadata', 'Object', 'None', or empty`,
  );
}

/** Any value in the format of a representation. */
export function write(value: object, representation: Representation): Buffer {
  if (representation.format === 'protobuf') return encodeProtobuf(value);
  if (representation.format === 'yaml') return Buffer.from(yamlLibrary().stringify(value));
  const text = representation.pretty
    ? `${JSON.stringify(value, null, 2)}\n`
    : JSON.stringify(value);
  return Buffer.from(text);
}

const messages = new MessageCache(PROTOBUF_CACHE_BYTES);

/** An object as protobuf, with its envelope. */
function protobufBytes(def: KindDef, found: CacheEntry | KubeObject): Buffer {
  const { apiVersion, kind } = def;
  if (!isEntry(found)) return encodeProtobuf(plainObject(def, found));
  return encodeEnvelope({ apiVersion, kind }, entryMessage(def, found));
}

function entryMessage(def: KindDef, entry: CacheEntry): Buffer {
  const encode = (): Buffer => messageOf(plainObject(def, entry));
  return isOfKind(def, entry) ? messages.get(entry, encode) : encode();
}

/** Items are encoded before the first piece goes out: a message begins with its length. */
function protobufList(list: ListResult, c: EncodeContext): Generator<Buffer> {
  const { def, entries } = list;
  const metadata = listMetadata(list);
  if (c.representation.as === 'object') {
    const items = entries.map((entry) => entryMessage(def, entry));
    const head = { kind: def.listKind, apiVersion: def.apiVersion, metadata };
    return encodeProtobufList(head, items);
  }
  const apiVersion = `meta.k8s.io/${c.representation.metaVersion}`;
  const items = entries.map((entry) => messageOf(partialOf(plainObject(def, entry), c)));
  return encodeProtobufList({ kind: 'PartialObjectMetadataList', apiVersion, metadata }, items);
}

const CLOSE_FRAME = Buffer.from('}\n');

/** A frame of a watch around an object's bytes. */
export function frameOf(type: string, object: Buffer, format: Representation['format']): Buffer {
  if (format === 'protobuf') return encodeProtobufFrame(type, object);
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, CLOSE_FRAME]);
}

/** Names of a frame's encodings, by the type of event. */
export type FrameKeys = Readonly<Record<WatchItem['type'], string>>;

const MAX_FRAME_KEYS = 1_024;
const frameKeys = new Map<string, FrameKeys>();

/** What watches of one kind and representation have in common: the very same texts, so that looking them up is quick. */
export function frameKeysOf(def: KindDef, c: Omit<EncodeContext, 'nowMs'>): FrameKeys {
  const { as, metaVersion, format } = c.representation;
  const include = as === 'table' ? c.includeObject : '';
  const form = `${def.apiVersion} ${as} ${metaVersion} ${format} ${include}`;
  const known = frameKeys.get(form);
  if (known !== undefined) return known;
  const of = (type: string): string => `${type} ${form}`;
  const keys = {
    ADDED: of('ADDED'),
    MODIFIED: of('MODIFIED'),
    DELETED: of('DELETED'),
    BOOKMARK: of('BOOKMARK'),
  };
  if (frameKeys.size >= MAX_FRAME_KEYS) frameKeys.clear();
  frameKeys.set(form, keys);
  return keys;
}

/** One line of a watch stream. Watchers of the same event and representation share the buffer. */
export function encodeFrame(
  def: KindDef,
  item: WatchItem,
  c: EncodeContext & { readonly keys?: FrameKeys },
  first: boolean,
): Buffer {
  const { event, type } = item;
  const { as, format } = c.representation;
  const name = (c.keys ?? frameKeysOf(def, c))[type];
  const key = as === 'table' && first ? `${name} columns` : name;
  const shared = event?.encodings?.get(key);
  if (shared !== undefined) return shared;
  const frame = frameOf(type, frameObject(def, item, c, first), format);
  if (event !== undefined) {
    event.encodings ??= new Map();
    event.encodings.set(key, frame);
  }
  return frame;
}

function frameObject(def: KindDef, item: WatchItem, c: EncodeContext, first: boolean): Buffer {
  const { entry } = item;
  if (entry === undefined) return bookmark(def, item, c);
  const { as } = c.representation;
  const isProtobuf = c.representation.format === 'protobuf';
  if (as === 'object') return isProtobuf ? protobufBytes(def, entry) : plainBytes(def, entry);
  const object = plainObject(def, entry);
  if (as !== 'table') return write(partialOf(object, c), c.representation);
  const table = tableOf(def, [object], c, object.metadata) as { columnDefinitions?: unknown };
  if (!first) table.columnDefinitions = null;
  return Buffer.from(JSON.stringify(table));
}

const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';

/** The plain JSON of a bookmark. */
export function bookmarkBytes(def: KindDef, item: WatchItem): Buffer {
  return Buffer.from(JSON.stringify(bookmarkObject(def, item)));
}

function bookmarkObject(def: KindDef, item: WatchItem): object {
  const { kind, apiVersion } = def;
  return { kind, apiVersion, metadata: bookmarkMetadata(item), ...emptyParts(def) };
}

function bookmarkMetadata(item: WatchItem): object {
  const annotations = item.initialEventsEnd ? { [INITIAL_EVENTS_END]: 'true' } : undefined;
  return { resourceVersion: item.revision.toString(), ...(annotations && { annotations }) };
}

function bookmark(def: KindDef, item: WatchItem, c: EncodeContext): Buffer {
  const { as, metaVersion } = c.representation;
  if (as === 'object') return write(bookmarkObject(def, item), c.representation);
  const apiVersion = `meta.k8s.io/${metaVersion}`;
  const partial = { kind: 'PartialObjectMetadata', apiVersion, metadata: bookmarkMetadata(item) };
  if (as !== 'table') return write(partial, c.representation);
  const metadata = { resourceVersion: item.revision.toString() };
  const rows = [{ cells: [], object: partial }];
  const table = { kind: 'Table', apiVersion, metadata, columnDefinitions: null, rows };
  return Buffer.from(JSON.stringify(table));
}

/** Typed clients decode bookmarks of pods and nodes into structures with these parts. */
function emptyParts(def: KindDef): object {
  return def.subresources.status && def.group === '' && def.resource === 'pods'
    ? { spec: { containers: null }, status: {} }
    : {};
}
