/** JSON Patch (RFC 6902), with the failures the stock server answers. */
import {
  type ApiError,
  badRequest,
  PatchTestFailed,
  requestTooLarge,
  unprocessable,
} from '../errors.ts';
import { carryLiteral, cloneWithLiterals } from '../exact-json.ts';
import { MAX_JSON_PATCH_OPERATIONS } from '../limits.ts';
import { isJsonObject, type JsonObject } from '../meta.ts';
import { getOwn, setOwn } from '../own.ts';

interface Operation {
  op?: unknown;
  path?: unknown;
  from?: unknown;
  value?: unknown;
}

/** Any operation that can not be carried out has the same, wordless answer. */
function rejected(): ApiError {
  const error = unprocessable('the server rejected our request due to an error in our request');
  error.status.details = {};
  return error;
}

/** What stands before the first slash is not looked at, as in the stock server. */
function steps(pointer: unknown): string[] {
  if (typeof pointer !== 'string') throw rejected();
  return pointer
    .split('/')
    .slice(1)
    .map((s) => s.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/** One of `count` places; those below zero count from the last of them. */
function listIndex(step: string, count: number): number {
  if (!/^[-+]?\d+$/.test(step)) throw rejected();
  const index = Number(step);
  const at = index < 0 ? index + count : index;
  if (at < 0 || at >= count) throw rejected();
  return at;
}

/** The container that holds the last step of a pointer. */
function parentOf(root: unknown, path: readonly string[]): unknown {
  let at = root;
  for (const step of path.slice(0, -1)) {
    if (Array.isArray(at)) at = at[listIndex(step, at.length)];
    else if (isJsonObject(at)) at = getOwn(at, step);
    else throw rejected();
  }
  if (!Array.isArray(at) && !isJsonObject(at)) throw rejected();
  return at;
}

function read(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) return parent[listIndex(key, parent.length)];
  return getOwn(parent as JsonObject, key);
}

function add(parent: unknown, key: string, value: unknown): void {
  if (!Array.isArray(parent)) setOwn(parent as JsonObject, key, value);
  else if (key === '-') parent.push(value);
  else parent.splice(listIndex(key, parent.length + 1), 0, value);
}

function remove(parent: unknown, key: string): void {
  if (Array.isArray(parent)) {
    parent.splice(listIndex(key, parent.length), 1);
    return;
  }
  if (!Object.hasOwn(parent as JsonObject, key)) throw rejected();
  delete (parent as JsonObject)[key];
}

function replace(parent: unknown, key: string, value: unknown): void {
  if (Array.isArray(parent)) parent[listIndex(key, parent.length)] = value;
  else setOwn(parent as JsonObject, key, value);
}

/** How a number was written goes with it; within lists places change, and nothing is remembered. */
function carry(operation: Operation, parent: unknown, key: string): void {
  if (isJsonObject(parent)) {
    carryLiteral({ holder: operation, key: 'value' }, { holder: parent, key });
  }
}

/** Deep equality of JSON values, as RFC 6902 wants it for `test`. */
function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((v, i) => same(v, b[i]));
  }
  if (isJsonObject(a) && isJsonObject(b)) {
    const keys = Object.keys(a);
    return (
      keys.length === Object.keys(b).length &&
      keys.every((k) => Object.hasOwn(b, k) && same(a[k], b[k]))
    );
  }
  return (a ?? null) === (b ?? null);
}

/** What is done to the whole, which can only be replaced or compared. */
function applyToRoot(root: unknown, { op, value }: Operation): unknown {
  if (op === 'test' && same(root, value)) return root;
  if (op !== 'replace' || (!isJsonObject(value) && !Array.isArray(value))) throw rejected();
  return cloneWithLiterals(value);
}

/** @returns the root, which may be another one */
function applyOne(root: unknown, operation: Operation): unknown {
  if (operation.path === '') return applyToRoot(root, operation);
  applyBelow(root, operation);
  return root;
}

function applyBelow(root: unknown, operation: Operation): void {
  const path = steps(operation.path);
  const key = path.at(-1);
  if (key === undefined) throw rejected();
  const parent = parentOf(root, path);
  switch (operation.op) {
    case 'add':
      add(parent, key, cloneWithLiterals(operation.value ?? null));
      carry(operation, parent, key);
      return;
    case 'remove':
      remove(parent, key);
      return;
    case 'replace':
      replace(parent, key, cloneWithLiterals(operation.value ?? null));
      carry(operation, parent, key);
      return;
    case 'test':
      if (!same(read(parent, key), operation.value)) throw new PatchTestFailed(rejected().status);
      return;
    case 'move':
    case 'copy': {
      const from = steps(operation.from);
      const fromKey = from.at(-1);
      if (fromKey === undefined) throw rejected();
      const source = parentOf(root, from);
      // A copy of what is not there is null, as the stock server has it; moving it is refused.
      const value = read(source, fromKey) ?? null;
      if (operation.op === 'move') remove(source, fromKey);
      add(parentOf(root, path), key, structuredClone(value));
      return;
    }
    default:
      throw rejected();
  }
}

/** The patched copy of an object. Throws ApiError when the patch is malformed or does not apply. */
export function applyJsonPatch<T extends object>(object: T, operations: unknown): T {
  if (!Array.isArray(operations)) {
    const what = isJsonObject(operations) ? 'object' : typeof operations;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${what} into Go value of type []handlers.jsonPatchOp`,
    );
  }
  if (operations.length > MAX_JSON_PATCH_OPERATIONS) {
    const why = `The allowed maximum operations in a JSON patch is ${MAX_JSON_PATCH_OPERATIONS}, got ${operations.length}`;
    throw requestTooLarge(`Request entity too large: ${why}`);
  }
  let root: unknown = structuredClone(object);
  for (const operation of operations) {
    if (!isJsonObject(operation)) throw rejected();
    root = applyOne(root, operation);
  }
  return root as T;
}
