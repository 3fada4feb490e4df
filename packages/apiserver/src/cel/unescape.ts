/** What stands in quotes. */

const SINGLE: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\u000b',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '`': '`',
  '?': '?',
};

const ESCAPE =
  /\\(?:x([\dA-Fa-f]{2})|X([\dA-Fa-f]{2})|u([\dA-Fa-f]{4})|U([\dA-Fa-f]{8})|([0-3][0-7]{2})|([\s\S]?))/g;
const MAX_POINT = 0x10ffff;
const isHalf = (point: number): boolean => point >= 0xd800 && point < 0xe000;

interface Piece {
  readonly text: string;
  /** A number in place of a character: one byte in bytes, one character in texts. */
  readonly code?: number;
  /** Whether the number is a character in bytes, too. */
  readonly isPoint?: boolean;
}

/** undefined: an escape that is none. */
function pieces(body: string): Piece[] | undefined {
  const found: Piece[] = [];
  let at = 0;
  for (const match of body.matchAll(ESCAPE)) {
    const [whole, x, upper, short, long, octal, single] = match;
    found.push({ text: body.slice(at, match.index) });
    at = match.index + whole.length;
    const point = short ?? long;
    const hex = x ?? upper ?? point;
    if (single !== undefined) {
      const char = SINGLE[single];
      if (char === undefined) return undefined;
      found.push({ text: char });
    } else {
      const code = octal === undefined ? Number.parseInt(hex ?? '', 16) : Number.parseInt(octal, 8);
      if (code > MAX_POINT || isHalf(code)) return undefined;
      found.push({ text: '', code, isPoint: point !== undefined });
    }
  }
  found.push({ text: body.slice(at) });
  return found;
}

const lines = (body: string): string => body.replaceAll('\r\n', '\n').replaceAll('\r', '\n');

/** The text between quotes; undefined: it has an escape that is none. */
export function textOf(body: string, raw: boolean): string | undefined {
  if (raw) return lines(body);
  const made = pieces(lines(body))?.map(({ text, code }) =>
    code === undefined ? text : String.fromCodePoint(code),
  );
  return made?.join('');
}

/** The bytes between quotes; undefined: they have an escape that is none. */
export function bytesOf(body: string, raw: boolean): Uint8Array | undefined {
  if (raw) return new Uint8Array(Buffer.from(lines(body)));
  const parts = pieces(lines(body));
  // A character beyond a byte has no place in bytes.
  if (parts === undefined || parts.some(({ isPoint }) => isPoint === true)) return undefined;
  const made = parts.map(({ text, code }) =>
    code === undefined ? Buffer.from(text) : Buffer.from([code]),
  );
  return new Uint8Array(Buffer.concat(made));
}
