/** JSON Merge Patch (RFC 7386). */
import { cloneJson } from '../clone.ts';
import { badRequest } from '../errors.ts';
import { carryLiteral, cloneWithLiterals } from '../exact-json.ts';
import { isJsonObject, type JsonObject } from '../meta.ts';
import { getOwn, setOwn } from '../own.ts';

function merge(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return cloneWithLiterals(patch);
  const out: JsonObject = isJsonObject(target) ? { ...target } : {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete out[key];
    else {
      setOwn(out, key, merge(getOwn(out, key), value));
      carryLiteral({ holder: patch, key }, { holder: out, key });
    }
  }
  return out;
}

/** The patched copy of an object. Throws ApiError when the patch is no JSON object. */
export function applyMergePatch<T extends object>(object: T, patch: unknown): T {
  if (!isJsonObject(patch)) {
    const what = Array.isArray(patch) ? 'array' : typeof patch;
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${what} into Go value of type map[string]interface {}`,
    );
  }
  return merge(cloneJson(object), patch) as T;
}
