/** How large values of a schema can be in a request, and how small: as apiextensions counts for its estimates. */
import { isJsonObject, type JSONSchemaProps, lookup } from '@kubets/api';

type Schema = JSONSchemaProps;

/** The largest request, in bytes, without what encloses a value in it. */
const REQUEST_BYTES = 3_145_728;
const ENCLOSED_BYTES = REQUEST_BYTES - 2;

const inner = (value: unknown): Schema => (isJsonObject(value) ? (value as Schema) : {});

/** The fewest bytes of a value in JSON. */
export function leastBytes(schema: Schema): number {
  if (schema['x-kubernetes-int-or-string']) return 1;
  switch (schema.type) {
    case 'boolean':
      return 4;
    case 'integer':
    case 'number':
      return 1;
    case 'object':
      return 2 + requiredBytes(schema);
    default:
      return 2;
  }
}

/** Names, values, and what stands around them. */
function requiredBytes({ required = [], properties = {} }: Schema): number {
  return required.reduce((total, name) => {
    const property = properties[name];
    return property === undefined ? total : total + name.length + leastBytes(property) + 4;
  }, 0);
}

const FIXED_TEXTS: Readonly<Record<string, number>> = lookup({
  'date-time': 30,
  date: 12,
  duration: 32,
});
const BYTES_A_CHARACTER = 4;

/** The most elements of a list or map, or characters of a text; undefined of anything else. */
export function mostElements(schema: Schema): number | undefined {
  if (schema['x-kubernetes-int-or-string']) return ENCLOSED_BYTES;
  if (schema.type === 'array') {
    const { maxItems } = schema;
    return maxItems ?? Math.floor(ENCLOSED_BYTES / (leastBytes(inner(schema.items)) + 1));
  }
  if (schema.type === 'object' && schema.additionalProperties) {
    const least = leastBytes(inner(schema.additionalProperties));
    return schema.maxProperties ?? Math.floor(ENCLOSED_BYTES / (least + 6));
  }
  return schema.type === 'string' ? mostCharacters(schema) : undefined;
}

function mostCharacters({ maxLength, format = '', enum: values }: Schema): number {
  if (maxLength !== undefined) return maxLength * (format === 'byte' ? 1 : BYTES_A_CHARACTER);
  if (values && values.length > 0) {
    return Math.max(...values.map((value) => Buffer.byteLength(String(value))));
  }
  return FIXED_TEXTS[format] ?? ENCLOSED_BYTES;
}

/** How often a value of the schema can be in one request, where nothing bounds what it is in. */
export const mostInRequest = (schema: Schema): number =>
  Math.floor(REQUEST_BYTES / (leastBytes(schema) + 1));
