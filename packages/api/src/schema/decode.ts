/**
 * JSON in, typed object out: checks types, drops what the schema does not know (and says so), and writes the object
 * the way the stock server does: zero values of optional fields left out, required ones written, quantities and
 * times in canonical form.
 */
import { type ApiError, badRequest } from '../errors.ts';
import {
  exactInteger,
  infiniteIn,
  isInt64,
  isNumeric,
  literalAt,
  parseNumbers,
} from '../exact-json.ts';
import { MAX_JSON_DEPTH, MAX_STRICT_ERRORS } from '../limits.ts';
import { isJsonObject, type JsonObject, type KubeObject } from '../meta.ts';
import { setOwn } from '../own.ts';
import { parseQuantity, QuantityError } from '../quantity.ts';
import type { KindDef } from '../registry.ts';
import { formatMicroTime, formatTime, isPlainTime, parseTime, TimeError } from '../time.ts';
import { lookOver, TOO_DEEP } from './json-depth.ts';
import { goJsonError } from './json-error.ts';
import { fieldErrorsInOrder, findDuplicateFields } from './json-scan.ts';
import {
  baseName,
  type FieldDef,
  findType,
  goTypeText,
  type TypeDef,
  type TypeRef,
} from './schema.ts';

export interface Decoded<T = KubeObject> {
  /** Normalised; meaningless when there are type errors. */
  object: T;
  /** Paths of fields the schema does not have. */
  unknownFields: string[];
  /** Paths of fields given twice. */
  duplicateFields: string[];
  /** Messages of Go's JSON decoder; usually only the first one is shown. */
  typeErrors: string[];
}

/**
 * Whose words tell of a value of the wrong type: those of Go's JSON decoder, or those of upstream's converter from maps
 * (apimachinery/pkg/runtime/converter.go), through which the results of strategic merge patches go.
 */
export type Voice = 'decoder' | 'converter';

interface Walk {
  unknown: string[];
  errors: string[];
  voice: Voice;
  /** The text of the number being read, when its value does not tell it. */
  literal: string | undefined;
}

/** Where a value stands. Paths are put together only when something is wrong there: nearly nothing ever is. */
interface Place {
  /** The innermost struct. */
  readonly struct: string;
  /** Undefined: the object itself. */
  readonly above: Place | undefined;
  /** A field's name, a list's index, a map's key. */
  readonly step: string | number;
  readonly isField: boolean;
  readonly depth: number;
}

/** The dotted path as messages show it: fields only. */
function pathOf(place: Place): string {
  if (place.above === undefined) return '';
  const before = pathOf(place.above);
  if (!place.isField) return before;
  return before === '' ? String(place.step) : `${before}.${place.step}`;
}

/** The path with indices and keys. */
function exactPathOf({ above, step }: Place): string {
  if (above === undefined) return '';
  const before = exactPathOf(above);
  if (typeof step === 'number') return `${before}[${step}]`;
  return before === '' ? step : `${before}.${step}`;
}

const within = (above: Place, step: string | number): Place => ({
  struct: above.struct,
  above,
  step,
  isField: false,
  depth: above.depth + 1,
});

const fieldOf = (above: Place, struct: string, step: string): Place => ({
  struct,
  above,
  step,
  isField: true,
  depth: above.depth + 1,
});

function jsonWord(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value === 'bigint' ? 'number' : typeof value;
}

/** The kind of a value as Go's reflection names it once JSON is read into maps. */
function reflectedKind(value: unknown): string {
  if (Array.isArray(value)) return 'slice';
  if (typeof value === 'object') return 'map';
  if (isNumeric(value)) return isInt64(value) ? 'int64' : 'float64';
  return typeof value === 'boolean' ? 'bool' : 'string';
}

/** The converter's complaint; it says nothing of the place. */
function unconverted(value: unknown, ref: TypeRef): string {
  const kind = reflectedKind(value);
  if (ref.kind === 'struct') return `cannot restore struct from: ${kind}`;
  if (ref.kind === 'map') return `cannot restore map from ${kind}`;
  if (ref.kind === 'list' || ref.kind === 'bytes') return `cannot restore slice from ${kind}`;
  const type = goTypeText(ref);
  const toText = ref.kind === 'string' && kind === 'int64';
  const toInteger = (ref.kind === 'int32' || ref.kind === 'int64') && kind === 'float64';
  return toText || toInteger ? `cannot convert ${kind} to ${type}` : `unrecognized type: ${type}`;
}

