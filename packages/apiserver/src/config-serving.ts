/** The flags about connections, and about how the server comes and goes, under the stock names. */
import { ConfigError, flag } from '@kubets/platform';

/** As much as the stock server takes. */
const MOST_GOAWAYS = 0.02;
const MAX_STREAMS = 0x7fffffff;

const transport = {
  'tls-min-version': flag.string({
    default: '',
    help: 'oldest version of TLS: VersionTLS10, VersionTLS11, VersionTLS12 (default), VersionTLS13',
  }),
  'tls-cipher-suites': flag.list({
    help: 'cipher suites of TLS 1.2 by their names in Go; default: those Node.js prefers',
  }),
  'tls-sni-cert-key': flag.repeated({
    help: 'further certificate: CERT,KEY or CERT,KEY:NAME,…; clients that ask for one of its names get it',
  }),
  'http2-max-streams-per-connection': flag.int({
    default: 0,
    max: MAX_STREAMS,
    help: 'requests under way on one connection; 0: 1000',
  }),
  'disable-http2-serving': flag.bool({ help: 'speak HTTP/1.1 only' }),
  'permit-port-sharing': flag.bool({
    help: 'other processes may listen on the same address and port (SO_REUSEPORT)',
  }),
  'external-hostname': flag.string({
    default: '',
    help: 'name or address in what the server tells of itself; default: the advertised address',
  }),
  'goaway-chance': flag.number({
    default: 0,
    help: 'share of the requests over HTTP/2 after which the client is sent to another connection: 0 to 0.02',
  }),
} as const;

const lifeCycle = {
  'livez-grace-period': flag.durationMs({
    default: '0s',
    help: 'for so long after its start /livez does not mind what is not in place yet',
  }),
  'shutdown-delay-duration': flag.durationMs({
    default: '0s',
    help: 'for so long after it was told to stop the server goes on as before, but for /readyz',
  }),
  'shutdown-send-retry-after': flag.bool({
    help: 'then requests that come while others end are answered with 429 and Retry-After',
  }),
  'shutdown-watch-termination-grace-period': flag.durationMs({
    default: '0s',
    help: 'watches end one after the other within this time; 0: all at once',
  }),
} as const;

export const servingFlags = { ...transport, ...lifeCycle } as const;

/** @throws ConfigError in the words of the stock server */
export function goAwayChanceOf({ goawayChance }: { readonly goawayChance: number }): number {
  if (goawayChance >= 0 && goawayChance <= MOST_GOAWAYS) return goawayChance;
  throw new ConfigError('--goaway-chance can not be less than 0 or greater than 0.02');
}
