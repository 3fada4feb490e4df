/** What a webhook wants changed. */
import { isDeepStrictEqual } from 'node:util';
import {
  applyJsonPatch,
  decodeObject,
  defaultObject,
  type FieldValidation,
  internal,
  type JsonObject,
  type KindDef,
  type KubeObject,
  parseExact,
} from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import type { AdmissionAttributes } from '../../ports.ts';
import { bodyKind } from '../../registry/body.ts';
import { replaceInPlace } from '../support.ts';
import type { WebhookResponse } from './response.ts';

/**
 * Changes the object in place as the webhook wants it, as far as its kind has the fields, and fills in defaults again.
 * @returns whether it is another object now
 * @throws ApiError 500 when the patch does not fit
 */
export function applyPatch(
  hook: string,
  a: AdmissionAttributes,
  response: WebhookResponse,
): boolean {
  if (!response.patch) return false;
  if (!a.object) {
    const what = `admission webhook ${JSON.stringify(hook)} attempted to modify the object`;
    throw internal(`${what}, which is not supported for this operation`);
  }
  const before = patchedObject(a, a.object, []);
  const patched = attempted(hook, a, a.object, response.patch);
  const isChanged = !isDeepStrictEqual(patched, before);
  replaceInPlace(a.object, patched);
  return isChanged;
}

/** The operations of a patch that has been applied, with their fields in Go's order. */
export function operationsOf({ patch }: WebhookResponse): JsonObject[] {
  const operations = patch ? (parseExact(decoded(patch)) as JsonObject[]) : [];
  return operations.map((one) => Object.fromEntries(Object.entries(one).sort(byKey)));
}

const byKey = ([a]: [string, unknown], [b]: [string, unknown]): number => (a < b ? -1 : 1);

const decoded = (patch: string): string => Buffer.from(patch, 'base64').toString();

function attempted(
  hook: string,
  a: AdmissionAttributes,
  object: KubeObject,
  patch: string,
): KubeObject {
  try {
    return patchedObject(a, object, parseExact(decoded(patch)));
  } catch (error) {
    const by = `webhook ${JSON.stringify(hook)} returned a patch`;
    throw internal(`${by} that cannot be applied: ${errorMessage(error)}`);
  }
}

/** An object as its kind reads it once operations have been done to it. */
function patchedObject(
  a: AdmissionAttributes,
  object: KubeObject,
  operations: unknown,
): KubeObject {
  return readObject(a, applyJsonPatch(object, operations) as unknown as JsonObject);
}

/** The kind of the object of a write: that of its resource, or of a subresource with one of its own. */
export const kindOfObject = (a: AdmissionAttributes): KindDef =>
  bodyKind({ def: a.kind, namespace: '', name: '', subresource: a.subresource });

/** What somebody made of the object of a write, as its kind reads it, defaults filled in. @throws ApiError */
export function readObject(
  a: AdmissionAttributes,
  json: JsonObject,
  validation: FieldValidation = 'Ignore',
): KubeObject {
  const kind = kindOfObject(a);
  const { object: read } = decodeObject(kind, json, validation, { parsed: json });
  read.kind = kind.kind;
  read.apiVersion = kind.apiVersion;
  read.metadata ??= {};
  if (kind === a.kind) defaultObject(kind, read);
  return read;
}
