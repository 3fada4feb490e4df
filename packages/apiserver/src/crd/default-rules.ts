/** Whether the defaults of a schema fit it. */
import { isDeepStrictEqual } from 'node:util';
import { fieldErrors, isJsonObject } from '@kubets/api';
import { shown } from './go-values.ts';
import { embeddedErrors } from './invariants.ts';
import { validateValue } from './schema-validation.ts';
import { prune, type Schema } from './structural.ts';

type FieldError = fieldErrors.FieldError;

/** Everything wrong with the defaults of a schema; maps are not gone into, there they are not allowed. */
export function defaultErrors(schema: Schema, path: string): FieldError[] {
  const errors = schema.default === undefined ? [] : ownErrors(schema, path);
  const { items, properties = {} } = schema;
  if (isJsonObject(items)) errors.push(...defaultErrors(items as Schema, `${path}.items`));
  for (const name of Object.keys(properties).sort()) {
    const property = properties[name];
    if (property) errors.push(...defaultErrors(property, `${path}.properties[${name}]`));
  }
  return errors;
}

function ownErrors(schema: Schema, path: string): FieldError[] {
  const at = `${path}.default`;
  const errors: FieldError[] = [];
  const pruned = structuredClone(schema.default);
  prune(pruned, schema, schema['x-kubernetes-embedded-resource'] === true);
  if (!isDeepStrictEqual(pruned, schema.default)) {
    const why = 'must not have unknown fields';
    errors.push(fieldErrors.invalid(at, shown(schema.default), why));
  }
  const embedded = embeddedErrors(schema.default, schema, at);
  if (embedded.length > 0) return [...errors, ...embedded];
  // Values are spoken of as if they stood alone.
  const wrong = validateValue(schema.default, schema).map(
    ({ type, field, badValue, detail }) =>
      new fieldErrors.FieldError(type, field === '' ? at : `${at}.${field}`, badValue, detail),
  );
  return [...errors, ...wrong];
}
