/** Bringing a custom object to its schema: unknown fields dropped, embedded metadata read, nulls and defaults. */
import {
  decodeType,
  fieldErrors,
  getOwn,
  isJsonObject,
  type JSONSchemaProps,
  type JsonObject,
  setOwn,
} from '@kubets/api';
import { shown } from './go-values.ts';

export type Schema = JSONSchemaProps;

/** The schema of what is no declared property, or undefined. */
export function additionalSchema(schema: Schema | undefined): Schema | undefined {
  const extra = schema?.additionalProperties;
  return isJsonObject(extra) ? (extra as Schema) : undefined;
}

/** Lists have one schema for all their items. */
export function itemSchema(schema: Schema | undefined): Schema | undefined {
  return isJsonObject(schema?.items) ? (schema.items as Schema) : undefined;
}

/** The schema of a member of an object. */
export function memberSchema(schema: Schema | undefined, name: string): Schema | undefined {
  const properties = schema?.properties;
  if (properties && Object.hasOwn(properties, name)) return properties[name];
  return additionalSchema(schema);
}

const OBJECT_FIELDS: ReadonlySet<string> = new Set(['apiVersion', 'kind', 'metadata']);

const child = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/**
 * Drops, in place, what the schema does not know.
 * @param isRoot the value is an object of the API: kind, version and metadata are known
 * @returns paths of what was dropped
 */
export function prune(value: unknown, schema: Schema, isRoot: boolean): string[] {
  const dropped: string[] = [];
  pruneInto(dropped, value, schema, { path: '', isRoot });
  return dropped.sort();
}

function pruneInto(
  dropped: string[],
  value: unknown,
  schema: Schema | undefined,
  o: { path: string; isRoot: boolean },
): void {
  const { path } = o;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (items === undefined && schema?.['x-kubernetes-preserve-unknown-fields']) return;
    value.forEach((item, i) => {
      pruneInto(dropped, item, items, { path: `${path}[${i}]`, isRoot: false });
    });
    return;
  }
  if (!isJsonObject(value)) return;
  const isObject = o.isRoot || schema?.['x-kubernetes-embedded-resource'] === true;
  const keeps = schema?.['x-kubernetes-preserve-unknown-fields'] === true;
  for (const [name, member] of Object.entries(value)) {
    if (isObject && OBJECT_FIELDS.has(name)) continue;
    const known = memberSchema(schema, name);
    const at = { path: child(path, name), isRoot: false };
    if (known !== undefined || schema?.additionalProperties === true) {
      pruneInto(dropped, member, known, at);
    } else if (!keeps) {
      delete value[name];
      dropped.push(at.path);
    }
  }
}

/** Reads the metadata of embedded objects, in place. @returns paths of fields metadata does not have */
export function readEmbedded(value: unknown, schema: Schema | undefined, path = ''): Reading {
  const reading: Reading = { unknownFields: [], typeErrors: [] };
  readObjects(reading, value, schema, path);
  return reading;
}

/** What was found while embedded objects were read. */
export interface Reading {
  readonly unknownFields: string[];
  readonly typeErrors: string[];
}

function readObjects(
  reading: Reading,
  value: unknown,
  schema: Schema | undefined,
  path: string,
): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    value.forEach((item, i) => {
      readObjects(reading, item, items, `${path}[${i}]`);
    });
    return;
  }
  if (!isJsonObject(value)) return;
  if (schema['x-kubernetes-embedded-resource']) readHead(reading, value, path);
  for (const [name, member] of Object.entries(value)) {
    readObjects(reading, member, memberSchema(schema, name), child(path, name));
  }
}

function readHead(reading: Reading, object: JsonObject, path: string): void {
  const refuse = (name: string, why: string): void => {
    const error = fieldErrors.invalid(child(path, name), shown(object[name]), why);
    reading.typeErrors.push(String(error));
  };
  for (const name of ['apiVersion', 'kind']) {
    const value = object[name];
    if (value !== undefined && typeof value !== 'string') refuse(name, 'must be a string');
  }
  if (object.metadata === undefined) return;
  const read = decodeType('meta.v1.ObjectMeta', object.metadata ?? {});
  const [first] = read.typeErrors;
  if (first !== undefined) {
    refuse('metadata', first);
    return;
  }
  if (read.object.creationTimestamp === null) delete read.object.creationTimestamp;
  object.metadata = read.object;
  const unknown = read.unknownFields.map((field) => child(path, `metadata.${field}`));
  reading.unknownFields.push(...unknown);
}

const isStrayNull = (value: unknown, schema: Schema): boolean =>
  value === null && schema.nullable !== true;

/** Drops, in place, nulls where nothing may be null and no default takes their place. */
export function dropNulls(value: unknown, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item, itemSchema(schema));
  } else if (isJsonObject(value)) {
    for (const [name, member] of Object.entries(value)) {
      const known = memberSchema(schema, name);
      if (known === undefined) continue;
      if (isStrayNull(member, known) && known.default === undefined) delete value[name];
      else dropNulls(member, known);
    }
  }
}

/** Fills in, in place, what the schema gives defaults for. */
export function fillDefaults(value: unknown, schema: Schema | undefined): void {
  if (schema === undefined) return;
  if (Array.isArray(value)) {
    const items = itemSchema(schema);
    if (items === undefined) return;
    value.forEach((item, i) => {
      if (isStrayNull(item, items) && items.default !== undefined) {
        value[i] = structuredClone(items.default);
      }
      fillDefaults(value[i], items);
    });
    return;
  }
  if (!isJsonObject(value)) return;
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (property.default === undefined) continue;
    const present = getOwn(value, name);
    if (present === undefined || isStrayNull(present, property)) {
      setOwn(value, name, structuredClone(property.default));
    }
  }
  for (const [name, member] of Object.entries(value)) {
    const known = memberSchema(schema, name);
    if (known === undefined) continue;
    if (isStrayNull(member, known) && known.default !== undefined) {
      setOwn(value, name, structuredClone(known.default));
    }
    fillDefaults(value[name], known);
  }
}

/** Whether a schema, or one inside it, has rules. */
export function hasRules(schema: Schema | undefined): boolean {
  if (schema === undefined) return false;
  if ((schema['x-kubernetes-validations'] ?? []).length > 0) return true;
  const below = [
    ...Object.values(schema.properties ?? {}),
    itemSchema(schema),
    additionalSchema(schema),
  ];
  return below.some(hasRules);
}
