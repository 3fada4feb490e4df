/** Why a text is no JSON, in the words of Go's scanner (encoding/json), which clients of the stock server read. */

import { goQuote } from '../go-text.ts';
import { MAX_JSON_DEPTH } from '../limits.ts';

const END = 'unexpected end of JSON input';

/** A character as Go's scanner quotes it. */
function shown(c: string): string {
  if (c === "'") return "'\\''";
  if (c === '"') return `'"'`;
  return `'${goQuote(c).slice(1, -1)}'`;
}

class Scanner {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The complaint about the whole text. */
  complaint(): string | undefined {
    return this.#value() ?? this.#rest();
  }

  #peek(): string | undefined {
    while (/[ \t\r\n]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
    return this.#text[this.#at];
  }

  #wrong(context: string): string {
    const c = this.#text[this.#at];
    return c === undefined ? END : `invalid character ${shown(c)} ${context}`;
  }

  #rest(): string | undefined {
    return this.#peek() === undefined ? undefined : this.#wrong('after top-level value');
  }

  #value(): string | undefined {
    const c = this.#peek();
    if (c === '{') return this.#members('}');
    if (c === '[') return this.#members(']');
    if (c === '"') return this.#string();
    if (c !== undefined && /[-\d]/.test(c)) return this.#number();
    const word = ['true', 'false', 'null'].find((one) => one[0] === c);
    return word === undefined ? this.#wrong('looking for beginning of value') : this.#word(word);
  }

  /** What stands between braces or brackets. */
  #members(close: '}' | ']'): string | undefined {
    this.#at += 1;
    if (this.#peek() === close) {
      this.#at += 1;
      return undefined;
    }
    // The text may nest as deep as it likes: it has not been parsed.
    if (this.#depth >= MAX_JSON_DEPTH) return 'exceeded max depth';
    this.#depth += 1;
    const wrong = this.#list(close);
    this.#depth -= 1;
    return wrong;
  }

  #list(close: '}' | ']'): string | undefined {
    const after = close === '}' ? 'after object key:value pair' : 'after array element';
    for (;;) {
      const wrong = close === '}' ? this.#pair() : this.#value();
      if (wrong !== undefined) return wrong;
      const c = this.#peek();
      if (c !== ',' && c !== close) return this.#wrong(after);
      this.#at += 1;
      if (c === close) return undefined;
    }
  }

  #pair(): string | undefined {
    if (this.#peek() !== '"') return this.#wrong('looking for beginning of object key string');
    const wrong = this.#string();
    if (wrong !== undefined) return wrong;
    if (this.#peek() !== ':') return this.#wrong('after object key');
    this.#at += 1;
    return this.#value();
  }

  #string(): string | undefined {
    this.#at += 1;
    for (;;) {
      const c = this.#text[this.#at];
      if (c === undefined) return END;
      if (c < ' ') return this.#wrong('in string literal');
      this.#at += 1;
      if (c === '"') return undefined;
      if (c !== '\\') continue;
      const wrong = this.#escape();
      if (wrong !== undefined) return wrong;
    }
  }

  #escape(): string | undefined {
    const c = this.#text[this.#at];
    if (c === undefined || !/["\\/bfnrtu]/.test(c)) return this.#wrong('in string escape code');
    this.#at += 1;
    for (let i = 0; c === 'u' && i < 4; i += 1, this.#at += 1) {
      if (!/[\da-fA-F]/.test(this.#text[this.#at] ?? '')) {
        return this.#wrong('in \\u hexadecimal character escape');
      }
    }
    return undefined;
  }

  #word(word: string): string | undefined {
    for (const c of word) {
      if (this.#text[this.#at] !== c) {
        return this.#wrong(`in literal ${word} (expecting ${shown(c)})`);
      }
      this.#at += 1;
    }
    return undefined;
  }

  #digits(): boolean {
    const from = this.#at;
    while (/\d/.test(this.#text[this.#at] ?? '')) this.#at += 1;
    return this.#at > from;
  }

  #number(): string | undefined {
    if (this.#text[this.#at] === '-') this.#at += 1;
    if (this.#text[this.#at] === '0') this.#at += 1;
    else if (!this.#digits()) return this.#wrong('in numeric literal');
    if (this.#text[this.#at] === '.') {
      this.#at += 1;
      if (!this.#digits()) return this.#wrong('after decimal point in numeric literal');
    }
    if (!/[eE]/.test(this.#text[this.#at] ?? '')) return undefined;
    this.#at += 1;
    if (/[-+]/.test(this.#text[this.#at] ?? '')) this.#at += 1;
    return this.#digits() ? undefined : this.#wrong('in exponent of numeric literal');
  }
}

/** Go's complaint about a text that `JSON.parse` refused. It looks at bytes and shows each as a character. */
export function goJsonError(text: string | Uint8Array): string {
  const bytes = typeof text === 'string' ? Buffer.from(text, 'utf8') : Buffer.from(text);
  return new Scanner(bytes.toString('latin1')).complaint() ?? END;
}
