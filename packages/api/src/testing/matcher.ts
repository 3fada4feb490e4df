/** Compares an answer with a recorded one, whose changing parts are matchers such as `{{uid}}`. */
import { isJsonObject } from '../meta.ts';

const UUID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}';
const TIME = '\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d(?:\\.\\d+)?Z';

/** What each matcher fits inside a text. */
const PATTERNS: Readonly<Record<string, string>> = {
  uid: UUID,
  time: TIME,
  microtime: TIME,
  rand5: '[a-z0-9]{5}',
  clusterIP: '[0-9.]+',
  nodePort: '\\d+',
  rv: '\\d+',
  age: '.*',
  int: '-?\\d+',
  string: '[\\s\\S]*',
  continue: '.+',
  jwt: '.+',
};

function escapeRegex(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

function textPattern(expected: string): RegExp {
  const parts = expected.split(/\{\{(\w+)[^}]*\}\}/);
  const source = parts.map((p, i) => (i % 2 === 0 ? escapeRegex(p) : (PATTERNS[p] ?? '.*')));
  return new RegExp(`^${source.join('')}$`);
}

function matchText(expected: string, actual: unknown): boolean {
  const whole = /^\{\{(\w+)[^}]*\}\}$/.exec(expected)?.[1];
  if (whole === 'any') return true;
  if (whole === 'object') return isJsonObject(actual);
  if (whole === 'array') return Array.isArray(actual);
  if (whole !== undefined && typeof actual === 'number') return true;
  if (!expected.includes('{{')) return expected === actual;
  return typeof actual === 'string' && textPattern(expected).test(actual);
}

/** Written by the server's own machinery, which these tests leave out. */
const IGNORED: ReadonlySet<string> = new Set(['managedFields', 'description']);

function differencesIn(expected: unknown, actual: unknown, path: string, out: string[]): void {
  const short = (v: unknown) => (JSON.stringify(v) ?? 'absent').slice(0, 300);
  if (typeof expected === 'string') {
    if (!matchText(expected, actual)) {
      out.push(`${path}: expected ${short(expected)} got ${short(actual)}`);
    }
  } else if (Array.isArray(expected) && Array.isArray(actual)) {
    if (expected.length !== actual.length) {
      out.push(`${path}: expected ${short(expected)} got ${short(actual)}`);
      return;
    }
    for (const [i, e] of expected.entries()) differencesIn(e, actual[i], `${path}[${i}]`, out);
  } else if (isJsonObject(expected) && isJsonObject(actual)) {
    if ('{{unordered}}' in expected) return;
    const open = '{{others}}' in expected;
    for (const key of new Set([...Object.keys(expected), ...(open ? [] : Object.keys(actual))])) {
      if (IGNORED.has(key) || key === '{{others}}') continue;
      differencesIn(expected[key], actual[key], `${path}.${key}`, out);
    }
  } else if ((expected ?? null) !== (actual ?? null) || (expected === null) !== (actual === null)) {
    out.push(`${path}: expected ${short(expected)} got ${short(actual)}`);
  }
}

/** All differences, one line each; empty when the answer fits. */
export function differences(expected: unknown, actual: unknown): string[] {
  const out: string[] = [];
  differencesIn(expected, actual, '', out);
  return out;
}
