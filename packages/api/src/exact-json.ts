/**
 * JSON without loss: whole numbers that a float cannot hold are `bigint`, everything else is what `JSON.parse` makes of it.
 *
 * A `bigint` stands for an integer beyond ±(2^53 - 1) that fits 64 bits, and for nothing else; so equal values are equal to
 * `===`, and a `number` beyond that range is a float (`1e18`, or what fits no int64), as upstream tells int64 and float64 apart
 * (apimachinery/pkg/util/json). `JSON.stringify` writes a `bigint` digit by digit once this module is loaded.
 */
import { setOwn } from './own.ts';

/** An integer of 64 bits. */
export type ExactInteger = number | bigint;

type Reviver = (this: object, key: string, value: unknown, context: { source?: string }) => unknown;

/** What the language has (ES2026) and the compiler's library does not tell of yet. */
const json = JSON as unknown as {
  parse(text: string, reviver?: Reviver): unknown;
  rawJSON(text: string): object;
};

Object.defineProperty(BigInt.prototype, 'toJSON', {
  value(this: bigint): object {
    return json.rawJSON(this.toString());
  },
  writable: true,
  configurable: true,
});

/** The shortest integers a float may not hold have as many digits. */
const LONG_DIGITS = 16;
const ZERO = 0x30;
const NINE = 0x39;
const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);

/** An integer of 64 bits as values hold it. */
export function exactInteger(value: bigint): ExactInteger {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** Whether a value is what upstream holds as an int64: any `bigint`, and whole numbers a float holds exactly. */
export function isInt64(value: unknown): value is ExactInteger {
  return typeof value === 'bigint' || Number.isSafeInteger(value);
}

/** A number that may be a `bigint`. */
export function isNumeric(value: unknown): value is ExactInteger {
  return typeof value === 'number' || typeof value === 'bigint';
}

/**
 * Whether a text has a run of digits that may be more than a float holds. It looks at every sixteenth character only, so
 * it costs next to nothing beside parsing.
 */
export function hasLongDigits(text: string): boolean {
  for (let i = LONG_DIGITS - 1; i < text.length; i += LONG_DIGITS) {
    const code = text.charCodeAt(i);
    if (code >= ZERO && code <= NINE && isLongRun(text, i)) return true;
  }
  return false;
}

/** Whether the digits around a place are many, and not all there is in a text of their own (names and hashes are such). */
function isLongRun(text: string, at: number): boolean {
  let from = at;
  let end = at + 1;
  while (isDigit(text.charCodeAt(from - 1))) from -= 1;
  while (isDigit(text.charCodeAt(end))) end += 1;
  return end - from >= LONG_DIGITS && text[from - 1] !== '"' && text[end] !== '"';
}

const isDigit = (code: number): boolean => code >= ZERO && code <= NINE;

/** The texts of numbers that their values do not tell: by the object or list they stand in, then by key. */
const literals = new WeakMap<object, Map<string, string>>();
/** The first number of a text, if any, that is beyond all floats. */
const infinite = new WeakMap<object, string>();

/** The text a number had, when it is not the one its value is written as: `1.0`, `1e3`, `9223372036854775808`. */
export function literalAt(holder: object, key: string | number): string | undefined {
  return literals.get(holder)?.get(String(key));
}

/** Hands the text of a number on to the place the number is copied to. */
export function carryLiteral(
  from: { readonly holder: object; readonly key: string | number },
  to: { readonly holder: object; readonly key: string | number },
): void {
  const text = literalAt(from.holder, from.key);
  const known = literals.get(to.holder);
  if (text !== undefined) literals.set(to.holder, (known ?? new Map()).set(String(to.key), text));
  else known?.delete(String(to.key));
}

/** A deep copy of a value that came in a patch, which keeps the texts of its numbers. */
export function cloneWithLiterals<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  const out: object = Array.isArray(value) ? [] : {};
  for (const [key, item] of Object.entries(value)) {
    setOwn(out, key, cloneWithLiterals(item));
    if (typeof item === 'number') carryLiteral({ holder: value, key }, { holder: out, key });
  }
  return out as T;
}

/** The first number of a parsed text that no float holds: `1e400`. */
export function infiniteIn(parsed: unknown): string | undefined {
  return typeof parsed === 'object' && parsed !== null ? infinite.get(parsed) : undefined;
}

/** `JSON.parse`, exact. For texts this server wrote, or that need no complaints about single numbers. @throws SyntaxError */
export function parseExact(text: string): unknown {
  return hasLongDigits(text) ? parsed(text, false) : JSON.parse(text);
}

/** As {@link parseExact}, numbers looked at one by one; their texts are kept where their values do not tell them. */
export function parseNumbers(text: string): unknown {
  return parsed(text, true);
}

function parsed(text: string, keepsLiterals: boolean): unknown {
  let beyond: string | undefined;
  const value = json.parse(text, function (key, given, { source }) {
    if (typeof given !== 'number' || source === undefined || isPlain(source, given)) return given;
    if (source === '-0') return 0;
    const exact = exactOf(source, given);
    if (typeof exact === 'number' && keepsLiterals) {
      const known = literals.get(this) ?? new Map<string, string>();
      literals.set(this, known.set(key, source));
      if (!Number.isFinite(exact)) beyond ??= source;
    }
    return exact;
  });
  if (beyond !== undefined && typeof value === 'object' && value !== null) {
    infinite.set(value, beyond);
  }
  return value;
}

/** Written as it is shown, and none of the integers that a float may have come near to only. */
const isPlain = (source: string, value: number): boolean =>
  source === String(value) && (Number.isSafeInteger(value) || !Number.isInteger(value));

function exactOf(source: string, value: number): ExactInteger {
  if (Number.isSafeInteger(value) || !/^-?\d+$/.test(source)) return value;
  const exact = BigInt(source);
  return exact >= MIN_INT64 && exact <= MAX_INT64 ? exact : value;
}