function mismatch(walk: Walk, place: Place, value: unknown, ref: TypeRef): undefined {
  if (walk.voice === 'converter') {
    walk.errors.push(unconverted(value, ref));
    return undefined;
  }
  const isNumber = ref.kind === 'int32' || ref.kind === 'int64' || ref.kind === 'double';
  const isShown = isNumeric(value) && isNumber;
  const what = isShown ? `number ${walk.literal ?? String(value)}` : jsonWord(value);
  const path = pathOf(place);
  const where = path === '' ? 'Go value' : `Go struct field ${place.struct}.${path}`;
  walk.errors.push(`json: cannot unmarshal ${what} into ${where} of type ${goTypeText(ref)}`);
  return undefined;
}

function base64Error(text: string): string | undefined {
  const compact = text.replace(/[\r\n]/g, '');
  const bad = /[^A-Za-z0-9+/]/.exec(compact.replace(/={1,2}$/, ''));
  if (bad) return `illegal base64 data at input byte ${bad.index}`;
  if (compact.length % 4 !== 0) {
    return `illegal base64 data at input byte ${compact.length - (compact.length % 4)}`;
  }
  return undefined;
}

/** Runs a parser; its complaint becomes a type error. */
function attempt(walk: Walk, parse: () => string): string | undefined {
  try {
    return parse();
  } catch (err) {
    if (err instanceof TimeError || err instanceof QuantityError) {
      walk.errors.push(err.message);
      return undefined;
    }
    throw err;
  }
}

const INT32_RANGE = 2 ** 31;

/**
 * Go's decoder takes no fraction and no exponent for an integer, be it as whole as `1.0` is; the converter has a number, of
 * which it takes the low bits.
 */
function decodeInteger(walk: Walk, place: Place, value: unknown, ref: TypeRef): unknown {
  const isConverter = walk.voice === 'converter';
  if (!isConverter && walk.literal !== undefined) return mismatch(walk, place, value, ref);
  if (!isInt64(value)) return mismatch(walk, place, value, ref);
  if (ref.kind === 'int64') return value;
  const fits = value >= -INT32_RANGE && value < INT32_RANGE;
  if (fits) return value;
  return isConverter
    ? exactInteger(BigInt.asIntN(32, BigInt(value)))
    : mismatch(walk, place, value, ref);
}

function decodeScalar(walk: Walk, place: Place, value: unknown, ref: TypeRef): unknown {
  switch (ref.kind) {
    case 'string':
      return typeof value === 'string' ? value : mismatch(walk, place, value, ref);
    case 'bool':
      return typeof value === 'boolean' ? value : mismatch(walk, place, value, ref);
    case 'double':
      if (!isNumeric(value)) return mismatch(walk, place, value, ref);
      return Number.isFinite(Number(value)) ? Number(value) : mismatch(walk, place, value, ref);
    case 'int32':
    case 'int64':
      return decodeInteger(walk, place, value, ref);
    case 'bytes': {
      if (typeof value !== 'string') return mismatch(walk, place, value, ref);
      const error = base64Error(value);
      const before = walk.voice === 'converter' ? 'error decoding from json: ' : '';
      if (error) walk.errors.push(before + error);
      return value;
    }
    default:
      return value;
  }
}

function decodeSpecial(walk: Walk, place: Place, value: unknown, ref: TypeRef): unknown {
  switch (ref.kind) {
    case 'time':
    case 'microTime': {
      if (typeof value !== 'string') return mismatch(walk, place, value, { kind: 'string' });
      const isMicro = ref.kind === 'microTime';
      if (isPlainTime(value, isMicro)) return value;
      const format = isMicro ? formatMicroTime : formatTime;
      return attempt(walk, () => format(parseTime(value, isMicro)));
    }
    case 'quantity':
      if (value === '') return '0';
      if (typeof value !== 'string' && !isNumeric(value)) {
        return mismatch(walk, place, value, ref);
      }
      return attempt(walk, () => parseQuantity(walk.literal ?? String(value)).toString());
    case 'intOrString':
      return typeof value === 'string'
        ? value
        : decodeInteger(walk, place, value, { kind: 'int32' });
    default:
      return value;
  }
}

function isZero(value: unknown): boolean {
  if (value === '' || value === 0 || value === false) return true;
  if (Array.isArray(value)) return value.length === 0;
  return false;
}

/** What the stock server writes for a field the input lacks. */
function zeroValue(field: FieldDef): unknown {
  if (field.written === 'null') return null;
  const ref = field.type;
  switch (ref.kind) {
    case 'struct': {
      const type = findType(ref.name);
      return type ? fill({}, type) : {};
    }
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'int32':
    case 'int64':
    case 'double':
    case 'intOrString':
      return 0;
    case 'quantity':
      return '0';
    default:
      return null;
  }
}

