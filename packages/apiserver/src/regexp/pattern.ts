/**
 * Patterns as Go reads them (RE2), of schemas and expressions. They are written by one user and held against what others send, so
 * they are matched in time that grows with the text alone: the engine's own patterns go back and forth, and a pattern like
 * `(a+)+$` would keep the process busy for ever.
 */
import { createRequire } from 'node:module';
import type { RE2JS } from 're2js';

type Library = typeof import('re2js');

const load = createRequire(import.meta.url);
let library: Library | undefined;

/** A pattern Go's engine refuses; the message is Go's. */
export class PatternError extends Error {
  override readonly name = 'PatternError';
}

export class Pattern {
  readonly #compiled: RE2JS;

  /** @throws PatternError in Go's words */
  constructor(source: string) {
    // A process that meets no pattern does not load it.
    library ??= load('re2js') as Library;
    try {
      this.#compiled = library.RE2JS.compile(source);
    } catch (error) {
      if (!(error instanceof library.RE2JSException)) throw error;
      throw new PatternError(wordsOf(error), { cause: error });
    }
  }

  /** Whether it is found anywhere in the text. */
  test(text: string): boolean {
    return this.#compiled.test(text);
  }

  /** The parts of the text that match, from the left, so many at most. */
  matches(text: string, most: number): string[] {
    const found: string[] = [];
    const matcher = this.#compiled.matcher(text);
    while (found.length < most && matcher.find()) found.push(matcher.group() ?? '');
    return found;
  }
}

function wordsOf(error: Error): string {
  // Go names the part that is wrong in any case, an empty one too.
  const isBare = error.message.endsWith('trailing backslash at end of expression');
  return isBare ? `${error.message}: \`\`` : error.message;
}

const known = new Map<string, Pattern>();
const MAX_KNOWN = 1_000;

/** A pattern of Go's, compiled. @throws PatternError in Go's words */
export function goPattern(source: string): Pattern {
  const before = known.get(source);
  if (before !== undefined) return before;
  const made = new Pattern(source);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(source, made);
  return made;
}

/** Why Go's engine refuses a pattern; undefined when it takes it. */
export function patternProblem(source: string): string | undefined {
  try {
    goPattern(source);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}
