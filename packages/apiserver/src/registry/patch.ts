/** Patches: the change of a patch request as a function of the present object. */
import {
  type ApiError,
  applyJsonPatch,
  applyMergePatch,
  applyStrategicMergePatch,
  badRequest,
  builtinKinds,
  decodeObject,
  decodeStrict,
  decodeType,
  defaultObject,
  type FieldValidation,
  fieldErrors,
  goJsonError,
  goValue,
  invalid,
  isJsonObject,
  type JsonObject,
  type KindDef,
  type KubeObject,
  lookOver,
  numberError,
  parseNumbers,
  requestTooLarge,
  strictErrorsOfText,
  TOO_DEEP,
} from '@kubets/api';
import { MAX_JSON_PATCH_OPERATIONS } from '../limits.ts';
import {
  bodyKind,
  checkPlace,
  kindMissing,
  nameless,
  notRegistered,
  textOr,
  wrongType,
} from './body.ts';
import type { Target, WriteContext } from './context.ts';
import { headProblem } from './unrecognized.ts';

export type PatchType = 'json' | 'merge' | 'strategic';

export interface PatchRequest {
  readonly type: PatchType;
  /** The parsed body. */
  readonly patch: unknown;
  /** What strict reading has against the body itself; see `strictErrorsOf`. */
  readonly strictErrors?: readonly string[];
  readonly validation: FieldValidation;
}

const GO_PATCH_TYPE: Readonly<Record<PatchType, string>> = {
  json: '[]handlers.jsonPatchOp',
  merge: 'map[string]interface {}',
  strategic: 'map[string]interface {}',
};

/** Parses the text of a patch; the shape of its type is checked too. */
export function parsePatch(type: PatchType, text: string): unknown {
  // Upstream puts no words of its own before those of the decoder when the patch is strategic.
  const what = type === 'strategic' ? '' : 'error decoding patch: ';
  const { isTooDeep, hasOddNumbers } = lookOver(text);
  if (isTooDeep) throw badRequest(what + TOO_DEEP);
  let patch: unknown;
  try {
    patch = hasOddNumbers ? parseNumbers(text) : JSON.parse(text);
  } catch {
    throw badRequest(what + goJsonError(text));
  }
  if (patch === null) return nullPatch(type);
  const beyond = numberError(patch);
  if (beyond !== undefined) throw badRequest(what + beyond);
  const misfit = shapeProblem(type, patch);
  if (misfit !== undefined) throw badRequest(`${what}json: cannot unmarshal ${misfit}`);
  if (Array.isArray(patch) && patch.length > MAX_JSON_PATCH_OPERATIONS) {
    throw requestTooLarge(
      'Request entity too large: The allowed maximum operations in a JSON patch is ' +
        `${MAX_JSON_PATCH_OPERATIONS}, got ${patch.length}`,
    );
  }
  return patch;
}

/** Null decodes into nothing: no operations, no changes; only the merger of objects refuses it. */
function nullPatch(type: PatchType): unknown {
  if (type === 'merge') throw badRequest('Invalid JSON Patch');
  return type === 'json' ? [] : {};
}

const seenAs = (value: unknown): string => {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
};

/** What of a patch has another type than its place, in the decoder's words. */
function shapeProblem(type: PatchType, patch: unknown): string | undefined {
  const fits = type === 'json' ? Array.isArray(patch) : isJsonObject(patch);
  if (!fits) return `${seenAs(patch)} into Go value of type ${GO_PATCH_TYPE[type]}`;
  if (!Array.isArray(patch)) return undefined;
  for (const operation of patch as unknown[]) {
    if (operation === null) continue;
    if (!isJsonObject(operation)) {
      return `${seenAs(operation)} into Go value of type handlers.jsonPatchOp`;
    }
    for (const name of ['op', 'path', 'from']) {
      const value = operation[name] ?? '';
      if (typeof value === 'string') continue;
      return `${seenAs(value)} into Go struct field jsonPatchOp.${name} of type string`;
    }
  }
  return undefined;
}

/** The patched object, checked against the schema and defaulted again. */
export function patched(
  target: Target,
  present: KubeObject,
  request: PatchRequest,
  ctx: WriteContext,
): KubeObject {
  const kind = bodyKind(target);
  const result = applied(kind.typeName, present, request);
  // What a strategic patch says of the kind is not looked at: its result is not decoded.
  if (request.type !== 'strategic') checkKind(target, kind, result);
  Object.assign(result, { kind: kind.kind, apiVersion: kind.apiVersion });
  const object = decodedResult(kind, result, request, ctx);
  object.metadata ??= {};
  checkPlace(target, object, true);
  if (kind === target.def) defaultObject(kind, object);
  return object;
}

/** A result that does not say what it is, is what it was; of no version, it has no fields either. @throws ApiError */
function checkKind(target: Target, kind: KindDef, result: JsonObject): void {
  if (kind.rules?.unstructured) {
    refuseOtherType(kind, result);
    return;
  }
  const problem = headProblem(result);
  if (problem !== undefined) throw unfit(result, problem);
  const isKind = (result.kind || kind.kind) === kind.kind;
  if (isKind && !result.apiVersion) throw nameless(target.name);
  if (!isKind || result.apiVersion !== kind.apiVersion) {
    throw unfit(result, otherKind(kind, result));
  }
}

