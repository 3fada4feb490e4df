/** Laying an object that a policy wants over one that is being written: as an apply does it, without owners. */
import { MutationError } from '../errors.ts';
import type { JsonObject } from '../meta.ts';
import type { KindDef } from '../registry.ts';
import { configErrors, errorsText } from './check.ts';
import { mergeValues } from './merge.ts';
import { asList, asObject, fieldShape, resolveShape, type Shape, shapeOfType } from './shape.ts';

/**
 * The object with the configuration merged into it, lists by their keys. Neither is changed.
 * @throws MutationError in the stock server's words
 */
export function mergeConfiguration(
  def: Pick<KindDef, 'typeName'>,
  live: JsonObject,
  config: JsonObject,
): JsonObject {
  const shape = shapeOfType(def.typeName);
  const errors = configErrors(shape, config);
  if (errors.length > 0) {
    throw new MutationError(
      `failed to convert patch object to typed object: ${errorsText(errors)}`,
    );
  }
  const whole = wholesIn(shape, config, '');
  if (whole.length > 0) {
    const why = `may not mutate atomic arrays, maps or structs: ${whole.join(', ')}`;
    throw new MutationError(`invalid ApplyConfiguration: ${why}`);
  }
  return mergeValues(shape, live, config) as JsonObject;
}

/** Where a value has something that has one owner: to set a part of it would drop the rest. */
function wholesIn(given: Shape, value: unknown, path: string): string[] {
  const shape = resolveShape(given, value);
  if (shape.form === 'leaf') {
    if (shape.type !== 'list' && shape.type !== 'map') return [];
    return [path, ...(shape.inside === undefined ? [] : wholesIn(shape.inside(), value, path))];
  }
  if (shape.form === 'list') {
    return asList(value).flatMap((item, i) => wholesIn(shape.item, item, `${path}[${i}]`));
  }
  if (shape.form !== 'struct') return [];
  return Object.entries(asObject(value)).flatMap(([name, held]) => {
    const field = fieldShape(shape, name);
    return field === undefined ? [] : wholesIn(field, held, `${path}.${name}`);
  });
}
