import type { IncomingHttpHeaders } from 'node:http';
import type { AnyRequest } from '../ports.ts';
import { Http2Request } from './http2-messages.ts';

/**
 * The headers of a request, of those that came several times each value for itself (a list). Joined, as they usually are, a
 * comma within a value is like one between two; and who names groups so might name one that makes two.
 */
export function separateHeadersOf(request: AnyRequest): IncomingHttpHeaders {
  return request instanceof Http2Request ? request.separateHeaders : request.headersDistinct;
}
