/** Types of structural schemas: what the checker knows of a custom object, and its values as expressions see them. */
import { isJsonObject, isNumeric, type JSONSchemaProps, lookup } from '@kubets/api';
import { EvaluationFailure } from './errors.ts';
import { JsonMap, plainValue } from './json-values.ts';
import { escapeName } from './names.ts';
import { mostElements } from './sizes.ts';
import { durationOf, timestampOf } from './times.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DURATION,
  DYN,
  INT,
  listOf,
  mapOf,
  objectType,
  STRING,
  TIMESTAMP,
  type Type,
} from './types.ts';
import { LiteralMap, ObjectValue, UnorderedList } from './values.ts';

type Schema = JSONSchemaProps;

/** What every object of the API has, beside what its schema says. */
export function objectSchema(schema: Schema): Schema {
  const text: Schema = { type: 'string' };
  const metadata: Schema = {
    type: 'object',
    properties: { name: text, generateName: text },
  };
  return {
    ...schema,
    properties: { ...schema.properties, apiVersion: text, kind: text, metadata },
  };
}

/** A field: its name in JSON and what it holds. */
export interface Field {
  readonly name: string;
  readonly of: Declared;
}

/** How expressions write the name of a field; undefined: they cannot. */
type ShownAs = (name: string) => string | undefined;

interface DeclaredOptions {
  readonly name: string;
  readonly shownAs: ShownAs;
  readonly element?: Declared;
}

/** A schema with its type. */
export class Declared {
  readonly schema: Schema;
  readonly type: Type;
  /** What a list or a map holds. */
  readonly element: Declared | undefined;
  readonly #name: string;
  readonly #shownAs: ShownAs;
  #fields: ReadonlyMap<string, Field> | undefined;

