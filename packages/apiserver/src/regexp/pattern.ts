/** Patterns as Go writes them, made into patterns of this engine. */
import { regexpProblem } from './problem.ts';

/** A pattern Go's engine refuses; the message is Go's. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

const CLASSES: Readonly<Record<string, string>> = {
  alnum: '0-9A-Za-z',
  alpha: 'A-Za-z',
  ascii: '\\x00-\\x7F',
  blank: '\\t ',
  cntrl: '\\x00-\\x1F\\x7F',
  digit: '0-9',
  graph: '!-~',
  lower: 'a-z',
  print: ' -~',
  punct: '!-\\/:-@\\[-`\\{-~',
  space: '\\t\\n\\v\\f\\r ',
  upper: 'A-Z',
  word: '0-9A-Za-z_',
  xdigit: '0-9A-Fa-f',
};

/** Sets of characters that differ between the engines. */
const SETS: Readonly<Record<string, string>> = { s: '\\t\\n\\f\\r ' };

/** What may stand escaped in a pattern with the flag `u`. */
const SYNTAX = /[$()*+./?[\\\]^{|}]/;

/** What flags a group of Go's pattern turns on or off. */
interface Flags {
  /** A dot is any character, the end of a line too. */
  readonly s: boolean;
  /** Repetitions are lazy unless they say otherwise. */
  readonly U: boolean;
}

class Translation {
  readonly #source: string;
  #at = 0;
  #out = '';
  #flags: Flags = { s: false, U: false };
  readonly #stack: Flags[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  whole(): string {
    while (this.#at < this.#source.length) this.#step();
    return this.#out;
  }

