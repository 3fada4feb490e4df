/**
 * Objects as Kubernetes' protobuf, by the numbers in the schema: the counterpart of `decode.ts`. An answer is the magic
 * number and an envelope (`runtime.Unknown`) that names the type and holds the object's message.
 */
import {
  ApiError,
  type ExactInteger,
  type FieldDef,
  findType,
  isJsonObject,
  type TypeRef,
} from '@kubets/api';
import { MAGIC, typeNameOf } from './decode.ts';
import { EMBEDDED, type Embedded } from './embedded-fields.ts';
import { BackWriter } from './writer.ts';

/** A field of a message, or a struct that the message nests and JSON does not. */
type Step =
  | { readonly number: number; readonly field: FieldDef }
  | { readonly number: number; readonly nested: readonly Step[] };

const plans = new Map<string, readonly Step[]>();

/** What a message consists of, highest number first, since messages are written from their end. */
function planOf(typeName: string): readonly Step[] {
  const known = plans.get(typeName);
  if (known !== undefined) return known;
  const fields = findType(typeName)?.fields ?? new Map<string, FieldDef>();
  const embedded = EMBEDDED[typeName] ?? {};
  const plain = [...fields.values()]
    .filter(({ number }) => number > 0 && embedded[String(number)] === undefined)
    .map((field): Step => ({ number: field.number, field }));
  const plan = byNumber([...plain, ...stepsOf(embedded, fields)]);
  plans.set(typeName, plan);
  return plan;
}

function stepsOf(embedded: Embedded, fields: ReadonlyMap<string, FieldDef>): Step[] {
  return Object.entries(embedded).flatMap(([key, meaning]): Step[] => {
    const number = Number(key);
    if (typeof meaning === 'object')
      return [{ number, nested: byNumber(stepsOf(meaning, fields)) }];
    const field = fields.get(meaning);
    return field === undefined ? [] : [{ number, field }];
  });
}

const byNumber = (steps: readonly Step[]): Step[] => [...steps].sort((a, b) => b.number - a.number);

function message(w: BackWriter, typeName: string, object: Readonly<Record<string, unknown>>): void {
  steps(w, planOf(typeName), object);
}

function steps(
  w: BackWriter,
  plan: readonly Step[],
  object: Readonly<Record<string, unknown>>,
): void {
  for (const step of plan) {
    if ('nested' in step) {
      const before = w.length;
      steps(w, step.nested, object);
      if (w.length > before) w.messageField(step.number, before);
      continue;
    }
    const { number, field } = step;
    const value = object[field.name];
    if (value !== undefined && value !== null) fieldValue(w, number, field.type, value);
  }
}

function fieldValue(w: BackWriter, number: number, type: TypeRef, value: unknown): void {
  if (type.kind === 'list') {
    const items = value as readonly unknown[];
    for (let i = items.length - 1; i >= 0; i -= 1) single(w, number, type.of, items[i] ?? {});
    return;
  }
  if (type.kind === 'map') {
    const entries = Object.entries(value as Record<string, unknown>);
    for (const [key, item] of entries.sort(([a], [b]) => (a < b ? 1 : -1))) {
      const before = w.length;
      mapValue(w, type.of, item);
      w.textField(1, key);
      w.messageField(number, before);
    }
    return;
  }
  single(w, number, type, value);
}

/** The value of a map's entry; one that is a list is wrapped in a message with the items as field 1. */
function mapValue(w: BackWriter, type: TypeRef, value: unknown): void {
  if (type.kind !== 'list') {
    single(w, 2, type, value);
    return;
  }
  const before = w.length;
  fieldValue(w, 1, type, value ?? []);
  w.messageField(2, before);
}

function single(w: BackWriter, number: number, type: TypeRef, value: unknown): void {
  const { kind } = type;
  if (kind === 'string') w.textField(number, String(value));
  else if (kind === 'bool') w.boolField(number, value === true);
  else if (kind === 'int32' || kind === 'int64') w.intField(number, value as ExactInteger);
  else if (kind === 'double') w.doubleField(number, Number(value));
  else if (kind === 'bytes') w.bytesField(number, Buffer.from(String(value), 'base64'));
  else {
    const before = w.length;
    nested(w, type, value);
    w.messageField(number, before);
  }
}

/** The content of a value that is a message on the wire. */
function nested(w: BackWriter, type: TypeRef, value: unknown): void {
  const { kind } = type;
  if (kind === 'struct') {
    if (isJsonObject(value)) message(w, type.name, value);
  } else if (kind === 'time' || kind === 'microTime') time(w, String(value));
  else if (kind === 'quantity') w.textField(1, String(value));
  else if (kind === 'intOrString') intOrString(w, value);
  else if (kind === 'raw') w.textField(1, JSON.stringify(value));
  else if (kind === 'schemaOr') schemaOr(w, type.name, value);
}

