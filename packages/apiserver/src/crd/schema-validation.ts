/**
 * A JSON value against a structural schema, with the stock server's texts. On updates what has not changed is not
 * complained about: objects that were stored before a rule came can still be changed elsewhere.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  fieldErrors,
  getOwn,
  isInt64,
  isJsonObject,
  isNumeric,
  type JsonObject,
} from '@kubets/api';
import { goPattern, PatternError } from '../regexp/pattern.ts';
import { hasFormat } from './formats.ts';
import { shown } from './go-values.ts';
import { numberProblems } from './number-limits.ts';
import { itemSchema, memberSchema, type Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;

/** The value before the change; undefined when there is none to compare with. */
export interface Before {
  readonly value: unknown;
}

interface At {
  readonly path: string;
  readonly old: Before | undefined;
}

/** Everything wrong with a value; with `old`, only what the change is to blame for. */
export function validateValue(
  value: unknown,
  schema: Schema,
  path = '',
  old?: Before,
): FieldError[] {
  const errors: FieldError[] = [];
  check(errors, value, schema, { path, old });
  return errors;
}

function check(errors: FieldError[], value: unknown, schema: Schema, at: At): void {
  if (at.old !== undefined && isSame(value, at.old.value, schema)) return;
  if (!checkType(errors, value, schema, at.path) || value === null) return;
  checkComposed(errors, value, schema, at);
  if (typeof value === 'string') checkText(errors, value, schema, at.path);
  else if (isNumeric(value)) {
    for (const why of numberProblems(value, schema)) errors.push(invalid(at.path, value, why));
  } else if (Array.isArray(value)) checkList(errors, value, schema, at);
  checkEnum(errors, value, schema, at.path);
  if (isJsonObject(value)) checkObject(errors, value, schema, at);
}

export function typeName(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (Array.isArray(value)) return 'array';
  if (isNumeric(value)) return isInt64(value) ? 'integer' : 'number';
  return typeof value;
}

function typeError(path: string, wanted: string, seen: string): FieldError {
  const detail = `${path} in body must be of type ${wanted}: "${seen}"`;
  return new fieldErrors.FieldError('TypeInvalid', path, seen, detail);
}

function checkType(errors: FieldError[], value: unknown, schema: Schema, path: string): boolean {
  const isEither = schema['x-kubernetes-int-or-string'] === true;
  const wanted = isEither ? ['integer', 'string'] : schema.type ? [schema.type] : [];
  const seen = typeName(value);
  if (wanted.length === 0) return true;
  if (seen === 'null' && schema.nullable) return true;
  const fits = wanted.includes(seen) || (seen === 'integer' && wanted.includes('number'));
  if (!fits) errors.push(typeError(path, wanted.join(','), seen));
  return fits;
}

function invalid(path: string, value: unknown, why: string): FieldError {
  return fieldErrors.invalid(path, shown(value), `${path} in body ${why}`);
}

const CHARACTERS = { one: 'byte', many: 'bytes' };
const ITEMS = { one: 'item', many: 'items' };
const counted = (n: number, word: typeof ITEMS): string => `${n} ${n === 1 ? word.one : word.many}`;

function checkText(errors: FieldError[], text: string, schema: Schema, path: string): void {
  const length = [...text].length;
  const { maxLength, minLength, pattern, format } = schema;
  if (maxLength !== undefined && length > maxLength) {
    const detail = `may not be more than ${counted(maxLength, CHARACTERS)}`;
    errors.push(new fieldErrors.FieldError('TooLong', path, text, detail));
  }
  if (minLength !== undefined && length < minLength) {
    errors.push(invalid(path, text, `should be at least ${minLength} chars long`));
  }
  if (pattern && !isMatch(pattern, text)) {
    errors.push(invalid(path, text, `should match '${pattern}'`));
  }
  if (format && !hasFormat(text, format)) errors.push(typeError(path, format, text));
}

/** Nothing matches a pattern that cannot be read; new definitions have none. */
function isMatch(pattern: string, text: string): boolean {
  try {
    return goPattern(pattern).test(text);
  } catch (error) {
    if (error instanceof PatternError) return false;
    throw error;
  }
}

function tooMany(path: string, actual: number, max: number): FieldError {
  const detail = `must have at most ${counted(max, ITEMS)}`;
  return new fieldErrors.FieldError('TooMany', path, actual, detail);
}

function checkList(errors: FieldError[], list: unknown[], schema: Schema, at: At): void {
  const { path, old } = at;
  const items = itemSchema(schema);
  if (items !== undefined) {
    list.forEach((item, i) => {
      const before = itemBefore(schema, item, old);
      check(errors, item, items, { path: `${path}[${i}]`, old: before });
    });
  }
  const { minItems, maxItems, uniqueItems } = schema;
  if (minItems !== undefined && list.length < minItems) {
    errors.push(invalid(path, list.length, `should have at least ${minItems} items`));
  }
  if (maxItems !== undefined && list.length > maxItems) {
    errors.push(tooMany(path, list.length, maxItems));
  }
  if (uniqueItems && list.some((a, i) => list.slice(0, i).some((b) => isDeepStrictEqual(a, b)))) {
    errors.push(invalid(path, '', "shouldn't contain duplicates"));
  }
}

