/** A complaint about one field, with the stock server's wording. */
import { goQuote } from './go-text.ts';

export type FieldErrorType =
  | 'Invalid'
  | 'Required'
  | 'Duplicate'
  | 'NotSupported'
  | 'Forbidden'
  | 'TooLong'
  | 'TooMany'
  | 'NotFound'
  | 'Internal'
  | 'TypeInvalid';

const WORDS: Readonly<Record<FieldErrorType, string>> = {
  Invalid: 'Invalid value',
  Required: 'Required value',
  Duplicate: 'Duplicate value',
  NotSupported: 'Unsupported value',
  Forbidden: 'Forbidden',
  TooLong: 'Too long',
  TooMany: 'Too many',
  NotFound: 'Not found',
  Internal: 'Internal error',
  TypeInvalid: 'Invalid value',
};

/** Types whose text never shows the value. */
const WITHOUT_VALUE: ReadonlySet<FieldErrorType> = new Set([
  'Required',
  'Forbidden',
  'TooLong',
  'Internal',
]);

/** A value shown as the stock server's own dump of it: neither quoted nor converted. */
export class GoText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toJSON(): string {
    return this.text;
  }
}

/** In place of a value that says nothing: the message goes without one. */
export const OMITTED: unique symbol = Symbol('omitted');

function valueText(value: unknown): string {
  if (value instanceof GoText) return value.text;
  if (typeof value === 'string') return goQuote(value);
  if (value === null || value === undefined) return 'null';
  if (typeof value === 'object') return JSON.stringify(value);
  return String(value);
}

export class FieldError {
  readonly type: FieldErrorType;
  /** Dotted path, list items as `[0]`, map entries as `[key]`. */
  readonly field: string;
  readonly badValue: unknown;
  readonly detail: string;

  constructor(type: FieldErrorType, field: string, badValue?: unknown, detail = '') {
    this.type = type;
    this.field = field;
    this.badValue = badValue;
    this.detail = detail;
  }

  /** The text without the field: what a Status cause shows as its message. */
  body(): string {
    let text = WORDS[this.type];
    if (!WITHOUT_VALUE.has(this.type) && this.badValue !== OMITTED)
      text += `: ${valueText(this.badValue)}`;
    return this.detail === '' ? text : `${text}: ${this.detail}`;
  }

  /** The reason of a Status cause. */
  reason(): string {
    return this.type === 'Internal' ? 'InternalError' : `FieldValue${this.type}`;
  }

  toString(): string {
    return `${this.field}: ${this.body()}`;
  }
}

export function invalid(field: string, value: unknown, detail: string): FieldError {
  return new FieldError('Invalid', field, value, detail);
}

export function required(field: string, detail = ''): FieldError {
  return new FieldError('Required', field, '', detail);
}

export function duplicate(field: string, value: unknown, detail = ''): FieldError {
  return new FieldError('Duplicate', field, value, detail);
}

export function forbidden(field: string, detail: string): FieldError {
  return new FieldError('Forbidden', field, '', detail);
}

export function notFoundField(field: string, value: unknown): FieldError {
  return new FieldError('NotFound', field, value);
}

/** `supported` is shown in the order given (the stock server sorts most of its sets). */
export function notSupported(
  field: string,
  value: unknown,
  supported: readonly string[],
): FieldError {
  const list = supported.map(goQuote).join(', ');
  return new FieldError('NotSupported', field, value, list ? `supported values: ${list}` : '');
}

/** `maxBytes` is the longest allowed value, in bytes. */
export function tooLong(field: string, value: unknown, maxBytes: number): FieldError {
  return new FieldError('TooLong', field, value, `may not be more than ${maxBytes} bytes`);
}

export function tooMany(field: string, actual: number, max: number): FieldError {
  return new FieldError('TooMany', field, actual, `must have at most ${max} items`);
}

/** One message for several errors: as is when alone, else `[a, b]` without repetitions. */
export function aggregateText(errors: readonly FieldError[]): string {
  const texts = [...new Set(errors.map((e) => e.toString()))];
  return texts.length === 1 ? (texts[0] ?? '') : `[${texts.join(', ')}]`;
}
