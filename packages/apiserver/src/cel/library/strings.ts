/** Functions of texts: the strings extension of the language in version 2, and Kubernetes' library `regex`. */
import { CostError, EvaluationFailure } from '../errors.ts';
import { MAX_TEXT_LENGTH } from '../limits.ts';
import type { Library } from '../signature.ts';
import { durationText, timestampText } from '../times.ts';
import {
  Duration,
  isList,
  itemsOf,
  MapValue,
  Timestamp,
  TypeValue,
  typeOf,
  Uint,
} from '../values.ts';
import { floatText } from './conversions.ts';
import { bounded, matcher } from './operators.ts';

const CHARS = (text: string): string[] => [...text];

/** A whole number, whatever stands for it; undefined: it is none. */
function whole(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return value instanceof Uint ? value.value : undefined;
}

/** A value as `%s` shows it. */
function shown(value: unknown): string {
  if (isList(value)) return `[${itemsOf(value).map(shown).join(', ')}]`;
  if (value instanceof MapValue) {
    const pairs = value.keys().map((key) => `${shown(key)}: ${shown(value.get(key))}`);
    return `{${pairs.sort().join(', ')}}`;
  }
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  if (value instanceof TypeValue) return value.type.name;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value === 'number') return floatText(value);
  const number = whole(value);
  if (number !== undefined) return String(number);
  if (value === null || typeof value !== 'object') return String(value);
  throw wrongType('s', value);
}

const wrongType = (verb: string, value: unknown): EvaluationFailure =>
  new EvaluationFailure(
    `error during formatting: ${WANTED[verb] ?? ''} clause ${ALLOWED[verb] ?? ''}, was given ${typeOf(value).name}`,
  );

const WANTED: Readonly<Record<string, string>> = {
  s: 'string',
  d: 'decimal',
  f: 'fixed-point',
  e: 'scientific',
  b: 'binary',
  x: 'hex',
  X: 'hex',
  o: 'octal',
};
const ALLOWED: Readonly<Record<string, string>> = {
  s: 'can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  d: 'can only be used on integers',
  f: 'can only be used on doubles',
  e: 'can only be used on doubles',
  b: 'can only be used on integers and bools',
  x: 'can only be used on integers, byte buffers, and strings',
  X: 'can only be used on integers, byte buffers, and strings',
  o: 'can only be used on integers',
};

/** `1.5e+06`: exponents have two digits at least. */
function exponential(value: number, digits: number): string {
  return value.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2');
}

function numeric(verb: string, value: unknown): number {
  if (typeof value === 'number') return value;
  const number = whole(value);
  if (number === undefined) throw wrongType(verb, value);
  return Number(number);
}