/** Whether a value is what it was: the items of a list with keys may have changed places. */
function isSame(value: unknown, old: unknown, schema: Schema): boolean {
  if (isDeepStrictEqual(value, old)) return true;
  if (Array.isArray(value) && Array.isArray(old)) {
    if (schema['x-kubernetes-list-type'] !== 'map' || value.length !== old.length) return false;
    const items = itemSchema(schema) ?? {};
    return value.every((item) => {
      const before = itemBefore(schema, item, { value: old });
      return before !== undefined && isSame(item, before.value, items);
    });
  }
  if (!isJsonObject(value) || !isJsonObject(old)) return false;
  const names = Object.keys(value);
  if (names.length !== Object.keys(old).length) return false;
  return names.every(
    (name) =>
      Object.hasOwn(old, name) && isSame(value[name], old[name], memberSchema(schema, name) ?? {}),
  );
}

/** The item before the change that stands for this one: only lists with keys can tell. */
export function itemBefore(
  schema: Schema,
  item: unknown,
  old: Before | undefined,
): Before | undefined {
  if (old === undefined || !Array.isArray(old.value) || !isJsonObject(item)) return undefined;
  if (schema['x-kubernetes-list-type'] !== 'map') return undefined;
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const value = old.value.find(
    (one) => isJsonObject(one) && keys.every((key) => isDeepStrictEqual(one[key], item[key])),
  );
  return value === undefined ? undefined : { value };
}

/** The member before the change. Atomic maps are one value: their members are not compared. */
export function memberBefore(
  schema: Schema,
  name: string,
  old: Before | undefined,
): Before | undefined {
  if (old === undefined || !isJsonObject(old.value)) return undefined;
  if (schema['x-kubernetes-map-type'] === 'atomic') return undefined;
  return Object.hasOwn(old.value, name) ? { value: old.value[name] } : undefined;
}

function checkObject(errors: FieldError[], object: JsonObject, schema: Schema, at: At): void {
  const { path, old } = at;
  const names = Object.keys(object);
  const { minProperties, maxProperties } = schema;
  if (minProperties !== undefined && names.length < minProperties) {
    const why = `should have at least ${minProperties} properties`;
    errors.push(invalid(path, names.length, why));
  }
  if (maxProperties !== undefined && names.length > maxProperties) {
    errors.push(tooMany(path, names.length, maxProperties));
  }
  for (const name of names.sort()) {
    const known = memberSchema(schema, name);
    if (known === undefined) continue;
    const before = memberBefore(schema, name, old);
    check(errors, object[name], known, { path: join(path, name), old: before });
  }
  for (const name of schema.required ?? []) {
    if (getOwn(object, name) === undefined) errors.push(fieldErrors.required(join(path, name)));
  }
}

export const join = (path: string, name: string): string =>
  path === '' ? name : `${path}.${name}`;

function checkEnum(errors: FieldError[], value: unknown, schema: Schema, path: string): void {
  const allowed = schema.enum;
  if (!allowed || allowed.some((one) => isDeepStrictEqual(one, value))) return;
  const texts = allowed.map((one) => (typeof one === 'string' ? one : JSON.stringify(one)));
  errors.push(fieldErrors.notSupported(path, shown(value), texts));
}

/** Complaints about combinations name the place in their text, not in their field. */
function composed(path: string, why: string): FieldError {
  return fieldErrors.invalid('<nil>', '', `${JSON.stringify(path)} ${why}`);
}

function checkComposed(errors: FieldError[], value: unknown, schema: Schema, at: At): void {
  const { path } = at;
  const outcomes = (schemas: readonly Schema[]): FieldError[][] =>
    schemas.map((one) => validateValue(value, one, path));
  if (schema.anyOf?.length) {
    const found = outcomes(schema.anyOf);
    if (!found.some((each) => each.length === 0)) {
      errors.push(composed(path, 'must validate at least one schema (anyOf)'), ...best(found));
    }
  }
  if (schema.oneOf?.length) {
    const found = outcomes(schema.oneOf);
    const valid = found.filter((each) => each.length === 0).length;
    const why = 'must validate one and only one schema (oneOf).';
    if (valid === 0) {
      errors.push(composed(path, `${why} Found none valid`), ...best(found));
    } else if (valid > 1) {
      errors.push(composed(path, `${why} Found ${valid} valid alternatives`));
    }
  }
  if (schema.allOf?.length) {
    const found = outcomes(schema.allOf).filter((each) => each.length > 0);
    if (found.length > 0) {
      const none = found.length === schema.allOf.length ? '. None validated' : '';
      errors.push(...found.flat(), composed(path, `must validate all the schemas (allOf)${none}`));
    }
  }
  if (schema.not && validateValue(value, schema.not, path).length === 0) {
    errors.push(composed(path, 'must not validate the schema (not)'));
  }
}

/** The complaints of the schema that fits best. */
function best(found: readonly FieldError[][]): FieldError[] {
  return found.reduce((a, b) => (b.length < a.length ? b : a), found[0] ?? []);
}
