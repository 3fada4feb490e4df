/** Cuts an expression into tokens. */
import type { Faults } from './errors.ts';
import { bytesOf, textOf } from './unescape.ts';
import { Uint } from './values.ts';

export type TokenKind = 'ident' | 'literal' | 'op' | 'end';

export interface Token {
  readonly kind: TokenKind;
  /** As it is written; `<EOF>` at the end. */
  readonly text: string;
  /** In code points. */
  readonly at: number;
  readonly value?: unknown;
}

const SPACE = /\s+|\/\/[^\n]*/y;
const NUMBER =
  /(?:(\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?)|(0x[\dA-Fa-f]+|\d+)([uU])?)/y;
const WORD = /[A-Za-z_]\w*/y;
const OPERATOR = /==|!=|<=|>=|&&|\|\||[<>[\]{}().,\-!?:+*/%]/y;
const ESCAPE =
  '\\\\(?:[abfnrtv"\'\\\\?`]|[xX][\\dA-Fa-f]{2}|u[\\dA-Fa-f]{4}|U[\\dA-Fa-f]{8}|[0-3][0-7][0-7])';
const PREFIX = '(?:[bB][rR]?|[rR][bB]?)?';
const long = (quote: string): string => `${quote}(?:${ESCAPE}|[^\\\\])*?${quote}`;
const begun = (quote: string): string => `${quote}(?:${ESCAPE}|[^${quote}\\\\\\n\\r])*`;
const short = (quote: string): string => begun(quote) + quote;
const TEXT = new RegExp(
  `${PREFIX}(?:${long('"""')}|${long("'''")}|${short('"')}|${short("'")})`,
  'y',
);
const HALF_ESCAPE = '\\\\(?:[xX][\\dA-Fa-f]?|u[\\dA-Fa-f]{0,3}|U[\\dA-Fa-f]{0,7}|[0-3][0-7]?)?';
/** A text without an end, or with an escape that is none: what is of it, and the sign it fails at. */
const BROKEN = new RegExp(`(?:${begun('"')}|${begun("'")})(?:${HALF_ESCAPE})?[\\s\\S]?`, 'yu');
const RAW = /(?:[rR][bB]?|[bB][rR])(?:"""[\s\S]*?"""|'''[\s\S]*?'''|"[^"\n\r]*"|'[^'\n\r]*')/y;
/** Signs that begin an operator but are none. */
const HALF = /[=&|][\s\S]?/y;

const VALUES: Readonly<Record<string, unknown>> = { true: true, false: false, null: null };
const INT_BITS = 64;

function matched(pattern: RegExp, source: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(source) ?? undefined;
}

class Lexer {
  readonly #source: string;
  readonly #faults: Faults;
  readonly #tokens: Token[] = [];
  /** Place in code units, and in code points. */
  #unit = 0;
  #at = 0;

  constructor(source: string, faults: Faults) {
    this.#source = source;
    this.#faults = faults;
  }

  all(): Token[] {
    while (this.#unit < this.#source.length) this.#next();
    this.#tokens.push({ kind: 'end', text: '<EOF>', at: this.#at });
    return this.#tokens;
  }

  #next(): void {
    const [space] = matched(SPACE, this.#source, this.#unit) ?? [];
    if (space !== undefined) this.#skip(space);
    else if (!this.#text() && !this.#number() && !this.#word()) this.#sign();
  }

  #skip(text: string): void {
    this.#unit += text.length;
    this.#at += [...text].length;
  }

  #add(kind: TokenKind, text: string, value?: unknown): true {
    this.#tokens.push({ kind, text, at: this.#at, value });
    this.#skip(text);
    return true;
  }

  #text(): boolean {
    const isRaw = matched(RAW, this.#source, this.#unit);
    const [text] = isRaw ?? matched(TEXT, this.#source, this.#unit) ?? [];
    if (text === undefined) return false;
    const [prefix = ''] = /^[a-zA-Z]*/.exec(text) ?? [];
    const quoted = text.slice(prefix.length);
    const length = /^("""|''')/.test(quoted) ? 3 : 1;
    const body = quoted.slice(length, -length);
    const raw = /r/i.test(prefix);
    const value = /b/i.test(prefix) ? bytesOf(body, raw) : textOf(body, raw);
    if (value === undefined) this.#faults.add(this.#at, 'unable to unescape string');
    return this.#add('literal', text, value ?? '');
  }

  #number(): boolean {
    const found = matched(NUMBER, this.#source, this.#unit);
    if (found === undefined) return false;
    const [text, fraction, whole = '', suffix] = found;
    if (fraction !== undefined) return this.#add('literal', text, Number(fraction));
    // The sign is the parser's; the least number is a digit longer without it.
    const value = BigInt(whole);
    if (suffix === undefined) return this.#add('literal', text, value);
    const fits = BigInt.asUintN(INT_BITS, value) === value;
    if (!fits) this.#faults.add(this.#at, 'invalid uint literal');
    return this.#add('literal', text, new Uint(fits ? value : 0n));
  }

  #word(): boolean {
    const [word] = matched(WORD, this.#source, this.#unit) ?? [];
    if (word === undefined) return false;
    if (word === 'in') return this.#add('op', word);
    if (Object.hasOwn(VALUES, word)) return this.#add('literal', word, VALUES[word]);
    return this.#add('ident', word);
  }

  #sign(): void {
    const [operator] = matched(OPERATOR, this.#source, this.#unit) ?? [];
    if (operator !== undefined) {
      this.#add('op', operator);
      return;
    }
    const broken = matched(BROKEN, this.#source, this.#unit);
    const [half] = broken ?? matched(HALF, this.#source, this.#unit) ?? [];
    const wrong = half ?? String.fromCodePoint(this.#source.codePointAt(this.#unit) ?? 0);
    this.#faults.add(this.#at, `Syntax error: token recognition error at: '${wrong}'`);
    this.#skip(wrong);
  }
}

/** The tokens of a source; what is none is left out and complained about. */
export const tokensOf = (source: string, faults: Faults): Token[] =>
  new Lexer(source, faults).all();
