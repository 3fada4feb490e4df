/** What a server that ends says to those who come still (`--shutdown-send-retry-after`). */
import type { AnyRequest, AnyResponse } from '../ports.ts';

const TOO_MANY = 429;
/** As the stock server has them. */
const RETRY_SECONDS = '5';
const TEXT = 'The apiserver is shutting down, please try again later.\n';
const EXEMPT = ['/readyz', '/livez'];
const OWN_AGENT = 'kube-apiserver/';

/** Whether a request is answered to the end: those who ask for health are to know it, and the server needs itself. */
export function isExemptWhileEnding({ url = '', headers }: AnyRequest): boolean {
  if (EXEMPT.some((path) => url.startsWith(path))) return true;
  return headers['user-agent']?.startsWith(OWN_AGENT) === true;
}

/** Answers 429, over a connection that ends with it. */
export function sendAway(response: AnyResponse): void {
  response.statusCode = TOO_MANY;
  response.setHeader('retry-after', RETRY_SECONDS);
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('x-content-type-options', 'nosniff');
  response.setHeader('content-length', String(Buffer.byteLength(TEXT)));
  // HTTP/2 has no such field: its connections are left by a frame.
  if (!('isClosed' in response)) response.setHeader('connection', 'close');
  response.end(TEXT);
}