function time(w: BackWriter, text: string): void {
  const fraction = /\.(\d{1,9})/.exec(text)?.[1] ?? '';
  const nanos = Number(fraction.padEnd(9, '0'));
  w.intField(2, nanos);
  w.intField(1, Math.floor(Date.parse(text) / 1_000));
}

function intOrString(w: BackWriter, value: unknown): void {
  const isText = typeof value === 'string';
  w.textField(3, isText ? value : '');
  w.intField(2, isText ? 0 : Number(value));
  w.intField(1, isText ? 1 : 0);
}

const SCHEMA = 'apiextensions.v1.JSONSchemaProps';

/** A JSON schema or, by the type's name, something simpler in its place. */
function schemaOr(w: BackWriter, typeName: string, value: unknown): void {
  const schemaField = (number: number, schema: unknown): void => {
    const before = w.length;
    if (isJsonObject(schema)) message(w, SCHEMA, schema);
    w.messageField(number, before);
  };
  if (typeName.endsWith('OrBool')) {
    const isSchema = isJsonObject(value);
    if (isSchema) schemaField(2, value);
    w.boolField(1, isSchema || value === true);
    return;
  }
  if (!Array.isArray(value)) {
    schemaField(1, value);
    return;
  }
  const isTexts = typeName.endsWith('OrStringArray');
  for (const item of [...value].reverse()) {
    if (isTexts) w.textField(2, String(item));
    else schemaField(2, item);
  }
}

/** What an answer may be. */
export interface TypedObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
}

const PARTIAL = 'PartialObjectMetadata';

function content(w: BackWriter, object: TypedObject): void {
  const { apiVersion = '', kind = '' } = object;
  const fields = object as Readonly<Record<string, unknown>>;
  if (kind === PARTIAL) {
    metadataField(w, 'meta.v1.ObjectMeta', fields.metadata);
    return;
  }
  const typeName = typeNameOf(apiVersion, kind);
  if (findType(typeName) === undefined) throw notEncodable(kind);
  message(w, typeName, fields);
}

function metadataField(w: BackWriter, typeName: string, metadata: unknown): void {
  const before = w.length;
  if (isJsonObject(metadata)) message(w, typeName, metadata);
  w.messageField(1, before);
}

/** The message of an object, without envelope. @throws ApiError 406 for what has no protobuf form */
export function messageOf(object: TypedObject): Buffer {
  const w = new BackWriter();
  content(w, object);
  return w.take();
}

/** An object in its envelope, as bodies carry it. @throws ApiError 406 for what has no protobuf form */
export function encodeProtobuf(object: TypedObject): Buffer {
  const w = new BackWriter();
  content(w, object);
  envelope(w, object);
  return w.take();
}

/** Puts the envelope around a message. */
export function encodeEnvelope(type: TypedObject, object: Buffer): Buffer {
  const w = new BackWriter();
  w.raw(object);
  envelope(w, type);
  return w.take();
}

/** Puts the envelope around what is written so far. */
function envelope(w: BackWriter, { apiVersion = '', kind = '' }: TypedObject): void {
  w.messageField(2, 0);
  headOf(w, apiVersion, kind);
}

function headOf(w: BackWriter, apiVersion: string, kind: string): void {
  const before = w.length;
  w.textField(2, kind);
  w.textField(1, apiVersion);
  w.messageField(1, before);
  w.raw(MAGIC);
}

/** A list in its envelope, in pieces, from the messages of its items. */
export function* encodeProtobufList(
  list: TypedObject & { readonly metadata: object },
  items: readonly Buffer[],
): Generator<Buffer> {
  const metadata = new BackWriter();
  metadataField(metadata, 'meta.v1.ListMeta', list.metadata);
  const first = metadata.take();
  const heads = items.map(({ length }) => fieldHead(2, length));
  const size = [first, ...heads, ...items].reduce((sum, { length }) => sum + length, 0);
  const { apiVersion = '', kind = '' } = list;
  const w = new BackWriter();
  w.uint(size);
  w.uint((2 << 3) | 2);
  headOf(w, apiVersion, kind);
  yield Buffer.concat([w.take(), first]);
  for (const [i, item] of items.entries()) {
    yield heads[i] ?? Buffer.alloc(0);
    yield item;
  }
}

function fieldHead(number: number, size: number): Buffer {
  const w = new BackWriter();
  w.uint(size);
  w.uint((number << 3) | 2);
  return w.take();
}

/** One frame of a watch: its length in four bytes, then a `WatchEvent` with the object in an envelope of its own. */
export function encodeProtobufFrame(type: string, object: Buffer): Buffer {
  const w = new BackWriter();
  w.bytesField(1, object);
  w.messageField(2, 0);
  w.textField(1, type);
  const event = w.take();
  const length = Buffer.alloc(4);
  length.writeUInt32BE(event.length);
  return Buffer.concat([length, event]);
}

/** @param kind of an object that has no message */
export function notEncodable(kind: string): ApiError {
  const message = `object *${kind} does not implement the protobuf marshalling interface and cannot be encoded to a protobuf message`;
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'NotAcceptable',
    code: 406,
  });
}