function fill(object: JsonObject, type: TypeDef): JsonObject {
  for (const field of type.filled) {
    if (object[field.name] === undefined) object[field.name] = zeroValue(field);
  }
  return object;
}

/** Whether a value can be taken as it is, wherever it stands: most can. */
function isPlain({ depth }: Place, value: unknown, { kind }: TypeRef): boolean {
  if (depth >= MAX_JSON_DEPTH) return false;
  return typeof value === 'string'
    ? kind === 'string'
    : typeof value === 'boolean' && kind === 'bool';
}

function decodeStruct(walk: Walk, place: Place, value: unknown, type: TypeDef): unknown {
  if (!isJsonObject(value)) {
    return mismatch(walk, place, value, { kind: 'struct', name: type.name });
  }
  const out: JsonObject = {};
  const struct = baseName(type.name);
  for (const name in value) {
    const given = value[name];
    const field = type.fields.get(name);
    if (!field) {
      if (walk.unknown.length < MAX_STRICT_ERRORS) {
        walk.unknown.push(exactPathOf(within(place, name)));
      }
      continue;
    }
    if (given === null || given === undefined) continue;
    walk.literal = typeof given === 'number' ? literalAt(value, name) : undefined;
    const decoded = isPlain(place, given, field.type)
      ? given
      : decodeValue(walk, fieldOf(place, struct, name), given, field.type);
    if (decoded === undefined) continue;
    if (!field.required && !field.keepZero && isOmitted(decoded, field)) continue;
    out[name] = decoded;
  }
  return fill(out, type);
}

function isOmitted(value: unknown, field: FieldDef): boolean {
  if (field.type.kind === 'intOrString') return false;
  if (field.type.kind === 'map') return Object.keys(value as JsonObject).length === 0;
  return isZero(value);
}

function decodeValue(walk: Walk, place: Place, value: unknown, ref: TypeRef): unknown {
  if (place.depth > MAX_JSON_DEPTH) throw badRequest(TOO_DEEP);
  switch (ref.kind) {
    case 'struct': {
      const type = findType(ref.name);
      return type ? decodeStruct(walk, place, value, type) : value;
    }
    case 'list':
      if (!Array.isArray(value)) return mismatch(walk, place, value, ref);
      return value.map((item, i) => {
        walk.literal = typeof item === 'number' ? literalAt(value, i) : undefined;
        return decodeValue(walk, within(place, i), item ?? emptyItem(ref.of), ref.of);
      });
    case 'map': {
      if (!isJsonObject(value)) return mismatch(walk, place, value, ref);
      const out: JsonObject = {};
      for (const key in value) {
        const item = value[key] ?? emptyItem(ref.of);
        const isRight = isPlain(place, item, ref.of);
        walk.literal = typeof item === 'number' ? literalAt(value, key) : undefined;
        setOwn(out, key, isRight ? item : decodeValue(walk, within(place, key), item, ref.of));
      }
      return out;
    }
    case 'time':
    case 'microTime':
    case 'quantity':
    case 'intOrString':
    case 'raw':
    case 'schemaOr':
      return decodeSpecial(walk, place, value, ref);
    default:
      return decodeScalar(walk, place, value, ref);
  }
}

/** What a null in a list or map stands for. */
function emptyItem(ref: TypeRef): unknown {
  if (ref.kind === 'struct') return {};
  if (ref.kind === 'list') return [];
  if (ref.kind === 'map') return {};
  if (ref.kind === 'bool') return false;
  if (ref.kind === 'int32' || ref.kind === 'int64' || ref.kind === 'double') return 0;
  return '';
}

/** Checks and normalises a parsed value against a named type. Never changes its input. */
export function decodeType(
  typeName: string,
  value: unknown,
  voice: Voice = 'decoder',
): Decoded<JsonObject> {
  const walk: Walk = { unknown: [], errors: [], voice, literal: undefined };
  const type = findType(typeName);
  const struct = baseName(typeName);
  const place = { struct, above: undefined, step: '', isField: false, depth: 0 };
  const object = type ? decodeStruct(walk, place, value, type) : value;
  return {
    object: (object ?? {}) as JsonObject,
    unknownFields: walk.unknown,
    duplicateFields: [],
    typeErrors: walk.errors,
  };
}

/**
 * Checks a JSON text, or an already parsed value, against a kind. Throws ApiError on broken JSON.
 * @param parsed the text's value, when it is known
 */
