/** What has to be known of a JSON text before it is parsed: how deep it nests, and whether its numbers are plain. */
import { MAX_JSON_DEPTH } from '../limits.ts';

/** What Go's scanner says of a text that nests too deep. */
export const TOO_DEEP = 'exceeded max depth';

/**
 * Whether a text nests too deep. To be asked before it is parsed: some megabytes of brackets take the parser seconds, and what
 * works on objects is recursive; deeper ones would end it with a full stack.
 */
export function isTooDeep(text: string): boolean {
  return lookOver(text).isTooDeep;
}

/** What a look over a text tells. */
export interface TextFacts {
  readonly isTooDeep: boolean;
  /** There is a number that is more than a few digits: with a fraction, an exponent, or more digits than a float holds. */
  readonly hasOddNumbers: boolean;
}

const PLAIN: TextFacts = { isTooDeep: false, hasOddNumbers: false };
const WITH_ODD_NUMBERS: TextFacts = { isTooDeep: false, hasOddNumbers: true };
const DEEP: TextFacts = { isTooDeep: true, hasOddNumbers: false };
/** Longer ones may be beyond what a float holds: 15 digits and a sign. */
const PLAIN_NUMBER_LENGTH = 16;

/** Looks a text over once, from string to string; it need not be JSON. */
export function lookOver(text: string): TextFacts {
  let depth = 0;
  let hasOddNumbers = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i);
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) return DEEP;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
    else if (code >= ZERO && code <= NINE) {
      const end = endOfDigits(text, i);
      hasOddNumbers ||= end - i >= PLAIN_NUMBER_LENGTH || isPartOfNumber(text.charCodeAt(end));
      i = end - 1;
    }
  }
  return hasOddNumbers ? WITH_ODD_NUMBERS : PLAIN;
}

/** The quote that ends the string which begins at a quote; the text's end when none does. */
function endOfString(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let before = at - 1;
    while (text.charCodeAt(before) === BACKSLASH) before -= 1;
    if ((at - before) % 2 === 1) return at;
  }
}

function endOfDigits(text: string, from: number): number {
  let at = from + 1;
  for (;;) {
    const code = text.charCodeAt(at);
    if (!(code >= ZERO && code <= NINE)) return at;
    at += 1;
  }
}

const isPartOfNumber = (code: number): boolean => code === DOT || (code | LOWER) === SMALL_E;

const QUOTE = 0x22;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const SMALL_E = 0x65;
const LOWER = 0x20;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
