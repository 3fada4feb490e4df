/**
 * Why Go's regexp package refuses a pattern, in its words. Its syntax (RE2) has neither looking around nor references back, which
 * the engine here would take.
 */

const MAX_REPEAT = 1_000;
const ESCAPES = /^[dDsSwWbBAzQEaCfnrtvxpP]$/;
const REPEAT = /^(?:[*+?]|\{(\d+)(?:,(\d*))?\})\??/;
const FLAGS = /^\(\?[imsU]*(?:-[imsU]+)?[:)]/;
const NAMED = /^\(\?P?<(\w+)>/;

const problem = (what: string, where: string): string => `${what}: \`${where}\``;

class Reader {
  readonly #text: string;
  #at = 0;
  #open = 0;
  /** What a repetition would repeat: nothing, something, or what is repeated already (from there on). */
  #last: 'nothing' | 'atom' | number = 'nothing';

  constructor(text: string) {
    this.#text = text;
  }

  complaint(): string | undefined {
    while (this.#at < this.#text.length) {
      const found = this.#step();
      if (found !== undefined) return found;
    }
    return this.#open > 0 ? problem('missing closing )', this.#text) : undefined;
  }

  #take(length: number, last: 'nothing' | 'atom'): undefined {
    this.#at += length;
    this.#last = last;
  }

  #step(): string | undefined {
    const rest = this.#text.slice(this.#at);
    const [repeat] = REPEAT.exec(rest) ?? [];
    if (repeat !== undefined) return this.#repeat(repeat, rest);
    switch (rest[0]) {
      case '(':
        return this.#group(rest);
      case ')':
        this.#open -= 1;
        if (this.#open < 0) return problem('unexpected )', this.#text);
        return this.#take(1, 'atom');
      case '[':
        return this.#class(rest);
      case '\\':
        return this.#escape(rest);
      case '|':
        return this.#take(1, 'nothing');
      default:
        return this.#take(1, 'atom');
    }
  }

  #repeat(repeat: string, rest: string): string | undefined {
    if (this.#last === 'nothing') {
      return problem('missing argument to repetition operator', repeat);
    }
    if (typeof this.#last === 'number') {
      const from = this.#text.slice(this.#last, this.#at + repeat.length);
      return problem('invalid nested repetition operator', from);
    }
    const [, least = '0', most = ''] = REPEAT.exec(rest) ?? [];
    const isBad = Number(least) > MAX_REPEAT || Number(most || '0') > MAX_REPEAT;
    if (isBad || (most !== '' && Number(most) < Number(least))) {
      return problem('invalid repeat count', repeat);
    }
    this.#last = this.#at;
    this.#at += repeat.length;
    return undefined;
  }

  #group(rest: string): string | undefined {
    const special = rest.startsWith('(?') ? (FLAGS.exec(rest) ?? NAMED.exec(rest))?.[0] : '(';
    if (special === undefined) {
      if (/^\(\?P?</.test(rest)) return problem('invalid named capture', rest);
      const [bad = '(?'] = /^\(\?[imsU-]*[\s\S]?/.exec(rest) ?? [];
      return problem('invalid or unsupported Perl syntax', bad);
    }
    // `(?i)` sets flags for what follows and encloses nothing.
    if (!special.endsWith(')')) this.#open += 1;
    return this.#take(special.length, 'nothing');
  }

  #class(rest: string): string | undefined {
    const [whole] = /^\[\^?\]?(?:\[:\^?\w+:\]|\\[\s\S]|[^\]\\])*\]/.exec(rest) ?? [];
    if (whole === undefined) return problem('missing closing ]', rest);
    for (const [range = '', low = '', high = ''] of whole.slice(1).matchAll(/(\w)-(\w)/g)) {
      if (low > high) return problem('invalid character class range', range);
    }
    return this.#take(whole.length, 'atom');
  }

  #escape(rest: string): string | undefined {
    const [, c] = rest;
    if (c === undefined) return problem('trailing backslash at end of expression', '');
    const isKnown = ESCAPES.test(c) || !/^[A-Za-z0-9]$/.test(c) || /^\\[0-7]{2,3}/.test(rest);
    if (!isKnown && c !== '0') return problem('invalid escape sequence', `\\${c}`);
    const [whole = rest.slice(0, 2)] =
      /^\\(?:x\{[\dA-Fa-f]+\}|x..|[pP]\{\^?\w+\})/.exec(rest) ?? [];
    return this.#take(whole.length, 'atom');
  }
}

/** @returns undefined for a pattern Go takes */
export function regexpProblem(pattern: string): string | undefined {
  const found = new Reader(pattern).complaint();
  return found && `error parsing regexp: ${found}`;
}