export function decodeStrict(
  def: Pick<KindDef, 'typeName' | 'rules'>,
  json: string | JsonObject,
  parsed?: JsonObject,
): Decoded {
  if (def.rules?.decode) return def.rules.decode(json);
  const value = parsed ?? (typeof json === 'string' ? parseJson(json) : json);
  const decoded = decodeType(def.typeName, value);
  const duplicateFields = typeof json === 'string' ? findDuplicateFields(json) : [];
  return { ...decoded, object: decoded.object as unknown as KubeObject, duplicateFields };
}

/** Paths of the fields a (readable) JSON text gives twice. */
export function duplicateFields(text: string): string[] {
  return findDuplicateFields(text);
}

/** The exact value of a JSON text, with the message of an unreadable body. */
export function parseJson(text: string): unknown {
  const what = "couldn't get version/kind; json parse error: ";
  const { isTooDeep, hasOddNumbers } = lookOver(text);
  if (isTooDeep) throw badRequest(what + TOO_DEEP);
  try {
    return hasOddNumbers ? parseNumbers(text) : JSON.parse(text);
  } catch {
    throw badRequest(what + goJsonError(text));
  }
}

/** The complaint about a number no float holds, in a value that {@link parseJson} read and that has no types. */
export function numberError(parsed: unknown): string | undefined {
  const text = infiniteIn(parsed);
  return text && `json: cannot unmarshal number ${text} into Go value of type float64`;
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/**
 * The complaints of strict decoding, as the stock server words and orders them: of a text as it goes, of what was another form
 * before by the alphabet. Kinds without a fixed structure tell of repeated fields first.
 */
function strictErrors(
  { unknownFields, duplicateFields }: Decoded,
  json: string | JsonObject,
  unstructured: boolean,
): string[] {
  if (unknownFields.length + duplicateFields.length === 0) return [];
  const unknown = unknownFields.map((field) => `unknown field "${field}"`);
  if (unstructured) return [...duplicateFields.map((f) => `duplicate field "${f}"`), ...unknown];
  return typeof json === 'string' ? fieldErrorsInOrder(json, unknownFields) : unknown.sort();
}

/** What strict reading has against a JSON text of which only the unknown fields are known. */
export function strictErrorsOfText(text: string, unknownFields: readonly string[]): string[] {
  return fieldErrorsInOrder(text, unknownFields);
}

/** The error a request body gets that does not fit its kind. */
export function cannotBeHandled(def: KindDef, why: string): ApiError {
  const what = `${def.kind} in version "${def.version}"`;
  return badRequest(`${what} cannot be handled as a ${def.kind}: ${why}`);
}

/** What is known of a body already. */
export interface KnownBody {
  /** A text's value. */
  readonly parsed?: JsonObject | undefined;
  /** Lines about keys that a YAML document gives twice. */
  readonly repeatedKeys?: readonly string[] | undefined;
}

/** How a stock server's YAML reader tells of keys given twice. */
export const repeatedKeysText = (lines: readonly string[]): string =>
  `yaml: unmarshal errors:\n${lines.map((line) => `  ${line}`).join('\n')}`;

/**
 * Decodes a request body into an object of the kind. Type errors always throw (BadRequest); unknown and repeated
 * fields throw, warn or are dropped as `mode` says.
 */
export function decodeObject(
  def: KindDef,
  json: string | JsonObject,
  mode: FieldValidation = 'Warn',
  { parsed, repeatedKeys = [] }: KnownBody = {},
): { object: KubeObject; warnings: string[] } {
  const decoded = decodeStrict(def, json, parsed);
  const first = decoded.typeErrors[0];
  if (first !== undefined) throw cannotBeHandled(def, first);
  if (mode === 'Ignore') return { object: decoded.object, warnings: [] };
  const errors = strictErrors(decoded, json, def.rules?.unstructured === true);
  if (mode === 'Strict' && errors.length + repeatedKeys.length > 0) {
    const all = repeatedKeys.length > 0 ? [repeatedKeysText(repeatedKeys), ...errors] : errors;
    throw cannotBeHandled(def, `strict decoding error: ${all.join(', ')}`);
  }
  return { object: decoded.object, warnings: [...repeatedKeys, ...errors] };
}

/** What the stock server writes for a field of a type when there is nothing in it: `{}`, `{ replicas: 0 }`. */
export function emptyField(typeName: string, field: string): unknown {
  const found = findType(typeName)?.fields.get(field);
  return found ? zeroValue(found) : {};
}
