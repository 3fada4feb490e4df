/** How long a request may take. */
import { timeout } from '@kubets/api';
import { type Clock, ConfigError } from '@kubets/platform';
import type { RequestInfo } from '../ports.ts';
import { urlTimeoutMs } from './url-timeout.ts';

/** Subresources that are open as long as their clients like, whoever serves them. */
const LONG_RUNNING: ReadonlySet<string> = new Set([
  'attach',
  'exec',
  'log',
  'portforward',
  'proxy',
]);

/** What requests may take at most, as configured. @throws ConfigError */
export function longestRequestMs(ms: number): number {
  if (ms > 0) return ms;
  throw new ConfigError('--request-timeout must be more than 0: nothing could be answered');
}

/** What a request may take: what its URL says, as far as the server allows it; undefined: as long as it likes. */
export function limitMsOf(
  info: Pick<RequestInfo, 'verb' | 'isResourceRequest' | 'subresource'>,
  query: URLSearchParams,
  longestMs: number,
): number | undefined {
  if (info.verb === 'watch') return undefined;
  if (info.isResourceRequest && LONG_RUNNING.has(info.subresource)) return undefined;
  const wantedMs = urlTimeoutMs(query) ?? 0;
  return wantedMs > 0 && wantedMs < longestMs ? wantedMs : longestMs;
}

/**
 * Waits for work, but not for ever: it goes on after its time, and nobody hears what becomes of it.
 * @throws ApiError 504 after `limitMs`
 */
export function inTime(
  work: Promise<void>,
  o: { limitMs: number; clock: Clock; onLate: () => void },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const late = (): void => {
      o.onLate();
      reject(timeout('request did not complete within the allotted timeout'));
    };
    const timer = o.clock.setTimeout(late, o.limitMs);
    work.then(
      () => {
        timer.cancel();
        resolve();
      },
      (error: unknown) => {
        timer.cancel();
        reject(error);
      },
    );
  });
}
