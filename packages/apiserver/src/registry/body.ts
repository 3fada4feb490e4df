/** From the JSON of a request body to a defaulted object of the expected kind. */
import {
  type ApiError,
  apiVersionOf,
  badRequest,
  builtinKinds,
  decodeObject,
  defaultObject,
  type FieldError,
  type FieldValidation,
  fieldErrors,
  goQuote,
  invalid,
  isJsonObject,
  type JsonObject,
  type KindDef,
  type KubeObject,
  parseApiVersion,
  parseJson,
} from '@kubets/api';
import { typeNameOf } from '../protobuf/decode.ts';
import type { Target, WriteContext } from './context.ts';
import { HEAD_ERROR, headProblem, noObjectText, unrecognizedText } from './unrecognized.ts';

/** How the body of a request is read. */
export interface BodyOptions {
  readonly validation: FieldValidation;
  /** Lines about keys that a YAML document gives twice. */
  readonly repeatedKeys?: readonly string[];
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
  const object = readOfKind(kind, json, { ...o, warn: ctx.warn });
  if (kind === target.def) defaultObject(kind, object);
  return object;
}

/**
 * Decodes and checks a body that has to be of a kind; it is not defaulted.
 * @throws ApiError BadRequest
 */
export function readOfKind(
  kind: KindDef,
  json: string | JsonObject,
  o: BodyOptions & { warn?(text: string): void },
): KubeObject {
  const parsed = typeof json === 'string' ? parsedBody(kind, json) : json;
  if (!isJsonObject(parsed)) throw badRequest('the body of the request is no object');
  if (kind.rules?.unstructured) checkType(kind, parsed, json);
  else checkKind(kind, parsed);
  const known = { parsed, repeatedKeys: o.repeatedKeys };
  const { object, warnings } = decodeObject(kind, json, o.validation, known);
  for (const warning of warnings) o.warn?.(warning);
  object.kind = kind.kind;
  object.apiVersion = kind.apiVersion;
  object.metadata ??= {};
  return object;
}

/** The value of a text, which has to be an object (or null, which says nothing) with a readable head. */
function parsedBody(kind: KindDef, text: string): JsonObject {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw why.startsWith(HEAD_ERROR) ? unrecognized(kind, why, text) : error;
  }
  if (value === null) return {};
  if (!isJsonObject(value)) {
    throw unrecognized(kind, noObjectText(value), text);
  }
  const problem = headProblem(value);
  if (problem !== undefined) throw unrecognized(kind, problem, text);
  const { apiVersion } = value;
  if (typeof apiVersion === 'string' && apiVersion.split('/').length > 2) {
    throw unrecognized(kind, `unexpected GroupVersion string: ${apiVersion}`, text);
  }
  return value;
}

function unrecognized(kind: KindDef, why: string, text: string): Error {
  return badRequest(unrecognizedText(kind.kind, why, Buffer.from(text)));
}

/** Where the stock server registers its kinds: its messages name the place. */
const SCHEME = 'pkg/api/legacyscheme/scheme.go:30';

/** The stock server's words for a kind it does not know. */
export const notRegistered = (kind: string, apiVersion: string): string =>
  `no kind ${goQuote(kind)} is registered for version ${goQuote(apiVersion)} in scheme ${goQuote(SCHEME)}`;

/** Name of the package in which the stock server keeps a group's types. */
const packageOf = (group: string): string => group.split('.', 1)[0] || 'core';

/** Versions that are served nowhere any more, but still taken in bodies, as upstream takes them. */
const TAKEN_AS_WELL = new Set(['policy/v1beta1 Eviction']);

/** Custom objects say what they are. */
function checkType(expected: KindDef, body: JsonObject, json: string | JsonObject): void {
  if (textOr(body.kind, '') === '') {
    const text = typeof json === 'string' ? json : JSON.stringify(json);
    const { kind, version } = expected;
    const what = `${kind} in version ${goQuote(version)} cannot be handled as a ${kind}`;
    throw badRequest(`${what}: ${kindMissing(text)}`);
  }
  const apiVersion = textOr(body.apiVersion, '');
  if (apiVersion !== expected.apiVersion) throw otherVersion(expected, apiVersion);
  if (body.kind !== expected.kind) throw wrongType(expected, body);
}