/** Custom objects have to say what they are; as what else they may be read, only their check finds wrong. */
function refuseOtherType(kind: KindDef, result: JsonObject): void {
  if (textOr(result.kind, '') === '') throw unfit(result, kindMissing(shownObject(result)));
  if (result.kind === kind.kind && result.apiVersion === kind.apiVersion) return;
  throw wrongType(kind, result);
}

/** The result as an object of the kind; fields that do not exist, or stand twice in the patch, are told of or refused. */
function decodedResult(
  kind: KindDef,
  result: JsonObject,
  request: PatchRequest,
  ctx: WriteContext,
): KubeObject {
  const { type, validation, patch, strictErrors = [] } = request;
  const refuse = (why: string): ApiError =>
    type === 'strategic' ? unfitPatch(patch, why) : unfit(result, why);
  const decoded = decodedAs(type, kind, result, refuse);
  if (validation === 'Ignore') return decoded.object;
  const unknown = decoded.unknownFields.map((field) => `unknown field "${field}"`);
  const all = [...strictErrors, ...unknown.sort()];
  if (validation === 'Strict' && all.length > 0) {
    throw refuse(`strict decoding error: ${all.join(', ')}`);
  }
  for (const warning of all) ctx.warn(warning);
  return decoded.object;
}

/** Strategic patches are not decoded but converted, in upstream: what does not fit is told in other words. */
function decodedAs(
  type: PatchType,
  kind: KindDef,
  result: JsonObject,
  refuse: (why: string) => ApiError,
): { object: KubeObject; unknownFields: readonly string[] } {
  let decoded: { object: KubeObject; unknownFields: readonly string[]; typeErrors: string[] };
  if (type === 'strategic') {
    const { object, ...rest } = decodeType(kind.typeName, result, 'converter');
    decoded = { ...rest, object: object as unknown as KubeObject };
  } else {
    try {
      decoded = decodeStrict(kind, result);
    } catch (error) {
      throw refuse(reasonOf(error));
    }
  }
  const [first] = decoded.typeErrors;
  if (first !== undefined) throw refuse(first);
  return decoded;
}

const PATCH_OPERATION_FIELDS = new Set(['op', 'path', 'from', 'value']);

/** What strict reading has against a patch: repeated fields, and fields JSON patch operations do not have. */
export function strictErrorsOf(type: PatchType, text: string, patch: unknown): readonly string[] {
  if (type !== 'json' || !Array.isArray(patch)) return strictErrorsOfText(text, []);
  const unknown = patch.flatMap((operation: unknown, i) =>
    Object.keys(isJsonObject(operation) ? operation : {})
      .filter((name) => !PATCH_OPERATION_FIELDS.has(name))
      .map((name) => `[${i}].${name}`),
  );
  return strictErrorsOfText(text, unknown).map((one) => `json patch ${one}`);
}

/** What is wrong with a result of another kind: there is none, it does not fit that one either, or it is not this one. */
function otherKind(kind: KindDef, result: JsonObject): string {
  const name = textOr(result.kind, kind.kind);
  const version = textOr(result.apiVersion, '');
  const other = builtinKinds.forObject({ apiVersion: version, kind: name });
  if (other === undefined) {
    return notRegistered(name, version);
  }
  try {
    decodeObject(other, result, 'Ignore');
  } catch (error) {
    return reasonOf(error);
  }
  const { group, version: v } = other;
  const into = `*${kind.group.split('.', 1)[0] || 'core'}.${kind.kind}`;
  return `unable to decode ${group}/${v}, Kind=${name} into ${into}`;
}

function applied(typeName: string, present: KubeObject, request: PatchRequest): JsonObject {
  const object = present as unknown as JsonObject;
  const { type, patch } = request;
  if (type === 'json') {
    return applyJsonPatch(object, patch as Parameters<typeof applyJsonPatch>[1]) as JsonObject;
  }
  if (type === 'merge') return applyMergePatch(object, patch as JsonObject) as JsonObject;
  return applyStrategicMergePatch(typeName, object, patch as JsonObject) as JsonObject;
}

const GENERIC = 'cannot be handled as a ';

/** The decoder's own words, without the frame it puts around a request body. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const at = text.indexOf(GENERIC);
  return at < 0 ? text : text.slice(text.indexOf(': ', at) + 2);
}

function unfit(result: JsonObject, why: string): ApiError {
  const error = fieldErrors.invalid('patch', shownObject(result), why);
  return invalid({ group: '', kind: '' }, '', [error]);
}

function unfitPatch(patch: unknown, why: string): ApiError {
  const error = fieldErrors.invalid('patch', goValue(patch), why);
  return invalid({ group: '', kind: '' }, '', [error]);
}

/** Fields of metadata in the order the stock server's structures have. */
const METADATA_ORDER = [
  'name',
  'generateName',
  'namespace',
  'selfLink',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'labels',
  'annotations',
  'ownerReferences',
  'finalizers',
  'managedFields',
];

/** The refused result as the message shows it: top-level fields by name, metadata in its own order. */
function shownObject(result: JsonObject): string {
  const names = Object.keys(result).sort();
  const sorted = Object.fromEntries(names.map((name) => [name, result[name]]));
  const { metadata } = result;
  if (isJsonObject(metadata)) {
    const rank = (name: string): number => {
      const at = METADATA_ORDER.indexOf(name);
      return at < 0 ? METADATA_ORDER.length : at;
    };
    const fields = Object.entries(metadata).sort(([a], [b]) => rank(a) - rank(b));
    sorted.metadata = Object.fromEntries(fields);
  }
  return JSON.stringify(sorted);
}
