/**
 * Kubernetes' protobuf bodies as plain JSON values. Stock clients send built-in kinds this way; from here on the request
 * goes the way of a JSON body. The schema gives the field numbers.
 */
import {
  badRequest,
  type ExactInteger,
  exactInteger,
  type FieldDef,
  findType,
  isJsonObject,
  type JsonObject,
  lookup,
  parseApiVersion,
  parseNumbers,
  type TypeRef,
} from '@kubets/api';
import { EMBEDDED, type Embedded } from './embedded-fields.ts';
import { integersOf, type WireField, wireFields } from './wire.ts';

/** Every body begins with it. */
export const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
const MAX_DEPTH = 64;
/** Options travel under any group's name. */
const META_KINDS: ReadonlySet<string> = new Set(['DeleteOptions', 'Status', 'ListOptions']);

/** Decodes a whole body: the envelope and the object in it. @throws ApiError BadRequest */
export function decodeProtobuf(body: Buffer): JsonObject {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw badRequest('the protobuf body does not begin with the magic number of Kubernetes');
  }
  let apiVersion = '';
  let kind = '';
  let raw: Buffer = Buffer.alloc(0);
  for (const field of wireFields(body.subarray(MAGIC.length))) {
    if (field.number === 1) [apiVersion, kind] = typeMeta(field.bytes);
    else if (field.number === 2) raw = field.bytes;
  }
  const typeName = typeNameOf(apiVersion, kind);
  if (findType(typeName) === undefined) {
    throw badRequest(`no kind "${kind}" is registered for version "${apiVersion}"`);
  }
  return { ...message(typeName, raw, 0), kind, apiVersion };
}

function typeMeta(bytes: Buffer): [string, string] {
  let apiVersion = '';
  let kind = '';
  for (const { number, bytes: text } of wireFields(bytes)) {
    if (number === 1) apiVersion = text.toString('utf8');
    else if (number === 2) kind = text.toString('utf8');
  }
  return [apiVersion, kind];
}

/** Groups whose types are not called by the group's first part. */
const TYPE_GROUPS: Readonly<Record<string, string>> = lookup({
  '': 'core',
  'internal.apiserver.k8s.io': 'apiserverinternal',
});

/** The schema's name of a kind: `apps/v1 Deployment` → `apps.v1.Deployment`. */
export function typeNameOf(apiVersion: string, kind: string): string {
  if (META_KINDS.has(kind)) return `meta.v1.${kind}`;
  const { group, version } = parseApiVersion(apiVersion);
  const first = TYPE_GROUPS[group] ?? group.split('.', 1)[0] ?? group;
  return `${first}.${version}.${kind}`;
}

interface Shape {
  readonly byNumber: ReadonlyMap<number, FieldDef>;
  readonly byName: ReadonlyMap<string, FieldDef>;
}

const shapes = new Map<string, Shape>();

function shapeOf(typeName: string): Shape {
  const known = shapes.get(typeName);
  if (known !== undefined) return known;
  const byName = findType(typeName)?.fields ?? new Map<string, FieldDef>();
  const byNumber = new Map<number, FieldDef>();
  for (const field of byName.values()) if (field.number > 0) byNumber.set(field.number, field);
  const shape = { byNumber, byName };
  shapes.set(typeName, shape);
  return shape;
}

function message(typeName: string, bytes: Buffer, depth: number): JsonObject {
  const out: JsonObject = {};
  const shape = shapeOf(typeName);
  readInto(out, { shape, embedded: EMBEDDED[typeName] ?? {}, isTop: true, depth }, bytes);
  return out;
}

interface Place {
  readonly shape: Shape;
  readonly embedded: Embedded;
  /** Not within an embedded struct: the schema's numbers count. */
  readonly isTop: boolean;
  readonly depth: number;
}

function readInto(out: JsonObject, place: Place, bytes: Buffer): void {
  if (place.depth > MAX_DEPTH) throw badRequest('the protobuf body nests too deeply');
  const { shape, embedded, isTop, depth } = place;
  for (const wire of wireFields(bytes)) {
    const other = embedded[String(wire.number)];
    if (typeof other === 'object') {
      readInto(out, { shape, embedded: other, isTop: false, depth: depth + 1 }, wire.bytes);
      continue;
    }
    const known = isTop ? shape.byNumber.get(wire.number) : undefined;
    const field = other === undefined ? known : shape.byName.get(other);
    if (field !== undefined) addField(out, field, wire, depth + 1);
  }
}

const OWN = { enumerable: true, configurable: true, writable: true } as const;

function addField(out: JsonObject, field: FieldDef, wire: WireField, depth: number): void {
  const { name, type } = field;
  if (type.kind === 'list') {
    const list = (out[name] as unknown[] | undefined) ?? [];
    out[name] = list;
    for (const item of items(type.of, wire, depth)) list.push(item);
    return;
  }
  if (type.kind === 'map') {
    const map = isJsonObject(out[name]) ? out[name] : {};
    out[name] = map;
    const [key, item] = entry(type.of, wire.bytes, depth);
    // Defined, not assigned: a key may be called __proto__.
    Object.defineProperty(map, key, { ...OWN, value: item });
    return;
  }
  const found = value(type, wire, depth);
  if (found !== undefined) out[name] = found;
}