/** What is said of JSON that does not say of which kind it is. */
export const kindMissing = (json: string): string => `Object 'Kind' is missing in '${json}'`;

/** A body may leave kind and version out; what it says must fit. */
function checkKind(expected: KindDef, body: JsonObject): void {
  const apiVersion = textOr(body.apiVersion, expected.apiVersion);
  const kind = textOr(body.kind, expected.kind);
  const isVersion = apiVersion === expected.apiVersion;
  if (isVersion && kind === expected.kind) return;
  if (TAKEN_AS_WELL.has(`${apiVersion} ${kind}`) && kind === expected.kind) return;
  if (kind === expected.kind && isVersionOf(expected, apiVersion)) {
    throw otherVersion(expected, apiVersion);
  }
  const known = builtinKinds.forObject({ apiVersion, kind });
  const version = apiVersion.split('/').at(-1) ?? '';
  const into = `(${packageOf(expected.group)}.${expected.kind})`;
  const why = known
    ? `converting (${version}.${kind}) to ${into}: unknown conversion`
    : notRegistered(kind, apiVersion);
  throw badRequest(
    `${kind} in version ${goQuote(version)} cannot be handled as a ${expected.kind}: ${why}`,
  );
}

export const textOr = (value: unknown, fallback: string): string =>
  typeof value === 'string' && value !== '' ? value : fallback;

/** Kinds have been in versions, and in a group, that are not served any more; others never were. */
function isVersionOf(expected: KindDef, apiVersion: string): boolean {
  if (builtinKinds.forObject({ apiVersion, kind: expected.kind })) return true;
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const isOlder = /^v\d+(alpha|beta)\d+$/.test(version ?? '');
  return isOlder && expected.group !== '' && (group === expected.group || group === 'extensions');
}

function otherVersion(expected: KindDef, apiVersion: string): Error {
  const versions = `(${apiVersion}) does not match the expected API version (${expected.apiVersion})`;
  return badRequest(`the API version in the data ${versions}`);
}

/** Without a fixed structure every kind can be read; only the check of the object, as what it says to be, finds it wrong. */
export function wrongType(expected: KindDef, body: JsonObject): Error {
  const { metadata } = body;
  const name = isJsonObject(metadata) ? textOr(metadata.name, '') : '';
  const kind = textOr(body.kind, '');
  const apiVersion = textOr(body.apiVersion, '');
  const errors: FieldError[] = [];
  const check = (field: string, given: string, wanted: string): void => {
    if (given !== wanted) errors.push(fieldErrors.invalid(field, given, `must be ${wanted}`));
  };
  check('kind', kind, expected.kind);
  check('apiVersion', apiVersion, expected.apiVersion);
  return invalid({ group: parseApiVersion(apiVersion).group, kind }, name, errors);
}

/** What is said of an object without the name that its request has. */
export function nameless(name: string): ApiError {
  const what = `the name of the object (${name} based on URL) was undeterminable`;
  return badRequest(`${what}: name must be provided`);
}

/** The body's name and namespace must be those of the path. */
export function checkPlace(target: Target, object: KubeObject, needsName: boolean): void {
  const { def, namespace, name } = target;
  checkNamespace(object, def.namespaced ? namespace : '');
  const sentName = object.metadata.name ?? '';
  if (name === '' || sentName === name || (sentName === '' && !needsName)) return;
  if (sentName === '') throw nameless(name);
  const why = `the name of the object (${sentName}) does not match the name on the URL (${name})`;
  throw badRequest(why);
}

/** Gives an object the namespace of its request; objects that have no place in one lose theirs. @throws ApiError 400 */
export function checkNamespace({ metadata }: KubeObject, namespace: string): void {
  if (namespace === '') delete metadata.namespace;
  else if (metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest(
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  } else metadata.namespace = namespace;
}
