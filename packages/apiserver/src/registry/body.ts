/** From the JSON of a request body to a defaulted object of the expected kind. */
import {
  apiVersionOf,
  badRequest,
  decodeObject,
  defaultObject,
  type FieldValidation,
  fieldErrors,
  invalid,
  isJsonObject,
  type JsonObject,
  type KindDef,
  type KubeObject,
  parseJson,
} from '@kubets/api';
import { typeNameOf } from '../protobuf/decode.ts';
import type { Target, WriteContext } from './context.ts';

/** How the body of a request is read. */
export interface BodyOptions {
  readonly validation: FieldValidation;
}

/** The kind a target's bodies have: its own, or that of the subresource. */
export function bodyKind(target: Target): KindDef {
  const { def, subresource } = target;
  const sub = def.subresourceDefs.get(subresource);
  if (sub === undefined || sub.kind === def.kind) return def;
  const { group = def.group, version = def.version, kind } = sub;
  const apiVersion = apiVersionOf({ group, version });
  const typeName = typeNameOf(apiVersion, kind);
  return { ...def, group, version, kind, apiVersion, typeName, rules: undefined };
}

/**
 * Decodes, checks and defaults a body.
 * @param json text (so that repeated fields are seen), or a parsed value
 * @throws ApiError BadRequest
 */
export function readBody(
  target: Target,
  json: string | JsonObject,
  o: BodyOptions,
  ctx: WriteContext,
): KubeObject {
  const kind = bodyKind(target);
  const parsed = typeof json === 'string' ? parseJson(json) : json;
  if (!isJsonObject(parsed)) throw badRequest('the body of the request is no object');
  checkKind(kind, parsed);
  const { object, warnings } = decodeObject(kind, json, o.validation, parsed);
  for (const warning of warnings) ctx.warn(warning);
  object.kind = kind.kind;
  object.apiVersion = kind.apiVersion;
  object.metadata ??= {};
  if (kind === target.def) defaultObject(kind, object);
  return object;
}

/** A body may leave kind and version out; what it says must fit. */
function checkKind(expected: KindDef, body: JsonObject): void {
  const { apiVersion, kind } = body;
  if (typeof apiVersion === 'string' && apiVersion !== '' && apiVersion !== expected.apiVersion) {
    const versions = `(${apiVersion}) does not match the expected API version (${expected.apiVersion})`;
    throw badRequest(`the API version in the data ${versions}`);
  }
  if (typeof kind === 'string' && kind !== '' && kind !== expected.kind) {
    if (expected.rules?.unstructured) throw wrongKind(expected, body, kind);
    const seen = `${apiVersion || expected.apiVersion}, Kind=${kind}`;
    throw badRequest(
      `${expected.kind} in version "${expected.version}" cannot be handled as a ${expected.kind}: ` +
        `no kind "${kind}" is registered for version "${seen.split(',')[0]}"`,
    );
  }
}

/** Without a fixed structure every kind can be read; only the check of the object finds it wrong. */
function wrongKind(expected: KindDef, body: JsonObject, kind: string): Error {
  const { metadata } = body;
  const name = isJsonObject(metadata) ? String(metadata.name ?? '') : '';
  const error = fieldErrors.invalid('kind', kind, `must be ${expected.kind}`);
  return invalid(expected, name, [error]);
}

/** The body's name and namespace must be those of the path. */
export function checkPlace(target: Target, object: KubeObject, needsName: boolean): void {
  const { def, namespace, name } = target;
  const { metadata } = object;
  const sentName = metadata.name ?? '';
  if (name !== '' && sentName !== name && (sentName !== '' || needsName)) {
    throw badRequest(
      sentName === ''
        ? 'name must be provided'
        : `the name of the object (${sentName}) does not match the name on the URL (${name})`,
    );
  }
  if (!def.namespaced) {
    if (metadata.namespace) throw mismatch();
    delete metadata.namespace;
    return;
  }
  if (metadata.namespace && metadata.namespace !== namespace) throw mismatch();
  metadata.namespace = namespace;
}

function mismatch(): Error {
  return badRequest(
    'the namespace of the provided object does not match the namespace sent on the request',
  );
}
