import type { KindDef, KubeObject } from '@kubets/api';
import * as api from '@kubets/api';

type Json = Record<string, unknown>;
type Patcher = (...args: unknown[]) => unknown;

const isRecord = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 7386. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isRecord(patch)) return patch;
  const merged: Json = isRecord(target) ? { ...target } : {};
  for (const [field, value] of Object.entries(patch)) {
    if (value === null) delete merged[field];
    else merged[field] = mergePatch(merged[field], value);
  }
  return merged;
}

function patcher(name: string): Patcher | undefined {
  const found: unknown = Reflect.get(api, name);
  return typeof found === 'function' ? (found as Patcher) : undefined;
}

export function jsonPatch(object: KubeObject, operations: unknown): KubeObject {
  const apply = patcher('applyJsonPatch');
  if (apply === undefined) throw api.badRequest('JSON patches are not available');
  return apply(object, operations) as KubeObject;
}

export function strategicPatch(
  kind: KindDef | undefined,
  object: KubeObject,
  patch: object,
): KubeObject {
  const apply = patcher('applyStrategicMergePatch');
  if (apply === undefined || kind === undefined) return mergePatch(object, patch) as KubeObject;
  return apply(kind.typeName, object, patch) as KubeObject;
}

/** The values field selectors see. */
export function fieldsOf(
  kind: KindDef | undefined,
  object: KubeObject,
): Readonly<Record<string, string>> {
  const select = patcher('selectableFields');
  if (select !== undefined && kind !== undefined) {
    return select(kind, object) as Readonly<Record<string, string>>;
  }
  const fields: Record<string, string> = {};
  const flatten = (value: unknown, path: string): void => {
    if (isRecord(value)) {
      for (const [name, member] of Object.entries(value))
        flatten(member, path ? `${path}.${name}` : name);
    } else if (value !== undefined) fields[path] = String(value);
  };
  flatten(object, '');
  return fields;
}
