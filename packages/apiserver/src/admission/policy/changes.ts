/** Doing to an object what a policy wants done to it. */
import {
  ApiError,
  applyJsonPatch,
  internal,
  type JsonObject,
  type KubeObject,
  MutationError,
  mergeConfiguration,
  PatchTestFailed,
} from '@kubets/api';
import type { AdmissionAttributes } from '../../ports.ts';
import { kindOfObject, readObject } from '../webhooks/patch.ts';
import type { Change } from './mutations.ts';

/** What stands in the way of a policy. */
export class Obstacle extends Error {
  override readonly name = 'Obstacle';
}

/**
 * The object with a change done to it; the same one where a patch was not meant for it.
 * @throws Obstacle; ApiError 500 for fields the kind does not have
 */
export function carriedOut(a: AdmissionAttributes, object: KubeObject, change: Change): KubeObject {
  const live = object as unknown as JsonObject;
  if (change.type === 'JSONPatch') return patched(a, object, change.operations);
  const kind = kindOfObject(a);
  const config = { ...change.config, apiVersion: kind.apiVersion, kind: kind.kind };
  try {
    const typed = { ...live, apiVersion: kind.apiVersion, kind: kind.kind };
    return readObject(a, mergeConfiguration(kind, typed, config));
  } catch (error) {
    if (!(error instanceof MutationError)) throw error;
    throw new Obstacle(`error applying patch: ${error.message}`);
  }
}

function patched(
  a: AdmissionAttributes,
  object: KubeObject,
  operations: readonly JsonObject[],
): KubeObject {
  let made = object;
  for (const one of operations) {
    try {
      made = applyJsonPatch(made, [one]);
    } catch (error) {
      if (error instanceof PatchTestFailed) return object;
      if (!(error instanceof ApiError)) throw error;
      const what = one.op === 'replace' ? 'key' : 'path';
      const why = `doc is missing ${what}: ${String(one.path)}: missing value`;
      throw new Obstacle(`JSONPath: ${String(one.op)} operation does not apply: ${why}`);
    }
  }
  try {
    return readObject(a, made as unknown as JsonObject, 'Strict');
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    throw internal(error.message.replace(/^.*(?=strict decoding error)/s, ''));
  }
}
