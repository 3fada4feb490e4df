/** The types of a structural schema as the checker of expressions knows them. */
import { isJsonObject, type JSONSchemaProps } from '@kubets/api';
import type { Environment } from '@marcbachmann/cel-js';
import { escapeName } from './values.ts';

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

/** Declares the types a schema is made of. */
export class TypeNames {
  readonly #env: Environment;
  #count = 0;

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The name of the schema's type. */
  of(schema: Schema | undefined): string {
    if (schema === undefined || schema['x-kubernetes-int-or-string']) return 'dyn';
    switch (schema.type) {
      case 'integer':
        return 'int';
      case 'number':
        return 'double';
      case 'boolean':
        return 'bool';
      case 'string':
        return TEXTS[schema.format ?? ''] ?? 'string';
      case 'array':
        return `list<${this.of(isJsonObject(schema.items) ? (schema.items as Schema) : undefined)}>`;
      case 'object':
        return this.#object(schema);
      default:
        return 'dyn';
    }
  }

  #object(schema: Schema): string {
    const extra = schema.additionalProperties;
    if (isJsonObject(extra)) return `map<string, ${this.of(extra as Schema)}>`;
    if (schema.properties === undefined && !schema['x-kubernetes-embedded-resource']) return 'dyn';
    const { properties = {} } = schema['x-kubernetes-embedded-resource']
      ? objectSchema(schema)
      : schema;
    const fields: Record<string, string> = {};
    for (const [name, property] of Object.entries(properties)) {
      const shown = escapeName(name);
      if (shown !== undefined) fields[shown] = this.of(property);
    }
    this.#count += 1;
    const name = `Object${this.#count}`;
    this.#env.registerType({ name, schema: fields });
    for (const other of [name, 'null']) {
      this.#env.registerOperator(`${name} == ${other}`, () => true);
    }
    return name;
  }
}

const TEXTS: Readonly<Record<string, string>> = {
  'date-time': 'google.protobuf.Timestamp',
  date: 'google.protobuf.Timestamp',
  duration: 'google.protobuf.Duration',
  byte: 'bytes',
};
