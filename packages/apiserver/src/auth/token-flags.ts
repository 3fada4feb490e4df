/** What the flags say about service account tokens, checked as the stock server does. */
import { ConfigError } from '@kubets/platform';

const MIN_LONGEST_MS = 3_600_000;
const MAX_LONGEST_MS = 2 ** 32 * 1_000;

/** Longest life of a token in seconds; 0: as long as asked for. @throws ConfigError */
export function maxTokenSeconds(longestMs: number): number {
  if (longestMs !== 0 && (longestMs < MIN_LONGEST_MS || longestMs > MAX_LONGEST_MS)) {
    const bounds = 'must be between 1 hour and 2^32 seconds';
    throw new ConfigError(`the service-account-max-token-expiration ${bounds}`);
  }
  return Math.floor(longestMs / 1_000);
}

/** Where others find the keys; undefined: where this server shows them. @throws ConfigError */
export function keysUriOf(uri: string): string | undefined {
  if (uri === '') return undefined;
  if (!/^https:/i.test(uri)) {
    throw new ConfigError(`service-account-jwks-uri requires https scheme, parsed as: ${uri}`);
  }
  if (!URL.canParse(uri)) {
    throw new ConfigError(`service-account-jwks-uri must be a valid URL: ${uri}`);
  }
  return uri;
}
