/** What goes wrong with expressions, in the stock server's words. */

/** The expression is no expression, or its types do not fit. The message names the place. */
export class CompileError extends Error {
  override readonly name = 'CompileError';
}

/** The expression cannot be evaluated with these values. */
export class EvaluationFailure extends Error {
  override readonly name = 'EvaluationFailure';
}

/** The expression costs more than one evaluation may. */
export class CostError extends EvaluationFailure {
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

export const NO_OVERLOAD = 'no such overload';

/** A complaint and where it points, in code points of the source. */
export interface Fault {
  readonly at: number;
  readonly why: string;
}

/** Complaints kept of one expression. */
const MOST_FAULTS = 100;

/** Complaints about a source, in the order of their places. */
export class Faults {
  readonly #source: string;
  readonly #all: Fault[] = [];

  constructor(source: string) {
    this.#source = source;
  }

  get any(): boolean {
    return this.#all.length > 0;
  }

  add(at: number, why: string): void {
    if (this.#all.length < MOST_FAULTS) this.#all.push({ at, why });
  }

  /** @throws CompileError if there is any */
  check(): void {
    if (!this.any) return;
    const sorted = this.#all.toSorted((a, b) => a.at - b.at);
    const texts = sorted.map(({ at, why }) => pointer(this.#source, at, why));
    throw new CompileError(texts.join('\n'));
  }
}

/** A character above this takes two columns, and a wide mark stands below it. */
const WIDE = 0x7f;

/** `ERROR: <input>:1:6: why` and the line with a caret below. */
export function pointer(source: string, at: number, why: string): string {
  const chars = [...source];
  const before = chars.slice(0, at);
  const line = before.filter((char) => char === '\n').length + 1;
  const start = before.lastIndexOf('\n') + 1;
  const column = at - start;
  const text = (source.split('\n')[line - 1] ?? '').replaceAll('\t', ' ');
  const dots = chars
    .slice(start, at)
    .map((char) => ((char.codePointAt(0) ?? 0) > WIDE ? '．' : '.'))
    .join('');
  const under = chars[at] ?? '';
  const caret = (under.codePointAt(0) ?? 0) > WIDE ? '＾' : '^';
  return `ERROR: <input>:${line}:${column + 1}: ${why}\n | ${text}\n | ${dots}${caret}`;
}
