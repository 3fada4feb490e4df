/** The types of built-in kinds as the checker of expressions knows them. */
import { type TypeRef, typeDef } from '@kubets/api';
import { escapeName } from './names.ts';
import {
  BOOL,
  BYTES,
  DOUBLE,
  DYN,
  INT,
  listOf,
  mapOf,
  objectType,
  STRING,
  TIMESTAMP,
  type Type,
} from './types.ts';

/** A type of the object model, `apps.v1.Deployment`. Its fields are looked up when they are asked for. */
export const builtinType = (typeName: string): Type =>
  objectType(typeName, () => fieldsOf(typeName));

const known = new Map<string, ReadonlyMap<string, Type>>();

/** As many as there are types in the object model, at most. */
function fieldsOf(typeName: string): ReadonlyMap<string, Type> {
  const before = known.get(typeName);
  if (before !== undefined) return before;
  const fields = new Map<string, Type>();
  for (const { name, type } of typeDef(typeName).fields.values()) {
    const shown = escapeName(name);
    if (shown !== undefined) fields.set(shown, typeOf(type));
  }
  known.set(typeName, fields);
  return fields;
}

function typeOf(type: TypeRef): Type {
  if (type.kind === 'list') return listOf(typeOf(type.of));
  if (type.kind === 'map') return mapOf(STRING, typeOf(type.of));
  if (type.kind === 'struct') return builtinType(type.name);
  return SCALARS[type.kind] ?? DYN;
}

const SCALARS: Readonly<Partial<Record<TypeRef['kind'], Type>>> = {
  string: STRING,
  quantity: STRING,
  bool: BOOL,
  int32: INT,
  int64: INT,
  double: DOUBLE,
  bytes: BYTES,
  time: TIMESTAMP,
  microTime: TIMESTAMP,
};
