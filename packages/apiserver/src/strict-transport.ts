/** What browsers are told about speaking to this server unencrypted (RFC 6797). */
import { ConfigError } from '@kubets/platform';

const FLAG = '--strict-transport-security-directives';
const PLAIN = new Set(['includeSubDomains', 'preload']);

/** The header of every answer; undefined without directives. @throws ConfigError for one that is none */
export function strictTransportOf(directives: readonly string[]): string | undefined {
  for (const directive of directives) {
    if (PLAIN.has(directive) || /^max-age=[^=]*$/.test(directive)) continue;
    const allowed = 'allowed values: max-age=expireTime, includeSubDomains, preload';
    throw new ConfigError(`${FLAG} invalid, ${allowed}`);
  }
  return directives.length === 0 ? undefined : directives.join('; ');
}
