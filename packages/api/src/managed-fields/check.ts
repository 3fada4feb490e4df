/** Whether an applied configuration fits the schema, in the words of the stock server. */
import { isNumeric } from '../exact-json.ts';
import { goSyntax, goTypeOf, goValue } from '../go-text.ts';
import { isJsonObject } from '../meta.ts';
import { elementText } from './field-set.ts';
import {
  fieldShape,
  itemElement,
  type ListShape,
  missingKey,
  resolveShape,
  type Shape,
} from './shape.ts';

/** Complaints about a configuration, in the order of its fields. */
export function configErrors(shape: Shape, config: unknown): string[] {
  const errors: string[] = [];
  check(shape, config, '', errors);
  return errors;
}

/** Several complaints as one text. */
export function errorsText(errors: readonly string[]): string {
  if (errors.length === 1) return errors[0] ?? '';
  return ['errors:', ...errors.map((error) => `  ${error}`)].join('\n');
}

function check(given: Shape, value: unknown, path: string, errors: string[]): void {
  if (value === null) return;
  const shape = resolveShape(given, value);
  if (shape.form === 'leaf') {
    if (!fits(shape.type, value)) errors.push(mistaken(path, shape.type, value));
    else if (shape.inside !== undefined) checkInside(shape.inside(), value, path, errors);
    return;
  }
  if (shape.form === 'list') {
    if (Array.isArray(value)) checkItems(shape, value, path, errors);
    else errors.push(mistaken(path, 'list', value));
    return;
  }
  if (!isJsonObject(value)) {
    errors.push(mistaken(path, 'map', value));
    return;
  }
  for (const [name, child] of Object.entries(value)) {
    const field = fieldShape(shape, name);
    if (field === undefined) errors.push(`${path}.${name}: field not declared in schema`);
    else check(field, child, `${path}.${name}`, errors);
  }
}

function checkInside(shape: Shape, value: unknown, path: string, errors: string[]): void {
  if (!Array.isArray(value)) check(shape, value, path, errors);
  else for (const [at, item] of value.entries()) check(shape, item, `${path}[${at}]`, errors);
}

function checkItems(
  shape: ListShape,
  list: readonly unknown[],
  path: string,
  errors: string[],
): void {
  const seen = new Set<string>();
  for (const [at, item] of list.entries()) {
    const missing = shape.keys.length > 0 ? entryError(shape, item) : undefined;
    if (missing !== undefined) {
      errors.push(`${path}: element ${at}: ${missing}`);
      return;
    }
    const element = itemElement(shape, item);
    if (seen.has(element)) {
      errors.push(`${path}: duplicate entries for key ${elementText(element)}`);
      continue;
    }
    seen.add(element);
    check(shape.item, item, `${path}${elementText(element)}`, errors);
  }
}

function entryError(shape: ListShape, item: unknown): string | undefined {
  if (!isJsonObject(item)) {
    return item === null
      ? 'associative list with keys may not have a null element'
      : 'associative list with keys may not have non-map elements';
  }
  const key = missingKey(shape, item);
  if (key === undefined) return undefined;
  return `associative list with keys has an element that omits key field ${JSON.stringify(key)} (and doesn't have default value)`;
}

function fits(type: string, value: unknown): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string';
    case 'boolean':
      return typeof value === 'boolean';
    case 'numeric':
      return isNumeric(value);
    case 'list':
      return Array.isArray(value);
    case 'map':
      return isJsonObject(value);
    default:
      return true;
  }
}

/** Each type shows in its own way what is there instead. */
function mistaken(path: string, type: string, value: unknown): string {
  if (type === 'numeric') return `${path}: expected numeric (int or float), got ${goTypeOf(value)}`;
  const isText = type === 'string';
  const shown = isText
    ? `value.valueUnstructured{Value:${goSyntax(value)}}`
    : `{${goValue(value)}}`;
  return `${path}: expected ${type}, got &${shown}`;
}
