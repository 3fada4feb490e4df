/**
 * The compact schema of all built-in types: field names, types and the flags patches, decoding and OpenAPI need.
 * Loaded on first use, so that processes which only want types and selectors do not pay for it.
 */
import { createRequire } from 'node:module';

export type ScalarKind = 'string' | 'bool' | 'int32' | 'int64' | 'double' | 'bytes' | 'any';

/** Types whose JSON is not an object with declared fields. */
export type SpecialKind = 'time' | 'microTime' | 'quantity' | 'intOrString' | 'raw' | 'schemaOr';

export type TypeRef =
  | { readonly kind: Exclude<ScalarKind | SpecialKind, 'schemaOr'> }
  /** `name`: of the type that says what may stand in place of the schema. */
  | { readonly kind: 'schemaOr'; readonly name: string }
  | { readonly kind: 'list' | 'map'; readonly of: TypeRef }
  | { readonly kind: 'struct'; readonly name: string };

export interface FieldDef {
  readonly name: string;
  readonly type: TypeRef;
  readonly required: boolean;
  /** Protobuf field number, 0 when the type has none. */
  readonly number: number;
  readonly listType?: 'atomic' | 'set' | 'map';
  /** What identifies an entry of a `map` list. */
  readonly listKeys: readonly string[];
  /** Of strategic merge: `merge`, `replace`, `retainKeys`. */
  readonly patchStrategies: readonly string[];
  readonly mergeKey?: string;
  readonly atomicMap: boolean;
  /** A zero value is kept (the stock server holds a pointer). */
  readonly keepZero: boolean;
  /** Written as `{}` when absent. */
  readonly valueStruct: boolean;
  /** Written when absent although optional. */
  readonly written?: 'null' | 'zero';
}

export interface TypeDef {
  readonly name: string;
  readonly fields: ReadonlyMap<string, FieldDef>;
  readonly atomic: boolean;
  readonly gvk?: readonly [group: string, version: string, kind: string];
  /** Fields to write when the input lacks them. */
  readonly filled: readonly FieldDef[];
}

interface FieldFact {
  t: string;
  r?: 1;
  n?: number;
  l?: 'atomic' | 'set' | 'map';
  k?: string[];
  s?: string;
  mk?: string;
  a?: 1;
  z?: 1;
  v?: 1;
  w?: 'null' | 'zero';
}

interface TypeFact {
  f?: Record<string, FieldFact>;
  a?: 1;
  gvk?: [string, string, string];
}

const SPECIAL: Readonly<Record<string, SpecialKind>> = {
  'meta.v1.Time': 'time',
  'meta.v1.MicroTime': 'microTime',
  'meta.v1.FieldsV1': 'raw',
  'runtime.RawExtension': 'raw',
  'resource.Quantity': 'quantity',
  'intstr.IntOrString': 'intOrString',
  'apiextensions.v1.JSON': 'raw',
  'apiextensions.v1.JSONSchemaPropsOrArray': 'schemaOr',
  'apiextensions.v1.JSONSchemaPropsOrBool': 'schemaOr',
  'apiextensions.v1.JSONSchemaPropsOrStringArray': 'schemaOr',
};
const SCALARS: ReadonlySet<string> = new Set([
  'string',
  'bool',
  'int32',
  'int64',
  'double',
  'bytes',
  'any',
]);

function parseRef(text: string): TypeRef {
  if (text.startsWith('[]')) return { kind: 'list', of: parseRef(text.slice(2)) };
  if (text.startsWith('map:')) return { kind: 'map', of: parseRef(text.slice(4)) };
  if (SCALARS.has(text)) return { kind: text as ScalarKind };
  const special = SPECIAL[text];
  if (special === undefined) return { kind: 'struct', name: text };
  return special === 'schemaOr' ? { kind: special, name: text } : { kind: special };
}

function parseField(name: string, f: FieldFact): FieldDef {
  return {
    name,
    type: parseRef(f.t),
    required: f.r === 1,
    number: f.n ?? 0,
    ...(f.l ? { listType: f.l } : {}),
    listKeys: f.k ?? [],
    patchStrategies: f.s?.split(',') ?? [],
    ...(f.mk ? { mergeKey: f.mk } : {}),
    atomicMap: f.a === 1,
    keepZero: f.z === 1,
    valueStruct: f.v === 1,
    ...(f.w ? { written: f.w } : {}),
  };
}

function parseType(name: string, fact: TypeFact): TypeDef {
  const fields = new Map<string, FieldDef>();
  for (const [field, f] of Object.entries(fact.f ?? {})) fields.set(field, parseField(field, f));
  const all = [...fields.values()];
  return {
    name,
    fields,
    atomic: fact.a === 1,
    ...(fact.gvk ? { gvk: fact.gvk } : {}),
    filled: all.filter((f) => f.required || f.valueStruct || f.written !== undefined),
  };
}

let facts: Record<string, TypeFact> | undefined;
const parsed = new Map<string, TypeDef>();

function loadFacts(): Record<string, TypeFact> {
  facts ??= createRequire(import.meta.url)('../generated/schema.json') as Record<string, TypeFact>;
  return facts;
}

/** The type of that name (`core.v1.PodSpec`), or undefined. */
export function findType(name: string): TypeDef | undefined {
  const known = parsed.get(name);
  if (known) return known;
  const fact = loadFacts()[name];
  if (!fact) return undefined;
  const type = parseType(name, fact);
  parsed.set(name, type);
  return type;
}

/** The type of that name; throws when the schema has none. */
export function typeDef(name: string): TypeDef {
  const type = findType(name);
  if (!type) throw new Error(`the schema has no type ${name}`);
  return type;
}

/** Names of all types, sorted. */
export function typeNames(): string[] {
  return Object.keys(loadFacts());
}

/** `PodSpec` of `core.v1.PodSpec`. */
export function baseName(typeName: string): string {
  return typeName.slice(typeName.lastIndexOf('.') + 1);
}

/** How Go's decoder names a type in its errors: `v1.PodSpec`, `[]string`. */
export function goTypeText(ref: TypeRef): string {
  switch (ref.kind) {
    case 'list':
      return `[]${goTypeText(ref.of)}`;
    case 'map':
      return `map[string]${goTypeText(ref.of)}`;
    case 'struct': {
      const parts = ref.name.split('.');
      return parts.slice(-2).join('.');
    }
    case 'double':
      return 'float64';
    case 'bytes':
      return '[]uint8';
    case 'quantity':
      return 'resource.Quantity';
    case 'intOrString':
      return 'intstr.IntOrString';
    default:
      return ref.kind;
  }
}
