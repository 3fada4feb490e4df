/** The three kinds of patches, behind one function. */
import { applyJsonPatch } from './json-patch.ts';
import type { PatchType } from './media-types.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicMergePatch } from './strategic.ts';

export type { PatchType };

/** The patched copy of an object; `typeName` is the schema type (`KindDef.typeName`). */
export function applyPatch<T extends object>(
  type: PatchType,
  typeName: string,
  object: T,
  patch: unknown,
): T {
  switch (type) {
    case 'json':
      return applyJsonPatch(object, patch);
    case 'merge':
      return applyMergePatch(object, patch);
    case 'strategic':
      return applyStrategicMergePatch(typeName, object, patch);
  }
}

export { applyJsonPatch, applyMergePatch, applyStrategicMergePatch };