function items(of: TypeRef, wire: WireField, depth: number): unknown[] {
  const isNumber = of.kind === 'int32' || of.kind === 'int64' || of.kind === 'bool';
  if (isNumber) return integersOf(wire).map((integer) => scalar(of.kind, integer));
  return [value(of, wire, depth)].filter((each) => each !== undefined);
}

/** One entry of a map: key 1, value 2; a value that is a list is wrapped in a message with the items as field 1. */
function entry(of: TypeRef, bytes: Buffer, depth: number): [key: string, value: unknown] {
  let key = '';
  let found: unknown;
  for (const wire of wireFields(bytes)) {
    if (wire.number === 1) key = wire.bytes.toString('utf8');
    if (wire.number !== 2) continue;
    if (of.kind === 'list') {
      found = [...wireFields(wire.bytes)].flatMap((each) => items(of.of, each, depth));
    } else {
      found = value(of, wire, depth);
    }
  }
  return [key, found ?? emptyOf(of)];
}

/** gogo leaves empty map values out. */
function emptyOf(of: TypeRef): unknown {
  if (of.kind === 'list') return [];
  if (of.kind === 'struct') return {};
  if (of.kind === 'bool') return false;
  return of.kind === 'string' || of.kind === 'bytes' ? '' : '0';
}

function value(type: TypeRef, wire: WireField, depth: number): unknown {
  const { bytes, integer } = wire;
  switch (type.kind) {
    case 'struct':
      return message(type.name, bytes, depth);
    case 'string':
      return bytes.toString('utf8');
    case 'bytes':
      return bytes.toString('base64');
    case 'bool':
    case 'int32':
    case 'int64':
      return scalar(type.kind, integer);
    case 'double':
      return bytes.readDoubleLE();
    case 'time':
    case 'microTime':
      return time(bytes, type.kind === 'microTime');
    case 'quantity':
      return firstText(bytes);
    case 'intOrString':
      return intOrString(bytes);
    case 'raw':
      return rawJson(bytes);
    case 'schemaOr':
      return schemaOr(type.name, bytes, depth);
    default:
      return undefined;
  }
}

function scalar(kind: string, integer: bigint): boolean | ExactInteger {
  if (kind === 'bool') return integer !== 0n;
  return exactInteger(BigInt.asIntN(kind === 'int32' ? 32 : 64, integer));
}

/** A point in time; the zero time is an empty message and means none. */
function time(bytes: Buffer, isMicro: boolean): string | undefined {
  let seconds: bigint | undefined;
  let nanos = 0;
  for (const { number, integer } of wireFields(bytes)) {
    if (number === 1) seconds = BigInt.asIntN(64, integer);
    else if (number === 2) nanos = Number(BigInt.asIntN(32, integer));
  }
  if (seconds === undefined) return undefined;
  const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19);
  if (!isMicro) return `${whole}Z`;
  return `${whole}.${String(Math.floor(nanos / 1_000)).padStart(6, '0')}Z`;
}

function firstText(bytes: Buffer): string {
  for (const field of wireFields(bytes))
    if (field.number === 1) return field.bytes.toString('utf8');
  return '';
}

function intOrString(bytes: Buffer): number | string {
  let isText = false;
  let integer = 0;
  let text = '';
  for (const field of wireFields(bytes)) {
    if (field.number === 1) isText = field.integer === 1n;
    else if (field.number === 2) integer = Number(BigInt.asIntN(32, field.integer));
    else if (field.number === 3) text = field.bytes.toString('utf8');
  }
  return isText ? text : integer;
}

const SCHEMA = 'apiextensions.v1.JSONSchemaProps';

/** A JSON schema, or what the type's name says may stand in its place. */
function schemaOr(typeName: string, bytes: Buffer, depth: number): unknown {
  const isBool = typeName.endsWith('OrBool');
  const isTexts = typeName.endsWith('OrStringArray');
  const listed: unknown[] = [];
  let allows = false;
  let schema: unknown;
  for (const field of wireFields(bytes)) {
    const isSchema = isBool ? field.number === 2 : field.number === 1;
    if (isSchema) schema = message(SCHEMA, field.bytes, depth);
    else if (isBool) allows = field.integer !== 0n;
    else listed.push(isTexts ? field.bytes.toString('utf8') : message(SCHEMA, field.bytes, depth));
  }
  return schema ?? (isBool ? allows : listed);
}

/** JSON carried as bytes in field 1. */
function rawJson(bytes: Buffer): unknown {
  const text = firstText(bytes);
  if (text === '') return undefined;
  try {
    return parseNumbers(text);
  } catch {
    throw badRequest('the protobuf body carries raw content that is not JSON');
  }
}
