/** The shape of objects whose schema came at run time: what structural schemas say about lists and maps. */
import type { JSONSchemaProps } from '../generated/types.ts';
import { isJsonObject, type JsonObject } from '../meta.ts';
import { LEAVES, LOOSE, nameShape, type Shape, shapeOfType, wholeList, wholeMap } from './shape.ts';

type Schema = JSONSchemaProps;

/** Gives a kind's type name the shape of its schema, in place of the one it had. */
export function nameSchema(typeName: string, schema: Schema): void {
  nameShape(typeName, objectShape(schema, true));
}

function shapeOf(schema: Schema | undefined): Shape {
  if (schema === undefined) return LOOSE;
  if (schema['x-kubernetes-int-or-string']) return LEAVES.any;
  switch (schema.type) {
    case 'string':
      return LEAVES.string;
    case 'boolean':
      return LEAVES.boolean;
    case 'integer':
    case 'number':
      return LEAVES.numeric;
    case 'array':
      return listShape(schema);
    case 'object':
      return mapShape(schema);
    default:
      return LOOSE;
  }
}

function mapShape(schema: Schema): Shape {
  if (schema['x-kubernetes-map-type'] === 'atomic') return wholeMap(() => fieldsShape(schema));
  return fieldsShape(schema);
}

function fieldsShape(schema: Schema): Shape {
  const extra = schema.additionalProperties;
  if (isJsonObject(extra)) return { form: 'map', of: shapeOf(extra as Schema) };
  return objectShape(schema, schema['x-kubernetes-embedded-resource'] === true);
}

/** Fields get their shapes when somebody asks for them: most of a schema is never looked at. */
function objectShape(schema: Schema, isObject: boolean): Shape {
  const made = new Map<string, Shape>();
  const properties = schema.properties ?? {};
  const isOpen = schema['x-kubernetes-preserve-unknown-fields'] === true;
  const fresh = (name: string): Shape | undefined => {
    if (isObject && name === 'metadata') return shapeOfType('meta.v1.ObjectMeta');
    if (isObject && (name === 'apiVersion' || name === 'kind')) return LEAVES.string;
    return Object.hasOwn(properties, name) ? shapeOf(properties[name]) : undefined;
  };
  return {
    form: 'struct',
    others: isOpen ? LOOSE : undefined,
    field(name) {
      const known = made.get(name) ?? fresh(name);
      if (known !== undefined) made.set(name, known);
      return known;
    },
  };
}

function listShape(schema: Schema): Shape {
  const items = isJsonObject(schema.items) ? (schema.items as Schema) : undefined;
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'set' && type !== 'map') return wholeList(() => shapeOf(items));
  const keys = type === 'map' ? (schema['x-kubernetes-list-map-keys'] ?? []) : [];
  const keyDefaults: JsonObject = {};
  for (const key of keys) {
    const fallback = items?.properties?.[key]?.default;
    if (fallback !== undefined) keyDefaults[key] = fallback;
  }
  return { form: 'list', keys, item: shapeOf(items), keyDefaults };
}
