/** JSON Patch (RFC 6902), with the failures the stock server answers. */
import { badRequest, requestTooLarge, unprocessable } from '../errors.ts';
import { MAX_JSON_PATCH_OPERATIONS } from '../limits.ts';
import { isJsonObject, type JsonObject } from '../meta.ts';

interface Operation {
  op?: unknown;
  path?: unknown;
  from?: unknown;
  value?: unknown;
}

/** Any operation that can not be carried out has the same, wordless answer. */
function rejected(): Error {
  const error = unprocessable('the server rejected our request due to an error in our request');
  error.status.details = {};
  return error;
}

function steps(pointer: unknown): string[] {
  if (typeof pointer !== 'string') throw rejected();
  if (pointer === '') return [];
  if (!pointer.startsWith('/')) throw rejected();
  return pointer
    .slice(1)
    .split('/')
    .map((s) => s.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function listIndex(step: string, length: number): number {
  if (!/^-?\d+$/.test(step)) throw rejected();
  const index = Number(step);
  const at = index < 0 ? index + length : index;
  if (at < 0 || at > length) throw rejected();
  return at;
}

/** The container that holds the last step of a pointer. */
function parentOf(root: unknown, path: readonly string[]): unknown {
  let at = root;
  for (const step of path.slice(0, -1)) {
    if (Array.isArray(at)) at = at[listIndex(step, at.length)];
    else if (isJsonObject(at)) at = at[step];
    else throw rejected();
  }
  if (!Array.isArray(at) && !isJsonObject(at)) throw rejected();
  return at;
}

function read(parent: unknown, key: string): unknown {
  if (Array.isArray(parent)) {
    const at = listIndex(key, parent.length);
    if (at >= parent.length) throw rejected();
    return parent[at];
  }
  return (parent as JsonObject)[key];
}

function add(parent: unknown, key: string, value: unknown): void {
  if (!Array.isArray(parent)) (parent as JsonObject)[key] = value;
  else if (key === '-') parent.push(value);
  else parent.splice(listIndex(key, parent.length), 0, value);
}

function remove(parent: unknown, key: string): void {
  if (Array.isArray(parent)) {
    const at = listIndex(key, parent.length);
    if (at >= parent.length) throw rejected();
    parent.splice(at, 1);
    return;
  }
  if (!Object.hasOwn(parent as JsonObject, key)) throw rejected();
  delete (parent as JsonObject)[key];
}

/** Deep equality of JSON values, as RFC 6902 wants it for `test`. */
function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((v, i) => same(v, b[i]));
  }
  if (isJsonObject(a) && isJsonObject(b)) {
    const keys = Object.keys(a);
    return keys.length === Object.keys(b).length && keys.every((k) => k in b && same(a[k], b[k]));
  }
  return (a ?? null) === (b ?? null);
}

function applyOne(root: JsonObject, operation: Operation): void {
  const path = steps(operation.path);
  const key = path.at(-1);
  if (key === undefined) throw rejected();
  const parent = parentOf(root, path);
  switch (operation.op) {
    case 'add':
      add(parent, key, structuredClone(operation.value ?? null));
      return;
    case 'remove':
      remove(parent, key);
      return;
    case 'replace':
      if (Array.isArray(parent))
        parent[listIndex(key, parent.length - 1)] = operation.value ?? null;
      else (parent as JsonObject)[key] = structuredClone(operation.value ?? null);
      return;
    case 'test':
      if (!same(read(parent, key), operation.value)) throw rejected();
      return;
    case 'move':
    case 'copy': {
      const from = steps(operation.from);
      const fromKey = from.at(-1);
      if (fromKey === undefined) throw rejected();
      const source = parentOf(root, from);
      const value = read(source, fromKey);
      if (value === undefined) throw rejected();
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
  const root = structuredClone(object) as JsonObject;
  for (const operation of operations) {
    if (!isJsonObject(operation)) throw rejected();
    applyOne(root, operation);
  }
  return root as T;
}