/** `255` in another base; texts and bytes byte by byte. */
function based(verb: string, value: unknown): string {
  const radix = { b: 2, o: 8, x: 16, X: 16 }[verb] ?? 10;
  const number = typeof value === 'boolean' && verb === 'b' ? BigInt(value) : whole(value);
  const isHex = radix === 16;
  if (number !== undefined) return number.toString(radix);
  if (isHex && typeof value === 'string') return Buffer.from(value).toString('hex');
  if (isHex && value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  throw wrongType(verb, value);
}

function formatted(verb: string, precision: string | undefined, value: unknown): string {
  const digits = precision === undefined ? 6 : Number(precision || '0');
  switch (verb) {
    case 's':
      return shown(value);
    case 'd': {
      const number = whole(value);
      if (number === undefined) throw wrongType(verb, value);
      return String(number);
    }
    case 'f':
      return numeric(verb, value).toFixed(digits);
    case 'e':
      return exponential(numeric(verb, value), digits);
    case 'X':
      return based(verb, value).toUpperCase();
    default:
      return based(verb, value);
  }
}

/** `'%s is %.2f'.format([a, b])`. */
function format(text: string, values: readonly unknown[]): string {
  let at = 0;
  return text.replaceAll(/%(?:\.(\d*))?(.)?/g, (_all, precision, verb: string | undefined) => {
    if (verb === '%') return '%';
    if (verb === undefined || !'sdfebxXo'.includes(verb)) {
      throw new EvaluationFailure(
        `could not parse formatting clause: unrecognized formatting clause "${verb ?? ''}"`,
      );
    }
    if (at >= values.length) throw new EvaluationFailure(`index ${at} out of range`);
    const value = values[at];
    at += 1;
    return formatted(verb, precision, value);
  });
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\u000b': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

const quote = (text: string): string =>
  `"${CHARS(text)
    .map((char) => ESCAPES[char] ?? char)
    .join('')}"`;

const outOfRange = (at: bigint): EvaluationFailure =>
  new EvaluationFailure(`index out of range: ${at}`);

function charAt(text: string, at: bigint): string {
  const chars = CHARS(text);
  if (at < 0n || at > BigInt(chars.length)) throw outOfRange(at);
  return chars[Number(at)] ?? '';
}

/** Places are counted in characters. */
function indexOf(text: string, part: string, from = 0n): bigint {
  const chars = CHARS(text);
  if (from < 0n || from > BigInt(chars.length)) throw outOfRange(from);
  const start = chars.slice(0, Number(from)).join('').length;
  const found = text.indexOf(part, start);
  return BigInt(found < 0 ? -1 : CHARS(text.slice(0, found)).length);
}

function lastIndexOf(text: string, part: string, from?: bigint): bigint {
  const chars = CHARS(text);
  if (from !== undefined && (from < 0n || from >= BigInt(chars.length) + 1n)) {
    throw outOfRange(from);
  }
  const last = from === undefined ? text.length : chars.slice(0, Number(from)).join('').length;
  const found = text.lastIndexOf(part, last);
  return BigInt(found < 0 ? -1 : CHARS(text.slice(0, found)).length);
}

function substring(text: string, start: bigint, end?: bigint): string {
  const chars = CHARS(text);
  const last = end ?? BigInt(chars.length);
  if (end !== undefined && start > end) {
    throw new EvaluationFailure(`invalid substring range. start: ${start}, end: ${end}`);
  }
  if (start < 0n || start > BigInt(chars.length)) throw outOfRange(start);
  if (last < 0n || last > BigInt(chars.length)) throw outOfRange(last);
  return chars.slice(Number(start), Number(last)).join('');
}

function replace(text: string, from: string, to: string, limit = -1n): string {
  const found = from === '' ? CHARS(text).length + 1 : text.split(from).length - 1;
  const times = limit < 0n || limit > BigInt(found) ? found : Number(limit);
  if (text.length + times * (to.length - from.length) > MAX_TEXT_LENGTH) throw new CostError();
  const pattern = from === '' ? /(?:)/gu : from;
  let left = times;
  return text.replaceAll(pattern, (seen) => {
    left -= 1;
    return left >= 0 ? to : seen;
  });
}

/** Texts between separators; with a limit the last holds the rest. */
function split(text: string, by: string, limit = -1n): string[] {
  if (limit === 0n) return [];
  const parts = by === '' ? CHARS(text) : text.split(by);
  if (limit < 0n || limit >= BigInt(parts.length)) return parts;
  const kept = Number(limit) - 1;
  return [...parts.slice(0, kept), parts.slice(kept).join(by)];
}

function join(list: unknown, by = ''): string {
  const parts = itemsOf(list as readonly unknown[]);
  for (const part of parts) {
    if (typeof part !== 'string') throw new EvaluationFailure('no such overload');
  }
  return bounded(parts.join(by));
}

const upper = (text: string): string => text.replaceAll(/[a-z]+/g, (part) => part.toUpperCase());
const lower = (text: string): string => text.replaceAll(/[A-Z]+/g, (part) => part.toLowerCase());
/** What Unicode calls white space. */
const SPACE = '[\\t\\n\\v\\f\\r \\u0085\\u00a0\\p{Zs}\\u2028\\u2029]+';
const EDGES = new RegExp(`^${SPACE}|${SPACE}$`, 'gu');
const trim = (text: string): string => text.replaceAll(EDGES, '');

function find(text: string, pattern: string): string {
  const [first = ''] = matcher(pattern).matches(text, 1);
  return first;
}

function findAll(text: string, pattern: string, limit = -1n): string[] {
  const most = limit < 0n ? Number.POSITIVE_INFINITY : Number(limit);
  return matcher(pattern).matches(text, most);
}

type OfText = (text: string, ...args: never[]) => unknown;

/** Functions of texts, by the types of what they take beside the text. */
const FUNCTIONS: readonly [string, string, OfText][] = [
  ['charAt', '(int) string', charAt],
  ['indexOf', '(string) int', indexOf],
  ['indexOf', '(string, int) int', indexOf],
  ['lastIndexOf', '(string) int', lastIndexOf],
  ['lastIndexOf', '(string, int) int', lastIndexOf],
  ['lowerAscii', '() string', lower],
  ['replace', '(string, string) string', replace],
  ['replace', '(string, string, int) string', replace],
  ['split', '(string) list(string)', split],
  ['split', '(string, int) list(string)', split],
  ['substring', '(int) string', substring],
  ['substring', '(int, int) string', substring],
  ['trim', '() string', trim],
  ['upperAscii', '() string', upper],
  ['find', '(string) string', find],
  ['findAll', '(string) list(string)', findAll],
  ['findAll', '(string, int) list(string)', findAll],
];

export function addTextFunctions(library: Library): void {
  for (const [name, signature, run] of FUNCTIONS) {
    library.add(name, `string -> ${signature}`, run as (...args: unknown[]) => unknown);
  }
  library
    .add('join', 'list(string) -> () string', (list) => join(list))
    .add('join', 'list(string) -> (string) string', (list, by) => join(list, String(by)))
    .add('format', 'string -> (list(dyn)) string', (text, values) =>
      bounded(format(String(text), itemsOf(values as readonly unknown[]))),
    )
    .add('strings.quote', '(string) string', (text) => quote(String(text)));
}
