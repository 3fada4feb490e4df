/** Functions for texts that the library lacks: the strings extension of the language in version 2, and sets. */
import { type Environment, UnsignedInt } from '@marcbachmann/cel-js/evaluator';
import { CostError } from './errors.ts';
import { MAX_REPLACED_LENGTH } from './limits.ts';

const CHARS = (text: string): string[] => [...text];

/** A whole number, whatever stands for it; undefined: it is none. */
function whole(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return value instanceof UnsignedInt ? BigInt(value.valueOf()) : undefined;
}

/** A value as `%s` shows it. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(', ')}]`;
  if (value instanceof Date) return value.toISOString().replace(/\.000Z$/, 'Z');
  if (value === null) return 'null';
  const number = whole(value);
  if (number !== undefined) return String(number);
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  if (typeof value !== 'object') return String(value);
  if (Object.getPrototypeOf(value) !== Object.prototype && !(value instanceof Map)) {
    return String(value);
  }
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  const pairs = entries.map(([key, one]) => `${shown(key)}: ${shown(one)}`).sort();
  return `{${pairs.join(', ')}}`;
}

const wrongType = (verb: string, value: unknown): Error => {
  const type = value === null ? 'null_type' : typeof value === 'bigint' ? 'int' : typeof value;
  return new Error(`error during formatting: %${verb} clause given value of type ${type}`);
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
      throw new Error(
        `could not parse formatting clause: unrecognized formatting clause "${verb ?? ''}"`,
      );
    }
    if (at >= values.length) throw new Error(`index ${at} out of range`);
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

function charAt(text: string, at: bigint): string {
  const chars = CHARS(text);
  if (at < 0n || at > BigInt(chars.length)) throw new Error(`index out of range: ${at}`);
  return chars[Number(at)] ?? '';
}

function replace(text: string, from: string, to: string, limit = -1n): string {
  const found = from === '' ? text.length + 1 : text.split(from).length - 1;
  const times = limit < 0n || limit > BigInt(found) ? found : Number(limit);
  if (text.length + times * (to.length - from.length) > MAX_REPLACED_LENGTH) {
    throw new CostError('call cost exceeds limit');
  }
  if (limit < 0n) return text.replaceAll(from, () => to);
  let left = limit;
  return text.replaceAll(from, (found) => {
    left -= 1n;
    return left >= 0n ? to : found;
  });
}

class StringsNamespace {}

export function addTextFunctions(env: Environment): void {
  env
    .registerFunction('string.charAt(int): string', charAt)
    .registerFunction('string.replace(string, string): string', replace)
    .registerFunction('string.replace(string, string, int): string', replace)
    .registerFunction('string.format(list): string', format)
    .registerType('strings', StringsNamespace)
    .registerConstant('strings', 'strings', new StringsNamespace())
    .registerFunction('strings.quote(string): string', (_strings: unknown, text: string) =>
      quote(text),
    );
}

class SetsNamespace {}

/** Whether two values are the same, numbers by what they are worth. */
function same(a: unknown, b: unknown): boolean {
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((one, i) => same(one, b[i]));
  }
  if (typeof a === 'object' && typeof b === 'object' && a !== null && b !== null) {
    const [left, right] = [Object.entries(a), b as Record<string, unknown>];
    const sizes = left.length === Object.keys(right).length;
    return sizes && left.every(([key, one]) => same(one, right[key]));
  }
  const isNumber = (one: unknown): boolean => typeof one === 'number' || typeof one === 'bigint';
  // biome-ignore lint/suspicious/noDoubleEquals: 1n and 1 are equal to the language.
  return isNumber(a) && isNumber(b) ? a == b : a === b;
}

type List = readonly unknown[];

export function addSetFunctions(env: Environment): void {
  const has = (list: List, wanted: unknown): boolean => list.some((one) => same(one, wanted));
  const contains = (list: List, wanted: List): boolean => wanted.every((one) => has(list, one));
  env
    .registerType('sets', SetsNamespace)
    .registerConstant('sets', 'sets', new SetsNamespace())
    .registerFunction('sets.contains(list, list): bool', (_sets: unknown, a: List, b: List) =>
      contains(a, b),
    )
    .registerFunction('sets.intersects(list, list): bool', (_sets: unknown, a: List, b: List) =>
      b.some((one) => has(a, one)),
    )
    .registerFunction(
      'sets.equivalent(list, list): bool',
      (_sets: unknown, a: List, b: List) => contains(a, b) && contains(b, a),
    );
}
