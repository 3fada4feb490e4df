/** Reading request bodies: length, media type, text. */
import {
  badRequest,
  duplicateFields,
  exactInteger,
  type FieldValidation,
  goQuote,
  hasLongDigits,
  isJsonObject,
  isTooDeep,
  type JsonObject,
  parseExact,
  repeatedKeysText,
  requestTooLarge,
  setOwn,
  unsupportedMediaType,
} from '@kubets/api';
import { errorMessage, yamlLibrary } from '@kubets/platform';
import { MAX_BODY_BYTES } from '../limits.ts';
import type { AnyRequest } from '../ports.ts';
import { decodeProtobuf } from '../protobuf/decode.ts';
import { unrecognizedText } from '../registry/unrecognized.ts';
import { checkYamlDepth } from './yaml-depth.ts';
import { yamlProblem } from './yaml-problem.ts';

const OBJECT_TYPES = [
  'application/json',
  'application/yaml',
  'application/vnd.kubernetes.protobuf',
];

/** The media type of a request, without parameters; '' when there is none. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

/** @throws ApiError 413 beyond the limit */
export function readBytes(request: AnyRequest): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    let ended = false;
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size <= MAX_BODY_BYTES) chunks.push(chunk);
    };
    const onEnd = (): void => {
      ended = true;
      const [only] = chunks;
      if (size > MAX_BODY_BYTES) {
        reject(requestTooLarge(`Request entity too large: limit is ${MAX_BODY_BYTES}`));
      } else
        resolve(only !== undefined && chunks.length === 1 ? only : Buffer.concat(chunks, size));
    };
    // Every request closes in the end: an error made for nothing costs more than the rest of this function.
    const onCut = (): void => {
      if (!ended) reject(badRequest('the client went away before the body ended'));
    };
    if ('listen' in request) {
      request.listen({ onData, onEnd, onCut });
      return;
    }
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('error', reject);
    request.on('aborted', onCut);
    request.on('close', onCut);
    // A client that has gone already is told by no event.
    if (request.destroyed) onCut();
  });
}

/** What a body holds: its JSON text, or the value of a YAML document. */
export interface ReadBody {
  readonly json: string | JsonObject;
  /** A line for each key the document gives twice. */
  readonly repeatedKeys?: readonly string[];
}

/**
 * The object a body holds.
 * @param kind what it should be, for refusals
 * @throws ApiError 415 for a media type that is neither
 */
export function objectBody(contentType: string | undefined, bytes: Buffer, kind: string): ReadBody {
  const type = mediaTypeOf(contentType) || 'application/json';
  if (type === 'application/json') return { json: bytes.toString('utf8') };
  if (type === 'application/vnd.kubernetes.protobuf') return { json: decodeProtobuf(bytes) };
  if (type !== 'application/yaml') throw unsupportedMediaType(OBJECT_TYPES);
  const { value, repeated } = yamlBody(bytes, (why) => unrecognizedText(kind, why, bytes));
  // A document without anything is an object without anything.
  return { json: (value ?? {}) as JsonObject, repeatedKeys: repeated };
}

/** The parser goes down with the text, as far as its stack lets it. */
const YAML_TOO_DEEP = 'yaml: exceeded max depth';

/** A document's value, and a line for each key given twice, of which the last counts. */
interface YamlBody {
  readonly value: unknown;
  readonly repeated: readonly string[];
}

/** @param refusal what to answer, given what is wrong. @throws ApiError BadRequest */
export function yamlBody(bytes: Buffer, refusal = (why: string): string => why): YamlBody {
  const text = bytes.toString('utf8');
  checkYamlDepth(text);
  const { LineCounter, parseDocument } = yamlLibrary();
  const lineCounter = new LineCounter();
  const intAsBigInt = hasLongDigits(text);
  const parsed = parseDocument(text, { lineCounter, prettyErrors: false, intAsBigInt });
  const repeated: string[] = [];
  for (const error of parsed.errors) {
    // Of several documents the first is read, and the others are not looked at.
    if (error.code === 'MULTIPLE_DOCS') continue;
    if (error.code === 'RESOURCE_EXHAUSTION') throw badRequest(refusal(YAML_TOO_DEEP));
    const { line } = lineCounter.linePos(error.pos[0]);
    if (error.code !== 'DUPLICATE_KEY') throw badRequest(refusal(yamlProblem(error, line)));
    const key = /^"?([^":\s]*)/.exec(text.slice(error.pos[0]))?.[1] ?? '';
    repeated.push(`line ${line}: key ${goQuote(key)} already set in map`);
  }
  try {
    const value: unknown = parsed.toJS();
    return { value: intAsBigInt ? withExactIntegers(value) : value, repeated };
  } catch (cause) {
    if (cause instanceof RangeError) throw badRequest(refusal(YAML_TOO_DEEP));
    throw badRequest(refusal(`yaml: ${errorMessage(cause)}`));
  }
}

/** Integers as JSON has them; what fits no 64 bits is a float. */
function withExactIntegers(value: unknown): unknown {
  if (typeof value === 'bigint') {
    const fits = BigInt.asIntN(64, value) === value;
    return fits ? exactInteger(value) : Number(value);
  }
  if (typeof value !== 'object' || value === null) return value;
  // Aliases stand for the same object again.
  for (const [key, item] of Object.entries(value)) setOwn(value, key, withExactIntegers(item));
  return value;
}

const CONVERTING = 'error converting YAML to JSON';

/**
 * The configuration of an apply: YAML, which JSON is too.
 * @param warn told what `Warn` finds
 * @throws ApiError BadRequest; under `Strict` for a key given twice too
 */
export function appliedBody(
  bytes: Buffer,
  validation: FieldValidation,
  warn: (text: string) => void,
): JsonObject {
  const text = bytes.toString('utf8');
  const { value: document, repeated } = readYaml(text);
  // Nothing is a configuration without anything.
  if (document === null || document === undefined) return {};
  if (!isJsonObject(document)) {
    const type = Array.isArray(document) ? 'array' : typeof document;
    const why = `json: cannot unmarshal ${type === 'boolean' ? 'bool' : type} into Go value`;
    const where = 'error decoding YAML: error unmarshaling JSON: while decoding JSON';
    throw badRequest(`${where}: ${why} of type map[string]interface {}`);
  }
  if (repeated.length === 0 || validation === 'Ignore') return document;
  if (validation === 'Strict') {
    const why = `${CONVERTING}: ${repeatedKeysText(repeated)}`;
    throw badRequest(`error strict decoding YAML: ${why}`);
  }
  for (const line of repeated) warn(line);
  return document;
}

/** The value of a text, and a line for each key given twice. @throws ApiError BadRequest */
function readYaml(text: string): YamlBody {
  const value = plainJson(text);
  if (value !== undefined) return { value, repeated: [] };
  return yamlBody(Buffer.from(text), (why) => `error decoding YAML: ${CONVERTING}: ${why}`);
}

/** The value of a text that is JSON and gives no key twice; most clients send that, and it is read faster. */
function plainJson(text: string): unknown {
  if (!text.startsWith('{')) return undefined;
  try {
    // YAML knows no difference between 1 and 1.0, and this stands for YAML.
    return isTooDeep(text) || duplicateFields(text).length > 0 ? undefined : parseExact(text);
  } catch {
    // Not JSON; the YAML reader says what is wrong with it.
    return undefined;
  }
}
