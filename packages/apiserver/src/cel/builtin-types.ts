/** The types of built-in kinds as the checker of expressions knows them. */
import { type TypeDef, type TypeRef, typeDef } from '@kubets/api';
import type { Environment } from '@marcbachmann/cel-js';
import { escapeName } from './values.ts';

/** Declares built-in types, each once. A type that holds itself is `dyn` where it does so. */
export class BuiltinTypes {
  readonly #env: Environment;
  readonly #names = new Map<string, string>();

  constructor(env: Environment) {
    this.#env = env;
  }

  /** The name of a type of the object model, `apps.v1.Deployment`. */
  of(typeName: string): string {
    const known = this.#names.get(typeName);
    if (known !== undefined) return known;
    this.#names.set(typeName, 'dyn');
    const name = typeName.replaceAll(/\W/g, '_');
    this.#env.registerType({ name, schema: this.#fields(typeDef(typeName)) });
    for (const other of [name, 'null']) {
      this.#env.registerOperator(`${name} == ${other}`, () => true);
    }
    this.#names.set(typeName, name);
    return name;
  }

  #fields({ fields }: TypeDef): Record<string, string> {
    const types: Record<string, string> = {};
    for (const { name, type } of fields.values()) {
      const shown = escapeName(name);
      if (shown !== undefined) types[shown] = this.#type(type);
    }
    return types;
  }

  #type(type: TypeRef): string {
    if (type.kind === 'list') return `list<${this.#type(type.of)}>`;
    if (type.kind === 'map') return `map<string, ${this.#type(type.of)}>`;
    if (type.kind === 'struct') return this.of(type.name);
    return SCALARS[type.kind] ?? 'dyn';
  }
}

const SCALARS: Readonly<Partial<Record<TypeRef['kind'], string>>> = {
  string: 'string',
  quantity: 'string',
  bool: 'bool',
  int32: 'int',
  int64: 'int',
  double: 'double',
  bytes: 'bytes',
  time: 'google.protobuf.Timestamp',
  microTime: 'google.protobuf.Timestamp',
};
