/** Pages of other origins that browsers let speak to this server (the fetch standard, CORS protocol). */
import { ConfigError } from '@kubets/platform';
import type { AnyRequest, AnyResponse } from './ports.ts';
import { goPattern, patternProblem } from './regexp/pattern.ts';

const FLAG = '--cors-allowed-origins';
/** As the stock server tells them. */
const HEADERS = {
  'access-control-allow-methods': 'POST, GET, OPTIONS, PUT, DELETE, PATCH',
  'access-control-allow-headers':
    'Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since',
  'access-control-expose-headers': 'Date',
  'access-control-allow-credentials': 'true',
} as const;
const NO_CONTENT = 204;

/** Tells a browser what it may show to a page. @returns whether that was all it wanted to know */
export type CrossOrigin = (request: AnyRequest, response: AnyResponse) => boolean;

/** @param origins patterns, each with both ends of the host in it. @throws ConfigError for others */
export function crossOriginOf(origins: readonly string[]): CrossOrigin | undefined {
  if (origins.length === 0) return undefined;
  for (const origin of origins) check(origin);
  const patterns = origins.map(goPattern);
  return (request, response) => {
    const origin = request.headers.origin ?? '';
    if (origin === '' || !patterns.some((pattern) => pattern.test(origin))) return false;
    response.setHeader('access-control-allow-origin', origin);
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    if (request.method !== 'OPTIONS') return false;
    response.statusCode = NO_CONTENT;
    response.end();
    return true;
  };
}

function check(origin: string): void {
  const has = (...ends: string[]): boolean => ends.some((end) => origin.includes(end));
  const problem = patternProblem(origin);
  const unpinned = 'regular expression does not pin to start/end of host in the origin header';
  const why = problem ?? (has('^', '//') && has('$', ':') ? undefined : unpinned);
  if (why === undefined) return;
  throw new ConfigError(`${FLAG} has an invalid regular expression: ${why}`);
}
