/** Sets of a job's indexes as text: `1,3-5,7`, growing, each below the number of completions. */

/** The text is no such set. */
export class IndexesError extends Error {
  override readonly name = 'IndexesError';
}

type Interval = readonly [first: number, last: number];

function numberOf(text: string, completions: number): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw new IndexesError(`cannot convert string to integer for index: ${JSON.stringify(text)}`);
  }
  const value = Number(text);
  if (value >= completions) throw new IndexesError(`too large index: ${JSON.stringify(text)}`);
  return value;
}

function intervalOf(text: string, completions: number): Interval {
  const parts = text.split('-');
  if (parts.length > 2) {
    const rule = "an index interval can have at most two parts separated by '-'";
    const shown = JSON.stringify(text);
    throw new IndexesError(`the fragment ${shown} violates the requirement that ${rule}`);
  }
  const first = numberOf(parts[0] ?? '', completions);
  if (parts.length === 1) return [first, first];
  const last = numberOf(parts[1] ?? '', completions);
  if (first < last) return [first, last];
  throw new IndexesError(`non-increasing order, previous: ${first}, current: ${last}`);
}

/** How many indexes the text names. @throws IndexesError */
export function countIndexes(text: string, completions: number): number {
  if (text === '') return 0;
  let total = 0;
  let previous: number | undefined;
  for (const part of text.split(',')) {
    const [first, last] = intervalOf(part, completions);
    if (previous !== undefined && previous >= first) {
      throw new IndexesError(`non-increasing order, previous: ${previous}, current: ${first}`);
    }
    total += last - first + 1;
    previous = last;
  }
  return total;
}

/** The intervals that can be read; the others are told of where the format is checked. */
function readable(text: string, completions: number): Interval[] {
  return text.split(',').flatMap((part) => {
    try {
      return [intervalOf(part, completions)];
    } catch (error) {
      if (error instanceof IndexesError) return [];
      throw error;
    }
  });
}

/** The first index both sets name, if any. */
export function sharedIndex(a: string, b: string, completions: number): number | undefined {
  if (a === '' || b === '') return undefined;
  const [left, right] = [readable(a, completions), readable(b, completions)];
  let [i, j] = [0, 0];
  for (;;) {
    const [x, y] = [left[i], right[j]];
    if (x === undefined || y === undefined) return undefined;
    if (x[0] <= y[1] && y[0] <= x[1]) return Math.max(x[0], y[0]);
    if (x[0] <= y[0]) i += 1;
    else j += 1;
  }
}
