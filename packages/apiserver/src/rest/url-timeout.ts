/** The `timeout` a client may name in the URL of a request. */
import { badRequest, goQuote } from '@kubets/api';

const DURATION = /^[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)$/;

/**
 * Refuses what is no duration, as Go reads them. How long a request may take is for its stages to say; a longer wish
 * changes nothing, as on a stock server. @throws ApiError 400
 */
export function checkUrlTimeout(query: URLSearchParams): void {
  const text = query.get('timeout') ?? '';
  if (text === '' || text === '0' || DURATION.test(text)) return;
  const what = NUMBER.test(text) ? 'missing unit in duration' : 'invalid duration';
  throw badRequest(`invalid timeout specified in the request URL - time: ${what} ${goQuote(text)}`);
}