  #step(): undefined {
    const rest = this.#source.slice(this.#at);
    if (rest.startsWith('\\Q')) this.#quoted(rest);
    else if (rest[0] === '\\') this.#escape(rest, false);
    else if (rest[0] === '[') this.#class(rest);
    else if (rest[0] === '(') this.#group(rest);
    else if (/^(?:[*+?]|\{\d+(?:,\d*)?\})/.test(rest)) this.#repeat(rest);
    else this.#plain(rest);
  }

  #add(out: string, taken: number): undefined {
    this.#out += out;
    this.#at += taken;
  }

  #quoted(rest: string): undefined {
    const end = rest.indexOf('\\E');
    const text = end < 0 ? rest.slice(2) : rest.slice(2, end);
    this.#add(text.replaceAll(/[$()*+./?[\\\]^{|}]/g, '\\$&'), end < 0 ? rest.length : end + 2);
  }

  #escape(rest: string, isInClass: boolean): undefined {
    const [whole = '', hex] = /^\\x\{([\dA-Fa-f]+)\}/.exec(rest) ?? [];
    if (hex !== undefined) return this.#add(`\\u{${hex}}`, whole.length);
    const [octal] = /^\\[0-7]{1,3}/.exec(rest) ?? [];
    if (octal !== undefined) {
      return this.#add(`\\u{${Number.parseInt(octal.slice(1), 8).toString(16)}}`, octal.length);
    }
    const property = /^\\([pP])(?:\{(\^?)(\w+)\}|(\w))/.exec(rest);
    if (property !== null) return this.#property(property);
    const c = rest[1] ?? '';
    if (c === 's' || c === 'S') {
      const set = SETS.s ?? '';
      if (isInClass) return this.#add(c === 's' ? set : '\\S', 2);
      return this.#add(`[${c === 's' ? '' : '^'}${set}]`, 2);
    }
    const edges: Readonly<Record<string, string>> = {
      A: '(?<![\\s\\S])',
      z: '(?![\\s\\S])',
      a: '\\x07',
    };
    if (Object.hasOwn(edges, c)) return this.#add(edges[c] ?? '', 2);
    const isSyntax = SYNTAX.test(c) || (isInClass && c === '-');
    if (/[A-Za-z]/.test(c) || isSyntax) return this.#add(`\\${c}`, 2);
    return this.#add(c, 2);
  }

  #property([whole, sign = '', negated = '', long, letter]: RegExpExecArray): undefined {
    const name = long ?? letter ?? '';
    const isNegated = (sign === 'P') !== (negated === '^');
    const isScript = name.length > 2 && name !== 'Any';
    const shown = isScript ? `Script=${name}` : name;
    this.#add(`\\${isNegated ? 'P' : 'p'}{${shown}}`, whole.length);
  }

  #class(rest: string): undefined {
    const [start = '['] = /^\[\^?/.exec(rest) ?? [];
    this.#add(start, start.length);
    let isFirst = true;
    while (this.#at < this.#source.length) {
      const left = this.#source.slice(this.#at);
      const [named = '', not = '', name = ''] = /^\[:(\^?)(\w+):\]/.exec(left) ?? [];
      if (named !== '') this.#named(named, not, name);
      else if (left[0] === ']' && !isFirst) break;
      else if (left[0] === '\\') this.#escape(left, true);
      else if (/^[[\](){}/|]/.test(left)) this.#add(`\\${left[0]}`, 1);
      else this.#add(String.fromCodePoint(left.codePointAt(0) ?? 0), charLength(left));
      isFirst = false;
    }
    this.#add(']', 1);
  }

  #named(whole: string, not: string, name: string): undefined {
    const set = CLASSES[name] ?? '';
    this.#add(not === '' ? set : outside(set), whole.length);
  }

  #group(rest: string): undefined {
    const [name = ''] = /^\(\?P?<\w+>/.exec(rest) ?? [];
    if (name !== '') {
      this.#stack.push(this.#flags);
      return this.#add(name.replace('?P<', '?<'), name.length);
    }
    const [whole = '', on = '', off = '', end = ''] =
      /^\(\?([imsU]*)(?:-([imsU]+))?([:)])/.exec(rest) ?? [];
    if (whole === '') {
      this.#stack.push(this.#flags);
      return this.#add('(', 1);
    }
    const now = {
      s: (this.#flags.s || on.includes('s')) && !off.includes('s'),
      U: (this.#flags.U || on.includes('U')) && !off.includes('U'),
    };
    this.#stack.push(this.#flags);
    this.#flags = now;
    const kept = (flags: string): string => flags.replaceAll(/[^im]/g, '');
    const without = kept(off) === '' ? '' : `-${kept(off)}`;
    const prefix = kept(on) + without === '' ? '(?:' : `(?${kept(on)}${without}:`;
    if (end === ':') return this.#add(prefix, whole.length);
    // `(?i)` holds to the end of what encloses it.
    this.#at += whole.length;
    this.#enclose(prefix);
  }

  /** Translates up to the end of the enclosing group, as a group with flags. */
  #enclose(prefix: string): undefined {
    const depth = this.#stack.length;
    this.#out += prefix;
    while (this.#at < this.#source.length) {
      if (this.#source[this.#at] === ')' && this.#stack.length === depth) break;
      this.#step();
    }
    this.#out += ')';
    this.#flags = this.#stack.pop() ?? this.#flags;
  }

  #repeat(rest: string): undefined {
    const [whole = '', times = '', lazy = ''] = /^([*+?]|\{\d+(?:,\d*)?\})(\??)/.exec(rest) ?? [];
    const isLazy = (lazy === '?') !== this.#flags.U;
    this.#add(times + (isLazy ? '?' : ''), whole.length);
  }

  #plain(rest: string): undefined {
    if (rest[0] === ')') this.#flags = this.#stack.pop() ?? this.#flags;
    if (rest[0] === '.') return this.#add(this.#flags.s ? '[\\s\\S]' : '[^\\n]', 1);
    if (rest[0] === '{' || rest[0] === '}' || rest[0] === ']') return this.#add(`\\${rest[0]}`, 1);
    this.#add(String.fromCodePoint(rest.codePointAt(0) ?? 0), charLength(rest));
  }
}

const charLength = (text: string): number => ((text.codePointAt(0) ?? 0) > 0xffff ? 2 : 1);

/** What a named class leaves out, as a class of its own cannot stand in another: over the characters of ASCII and beyond. */
function outside(set: string): string {
  const within = new RegExp(`[${set}]`);
  const chars: string[] = [];
  for (let code = 0; code < 0x80; code++) {
    const char = String.fromCharCode(code);
    if (!within.test(char)) chars.push(`\\x${code.toString(16).padStart(2, '0')}`);
  }
  return `${chars.join('')}\\u{80}-\\u{10FFFF}`;
}

const known = new Map<string, RegExp>();
const MAX_KNOWN = 1_000;

/** A pattern of Go's, compiled. @throws PatternError in Go's words */
export function goPattern(source: string): RegExp {
  const before = known.get(source);
  if (before !== undefined) return before;
  const problem = regexpProblem(source);
  if (problem !== undefined) throw new PatternError(problem);
  const made = compiled(source);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(source, made);
  return made;
}

function compiled(source: string): RegExp {
  try {
    return new RegExp(new Translation(source).whole(), 'u');
  } catch (error) {
    throw new PatternError(`error parsing regexp: ${source}`, { cause: error });
  }
}
