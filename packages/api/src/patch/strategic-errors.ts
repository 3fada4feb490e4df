/** What is wrong with a strategic merge patch, in the stock server's words: bad requests, and failures of its own. */
import { badRequest, unclassified, unprocessable } from '../errors.ts';
import { goTypeOf, goValue } from '../go-text.ts';
import type { JsonObject } from '../meta.ts';

export function badFormat(what: 'primitive list' | 'retainKeys' | 'setElementOrder list'): Error {
  return badRequest(`invalid patch format of ${what}`);
}

/** A value of another type than its place needs. */
export function badType(expected: unknown[] | JsonObject, actual: unknown): Error {
  return unclassified(`expected a ${goTypeOf(expected)}, but received a ${goTypeOf(actual)}`);
}

export function noMergeKey(item: JsonObject, key: string): Error {
  return unclassified(`map: ${goValue(item)} does not contain declared merge key: ${key}`);
}

export function badDirective(directive: unknown, where: JsonObject): Error {
  const named = typeof directive === 'string' ? directive : goPercentS(directive);
  return unclassified(`unknown patch type: ${named} in map: ${goValue(where)}`);
}

/** How a value that is no text is printed as one. */
function goPercentS(value: unknown): string {
  const type = goTypeOf(value);
  return type.startsWith('%') ? type : `%!s(${type}=${goValue(value)})`;
}

/** The type all items of some lists have. @throws ApiError when they differ, are lists, or there is none */
export function elementType(...lists: readonly (readonly unknown[])[]): string {
  const types = lists.flat().map(goTypeOf);
  const [first] = types;
  if (first === undefined) throw unclassified('no elements in any of the given slices');
  if (first === goTypeOf([])) {
    const error = unprocessable('the server rejected our request due to an error in our request');
    error.status.details = {};
    throw error;
  }
  if (types.some((type) => type !== first)) {
    throw unclassified(`list element types are not identical: ${goValue(lists)}`);
  }
  return first;
}