  constructor(schema: Schema, type: Type | undefined, o: DeclaredOptions) {
    this.schema = schema;
    this.#name = o.name;
    this.#shownAs = o.shownAs;
    this.element = o.element;
    this.type = type ?? objectType(o.name, () => this.#fieldTypes());
  }

  /** How many elements or characters it has at most; 0 of what has no size. */
  get most(): number {
    return mostElements(this.schema) ?? 0;
  }

  /** The fields of an object that expressions can name, by the names they write. */
  get fields(): ReadonlyMap<string, Field> {
    if (this.#fields !== undefined) return this.#fields;
    const fields = new Map<string, Field>();
    for (const [name, property] of Object.entries(this.schema.properties ?? {})) {
      const shown = this.#shownAs(name);
      const of = declared(property, `${this.#name}.${name}`, this.#shownAs);
      if (shown !== undefined && of !== undefined) fields.set(shown, { name, of });
    }
    this.#fields = fields;
    return fields;
  }

  #fieldTypes(): ReadonlyMap<string, Type> {
    return new Map([...this.fields].map(([name, { of }]) => [name, of.type]));
  }

  /** A value of this type, as it is in JSON, as expressions see it. */
  value(json: unknown): unknown {
    if (json === null || json === undefined) return null;
    const { kind } = this.type;
    if (Array.isArray(json)) return this.#list(json);
    if (isJsonObject(json)) {
      if (kind === 'object') return new DeclaredObject(json, this);
      return new JsonMap(json, (member) => this.#element(member));
    }
    if (kind === 'double') return isNumeric(json) ? Number(json) : plainValue(json);
    return typeof json === 'string' ? textValue(json, this.type) : plainValue(json);
  }

  #element(json: unknown): unknown {
    return this.element === undefined ? plainValue(json) : this.element.value(json);
  }

  #list(json: readonly unknown[]): unknown {
    const items = json.map((item) => this.#element(item));
    switch (this.schema['x-kubernetes-list-type']) {
      case 'set':
        return new UnorderedList(items, (item) => item);
      case 'map': {
        const keys = this.schema['x-kubernetes-list-map-keys'] ?? [];
        return new UnorderedList(items, (item) => keysOf(item, keys));
      }
      default:
        return items;
    }
  }
}

/** What an element of a list with keys is known by. */
function keysOf(item: unknown, keys: readonly string[]): unknown {
  const map = new LiteralMap();
  if (!(item instanceof DeclaredObject)) return item;
  for (const key of keys) {
    const value = item.members().get(key);
    if (value !== undefined) map.add(key, value);
  }
  return map;
}

function textValue(text: string, { kind }: Type): unknown {
  try {
    switch (kind) {
      case 'timestamp':
        return timestampOf(/^\d{4}-\d\d-\d\d$/.test(text) ? `${text}T00:00:00Z` : text);
      case 'duration':
        return durationOf(text);
      case 'bytes':
        return new Uint8Array(Buffer.from(text, 'base64'));
      default:
        return text;
    }
  } catch (error) {
    if (error instanceof EvaluationFailure) return text;
    throw error;
  }
}

/** An object with a schema. A field that is null is not there. */
class DeclaredObject extends ObjectValue {
  override readonly type: Type;
  readonly #raw: Readonly<Record<string, unknown>>;
  readonly #declared: Declared;
  readonly #made = new Map<string, unknown>();

  constructor(raw: Readonly<Record<string, unknown>>, declared: Declared) {
    super();
    this.#raw = raw;
    this.#declared = declared;
    this.type = declared.type;
  }

  override get(field: string): unknown {
    const known = this.#declared.fields.get(field);
    if (known === undefined || !Object.hasOwn(this.#raw, known.name)) return undefined;
    const json = this.#raw[known.name];
    if (json === undefined || json === null) return undefined;
    if (!this.#made.has(field)) this.#made.set(field, known.of.value(json));
    return this.#made.get(field);
  }

  override members(): ReadonlyMap<string, unknown> {
    const byName = new Map([...this.#declared.fields].map(([shown, { name }]) => [name, shown]));
    const found = new Map<string, unknown>();
    for (const [name, json] of Object.entries(this.#raw)) {
      if (json === undefined || json === null) continue;
      const shown = byName.get(name);
      found.set(name, shown === undefined ? plainValue(json) : this.get(shown));
    }
    return found;
  }
}

const TEXTS: Readonly<Record<string, Type>> = lookup({
  'date-time': TIMESTAMP,
  date: TIMESTAMP,
  duration: DURATION,
  byte: BYTES,
});
const SCALARS: Readonly<Record<string, Type>> = lookup({
  integer: INT,
  number: DOUBLE,
  boolean: BOOL,
});

/**
 * The type of a schema; undefined: the schema does not say enough for expressions to speak of it. Fields of schemas are written
 * with their names escaped, unless it is said otherwise.
 */
export function declared(
  given: Schema,
  name: string,
  shownAs: ShownAs = escapeName,
): Declared | undefined {
  const o = { name, shownAs };
  if (given['x-kubernetes-int-or-string']) return new Declared(given, DYN, o);
  const schema = given['x-kubernetes-embedded-resource'] ? objectSchema(given) : given;
  const scalar = SCALARS[schema.type ?? ''];
  if (scalar !== undefined) return new Declared(schema, scalar, o);
  switch (schema.type) {
    case 'string':
      return new Declared(schema, TEXTS[schema.format ?? ''] ?? STRING, o);
    case 'array': {
      const element = inside(schema.items, `${name}.@idx`, shownAs);
      return element && new Declared(schema, listOf(element.type), { ...o, element });
    }
    case 'object': {
      if (!isJsonObject(schema.additionalProperties)) return new Declared(schema, undefined, o);
      const element = inside(schema.additionalProperties, `${name}.@elem`, shownAs);
      return element && new Declared(schema, mapOf(STRING, element.type), { ...o, element });
    }
    default:
      return undefined;
  }
}

const inside = (schema: unknown, name: string, shownAs: ShownAs): Declared | undefined =>
  isJsonObject(schema) ? declared(schema as Schema, name, shownAs) : undefined;

/** For types that are written down by hand: their fields are called what they are called. */
export const asItIs: ShownAs = (name) => name;
