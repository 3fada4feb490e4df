/** How deep JSON may nest. What works on objects is recursive; deeper ones would end it with a full stack. */
import { MAX_JSON_DEPTH } from '../limits.ts';

/** What Go's scanner says of it. */
export const TOO_DEEP = 'exceeded max depth';

/** Whether a text nests too deep. To be asked before it is parsed: some megabytes of brackets take the parser seconds. */
export function isTooDeep(text: string): boolean {
  return hasManyBrackets(text) && depthReaches(text);
}

/** Nearly every text has too few brackets to nest that deep. */
function hasManyBrackets(text: string): boolean {
  let open = 0;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code !== OPEN_BRACE && code !== OPEN_BRACKET) continue;
    open += 1;
    if (open > MAX_JSON_DEPTH) return true;
  }
  return false;
}

function depthReaches(text: string): boolean {
  let depth = 0;
  let isInText = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (isInText) {
      if (code === BACKSLASH) i += 1;
      else if (code === QUOTE) isInText = false;
    } else if (code === QUOTE) isInText = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) return true;
    } else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth -= 1;
  }
  return false;
}

const QUOTE = 0x22;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
