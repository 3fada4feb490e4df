/**
 * Finds fields that occur twice in a JSON text: `JSON.parse` keeps the last one silently, and the server has to
 * say so. The text must already have been parsed: syntax is not checked again.
 */
import { MAX_JSON_DEPTH } from '../limits.ts';

interface Frame {
  /** Keys seen, for an object; undefined for a list. */
  keys: Set<string> | undefined;
  /** Of the member being read: its key, or `[index]`. */
  step: string;
  index: number;
}

function pathOf(frames: readonly Frame[], last: string): string {
  let out = '';
  for (const f of frames.slice(0, -1)) out += f.keys ? `.${f.step}` : `[${f.index}]`;
  const path = `${out}.${last}`;
  return path.startsWith('.') ? path.slice(1) : path;
}

/** End of the string that starts with the quote at `at`: the index after its closing quote. */
function endOfString(text: string, at: number): number {
  let i = at + 1;
  for (; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) break;
    if (code === BACKSLASH) i += 1;
  }
  return i + 1;
}

/** The key between two quotes; few hold anything that is escaped. */
function keyIn(text: string, from: number, end: number): string {
  const key = text.slice(from + 1, end - 1);
  return key.includes('\\') ? (JSON.parse(`"${key}"`) as string) : key;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Reads the keys of a text one after the other.
 * @param visit told of each; the path is put together only when asked for
 */
function eachKey(text: string, visit: (isRepeated: boolean, path: () => string) => void): void {
  const frames: Frame[] = [];
  let wantKey = false;
  for (let i = 0; i < text.length; i += 1) {
    const c = text[i];
    const frame = frames.at(-1);
    if (c === '"') {
      const end = endOfString(text, i);
      if (wantKey && frame?.keys) {
        const key = keyIn(text, i, end);
        visit(frame.keys.has(key), () => pathOf(frames, key));
        frame.keys.add(key);
        frame.step = key;
        wantKey = false;
      }
      i = end - 1;
    } else if (c === '{' || c === '[') {
      if (frames.length >= MAX_JSON_DEPTH) return;
      frames.push({ keys: c === '{' ? new Set() : undefined, step: '', index: 0 });
      wantKey = c === '{';
    } else if (c === '}' || c === ']') {
      frames.pop();
      wantKey = false;
    } else if (c === ',' && frame) {
      frame.index += 1;
      wantKey = frame.keys !== undefined;
    }
  }
}

/** Dotted paths of all repeated fields, in the order of their repetition. */
export function findDuplicateFields(text: string): string[] {
  const out = new Set<string>();
  eachKey(text, (isRepeated, path) => {
    if (isRepeated) out.add(path());
  });
  return [...out];
}

/**
 * What is wrong with the fields of a text, in its order: those that are unknown, and those given twice. Unknown ones are not
 * looked into, and how often they are there does not matter.
 */
export function fieldErrorsInOrder(text: string, unknownFields: readonly string[]): string[] {
  const unknown = new Set(unknownFields);
  const above = unknownFields.flatMap((path) => [`${path}.`, `${path}[`]);
  const out = new Set<string>();
  eachKey(text, (isRepeated, path) => {
    if (!isRepeated && unknown.size === 0) return;
    const at = path();
    if (unknown.has(at)) out.add(`unknown field "${at}"`);
    else if (isRepeated && !above.some((one) => at.startsWith(one))) {
      out.add(`duplicate field "${at}"`);
    }
  });
  return [...out];
}
