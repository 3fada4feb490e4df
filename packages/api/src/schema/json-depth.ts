/** How deep JSON may nest. What works on objects is recursive; deeper ones would end it with a full stack. */
import { badRequest } from '../errors.ts';
import { MAX_JSON_DEPTH } from '../limits.ts';

/** Refuses what nests deeper than anything in the schema does. @throws ApiError BadRequest */
export function checkDepth(value: unknown): void {
  walk(value, 0);
}

function walk(value: unknown, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth >= MAX_JSON_DEPTH) throw badRequest('exceeded max depth');
  if (Array.isArray(value)) for (const item of value) walk(item, depth + 1);
  else
    for (const key of Object.keys(value)) walk((value as Record<string, unknown>)[key], depth + 1);
}

/** {@link checkDepth} for the value of a text: nothing is walked when the text has too few brackets to nest that deep. */
export function checkDepthOf(text: string, value: unknown): void {
  let open = 0;
  for (let i = 0; i < text.length && open < MAX_JSON_DEPTH; i += 1) {
    const code = text.charCodeAt(i);
    if (code === OPEN_BRACE || code === OPEN_BRACKET) open += 1;
  }
  if (open >= MAX_JSON_DEPTH) checkDepth(value);
}

const OPEN_BRACE = 0x7b;
const OPEN_BRACKET = 0x5b;
