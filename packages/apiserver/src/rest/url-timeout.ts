/** The `timeout` a client may name in the URL of a request. */
import { badRequest, goQuote } from '@kubets/api';

const DURATION = /^[+-]?((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+$/;
const NUMBER = /^[+-]?(\d+(\.\d*)?|\.\d+)$/;

const MS: Readonly<Record<string, number>> = {
  ...{ ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3 },
  ...{ ms: 1, s: 1_000, m: 60_000, h: 3_600_000 },
};

/** What the client is ready to wait; undefined when it does not say, or says nothing that can be understood. */
export function urlTimeoutMs(query: URLSearchParams): number | undefined {
  const text = query.get('timeout') ?? '';
  if (!DURATION.test(text)) return undefined;
  let ms = 0;
  for (const [, number, unit = ''] of text.matchAll(/([\d.]+)([^\d.]+)/g)) {
    ms += Number(number) * (MS[unit] ?? 0);
  }
  return text.startsWith('-') ? -ms : ms;
}

/**
 * Refuses what is no duration, as Go reads them. @throws ApiError 400
 */
export function checkUrlTimeout(query: URLSearchParams): void {
  const text = query.get('timeout') ?? '';
  if (text === '' || text === '0' || DURATION.test(text)) return;
  const what = NUMBER.test(text) ? 'missing unit in duration' : 'invalid duration';
  throw badRequest(`invalid timeout specified in the request URL - time: ${what} ${goQuote(text)}`);
}
