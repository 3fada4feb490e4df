/** JSON values as expressions see them: whole numbers are ints, fields have names an expression can write. */
import { isJsonObject, type JSONSchemaProps, parseDurationMs } from '@kubets/api';
import { Duration } from '@marcbachmann/cel-js/evaluator';

type Schema = JSONSchemaProps;

const RESERVED: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

const SIGNS: readonly [RegExp, string][] = [
  [/__/g, '__underscores__'],
  [/\./g, '__dot__'],
  [/-/g, '__dash__'],
  [/\//g, '__slash__'],
];

/** The name of a field in expressions; undefined for one that cannot be written. */
export function escapeName(name: string): string | undefined {
  if (RESERVED.has(name)) return `__${name}__`;
  if (!/^[A-Za-z_][\w./-]*$/.test(name)) return undefined;
  return SIGNS.reduce((text, [sign, word]) => text.replaceAll(sign, word), name);
}

/** A value of which nothing is known but what it is. */
export function plainValue(value: unknown): unknown {
  if (typeof value === 'number') return Number.isInteger(value) ? BigInt(value) : value;
  if (Array.isArray(value)) return value.map(plainValue);
  if (!isJsonObject(value)) return value ?? null;
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(entries.map(([name, member]) => [name, plainValue(member)]));
}

/** A value with a schema. */
export function typedValue(value: unknown, schema: Schema | undefined): unknown {
  if (schema === undefined || value === null || value === undefined) return plainValue(value);
  if (schema['x-kubernetes-int-or-string']) return plainValue(value);
  if (Array.isArray(value)) {
    const items = isJsonObject(schema.items) ? (schema.items as Schema) : undefined;
    return value.map((item) => typedValue(item, items));
  }
  if (isJsonObject(value)) return typedObject(value, schema);
  if (typeof value === 'number') return schema.type === 'number' ? value : plainValue(value);
  return typeof value === 'string' ? typedText(value, schema.format) : value;
}

function typedObject(value: Record<string, unknown>, schema: Schema): unknown {
  const extra = isJsonObject(schema.additionalProperties)
    ? (schema.additionalProperties as Schema)
    : undefined;
  const properties = schema.properties ?? {};
  const out: [string, unknown][] = [];
  for (const [name, member] of Object.entries(value)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (member === undefined) continue;
    if (known === undefined) {
      out.push([name, extra ? typedValue(member, extra) : plainValue(member)]);
      continue;
    }
    const shown = escapeName(name);
    if (shown !== undefined) out.push([shown, typedValue(member, known)]);
  }
  return Object.fromEntries(out);
}

function typedText(text: string, format: string | undefined): unknown {
  switch (format) {
    case 'date-time':
    case 'date': {
      const ms = Date.parse(text);
      return Number.isNaN(ms) ? text : new Date(ms);
    }
    case 'byte':
      return new Uint8Array(Buffer.from(text, 'base64'));
    case 'duration':
      return durationOf(text) ?? text;
    default:
      return text;
  }
}

function durationOf(text: string): unknown {
  const ms = parseDurationMs(text);
  return ms === undefined ? undefined : Duration.fromMilliseconds(ms);
}
