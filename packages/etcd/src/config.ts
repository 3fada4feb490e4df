/** The member's flags, with etcd's names, and what they amount to. */

import {
  ConfigError,
  type ConfigOf,
  type FlagSet,
  flag,
  loadTls,
  parseDurationMs,
  type TlsMaterial,
} from '@kubets/platform';
import { compatFlags } from './config-compat.ts';
import { LIMITS } from './limits.ts';
import { type AuthSettings, BCRYPT_COST, jwtOf } from './server/auth-settings.ts';
import type { Retention } from './server/compactor.ts';
import type { Listener } from './server/start.ts';

const url = 'comma-separated URLs, http://HOST:PORT or https://HOST:PORT';

/** Every flag may come from the environment, under etcd's name for it: `--data-dir` from `ETCD_DATA_DIR`. */
function withEnvironment<F extends FlagSet>(flags: F): F {
  const named = Object.entries(flags).map(([name, one]) => {
    const env = one.env ?? `ETCD_${name.toUpperCase().replaceAll('-', '_')}`;
    return [name, { ...one, env }];
  });
  return Object.fromEntries(named) as F;
}

export const etcdFlags = withEnvironment({
  name: flag.string({ default: 'default', help: 'name of this member' }),
  'data-dir': flag.string({ help: 'directory of this member (default: NAME.etcd)' }),
  'listen-client-urls': flag.list({
    default: ['http://localhost:2379'],
    help: `where clients are served: ${url}`,
  }),
  'advertise-client-urls': flag.list({
    help: 'where clients are told to connect (default: where they are served)',
  }),
  'listen-metrics-urls': flag.list({
    help: 'where /metrics, /health, /livez and /readyz are served besides, over plain HTTP: http://HOST:PORT',
  }),
  'listen-peer-urls': flag.list({
    default: ['http://localhost:2380'],
    help: `where members are served: ${url}`,
  }),
  'initial-advertise-peer-urls': flag.list({
    help: 'where other members reach this one (default: --listen-peer-urls)',
  }),
  'initial-cluster': flag.list({
    help: 'NAME=URL of every member, on the first start (default: this member alone)',
  }),
  'initial-cluster-state': flag.enum({
    values: ['new', 'existing'],
    default: 'new',
    help: 'on the first start: found a cluster, or join one that has been told of this member',
  }),
  'initial-cluster-token': flag.string({
    default: 'etcd-cluster',
    help: 'keeps clusters with the same addresses apart',
  }),
  'cert-file': flag.string({ help: 'certificate shown to clients' }),
  'key-file': flag.string({ help: 'its key' }),
  'trusted-ca-file': flag.string({ help: 'CA of the clients' }),
  'client-cert-auth': flag.bool({ help: 'let in only clients with a certificate of that CA' }),
  'peer-cert-file': flag.string({ help: 'certificate shown to other members' }),
  'peer-key-file': flag.string({ help: 'its key' }),
  'peer-trusted-ca-file': flag.string({ help: 'CA of the members' }),
  'peer-client-cert-auth': flag.bool({ help: 'let in only members with a certificate of that CA' }),
  'heartbeat-interval': flag.int({ default: 100, min: 10, max: 60_000, help: 'milliseconds' }),
  'election-timeout': flag.int({ default: 1000, min: 50, max: 600_000, help: 'milliseconds' }),
  'snapshot-count': flag.int({
    default: 10_000,
    min: 1,
    help: 'log entries kept for members that are behind',
  }),
  'quota-backend-bytes': flag.int({
    default: LIMITS.quotaBackendBytes,
    min: 0,
    help: 'stored bytes before writes are refused; 0: the default',
  }),
  'max-request-bytes': flag.int({
    default: LIMITS.requestBytes,
    min: 1024,
    max: 64 * 1024 * 1024,
    help: 'largest request',
  }),
  'max-txn-ops': flag.int({
    default: LIMITS.txnOps,
    min: 1,
    max: 100_000,
    help: 'most operations in a transaction',
  }),
  'max-learners': flag.int({
    default: LIMITS.learners,
    min: 1,
    max: 100,
    help: 'most members without a vote at a time',
  }),
  'auth-token': flag.string({
    default: 'simple',
    help: 'simple, or jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=5m',
  }),
  'auth-token-ttl': flag.int({
    default: LIMITS.simpleTokenMs / 1000,
    min: 1,
    max: 1_000_000,
    help: 'seconds a simple token is good for after its last use',
  }),
  'bcrypt-cost': flag.int({
    default: BCRYPT_COST,
    min: 4,
    max: 31,
    help: 'how hard passwords are to hash',
  }),
  'strict-txn-permissions': flag.bool({
    help: 'check permissions inside nested transactions, and of what puts of transactions return',
  }),
  'encryption-key-file': flag.string({
    help: 'keys (32 bytes in base64, one a line) that encrypt what is on disk: the first encrypts, all decrypt',
  }),
  'auto-compaction-mode': flag.enum({
    values: ['periodic', 'revision'],
    default: 'periodic',
    help: 'keep history by time or by number of revisions',
  }),
  'auto-compaction-retention': flag.string({
    default: '0',
    help: 'history kept: a duration or hours (periodic), a number (revision); 0: all',
  }),
  'experimental-watch-progress-notify-interval': flag.durationMs({
    default: '10m',
    help: 'pause between progress messages to quiet watchers that asked for them',
  }),
  ...compatFlags,
});

export type EtcdConfig = ConfigOf<typeof etcdFlags>;

const HOUR_MS = 3_600_000;

/** @throws ConfigError when the retention does not fit the mode */
export function retentionOf(config: EtcdConfig): Retention | undefined {
  const { autoCompactionMode: mode, autoCompactionRetention: text } = config;
  const bare = /^\d+$/.test(text);
  if (mode === 'revision') {
    if (!bare) throw new ConfigError(`--auto-compaction-retention: "${text}" is not a number`);
    return text === '0' ? undefined : { mode, revisions: Number(text) };
  }
  const periodMs = bare ? Number(text) * HOUR_MS : parseDurationMs(text);
  if (periodMs === undefined) {
    throw new ConfigError(`--auto-compaction-retention: "${text}" is not a duration such as 30m`);
  }
  return periodMs === 0 ? undefined : { mode, periodMs };
}

/** @throws ConfigError when `--auth-token` cannot be used */
export function authOf(config: EtcdConfig): AuthSettings {
  const { authToken, authTokenTtl, bcryptCost, strictTxnPermissions: strictTxns } = config;
  const jwt = jwtOf(authToken);
  return { simpleTokenMs: authTokenTtl * 1000, bcryptCost, strictTxns, ...(jwt && { jwt }) };
}

/** `--initial-cluster`, by name; a member may appear with several URLs. */
export function initialClusterOf(
  config: EtcdConfig,
): { name: string; peerUrls: readonly string[] }[] {
  if (config.initialCluster.length === 0) {
    return [{ name: config.name, peerUrls: peerUrlsOf(config) }];
  }
  return parseInitialCluster(config.initialCluster);
}

/** `NAME=URL` items, by name. @throws ConfigError for one that is none */
export function parseInitialCluster(
  items: readonly string[],
): { name: string; peerUrls: readonly string[] }[] {
  const members = new Map<string, string[]>();
  for (const item of items) {
    const at = item.indexOf('=');
    if (at < 1) throw new ConfigError(`--initial-cluster: "${item}" is not NAME=URL`);
    const name = item.slice(0, at);
    members.set(name, [...(members.get(name) ?? []), item.slice(at + 1)]);
  }
  return [...members].map(([name, peerUrls]) => ({ name, peerUrls }));
}

export function peerUrlsOf(config: EtcdConfig): readonly string[] {
  const { initialAdvertisePeerUrls: advertised, listenPeerUrls } = config;
  return advertised.length > 0 ? advertised : listenPeerUrls;
}

/** `--data-dir`, or what etcd would take. */
export function dataDirOf({ dataDir, name }: EtcdConfig): string {
  return dataDir ?? `${name}.etcd`;
}

/** Where to serve metrics besides. @throws ConfigError for a URL that is none, or one with TLS */
export function metricsListenersOf({ listenMetricsUrls }: EtcdConfig): Listener[] {
  return listenMetricsUrls.map((text) => {
    const [, host = '', port] = /^http:\/\/(.+):(\d+)\/?$/.exec(text) ?? [];
    if (port === undefined) {
      throw new ConfigError(`--listen-metrics-urls: "${text}" is not http://HOST:PORT`);
    }
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
  });
}

/** Where to listen for clients. @throws ConfigError for a URL that is none, or https without a certificate */
export function listenersOf(config: EtcdConfig, hasTls: boolean): Listener[] {
  return config.listenClientUrls.map((text) => {
    const match = /^(https?):\/\/(.+):(\d+)\/?$/.exec(text);
    const [, scheme, host = '', port] = match ?? [];
    if (match === null) {
      throw new ConfigError(`--listen-client-urls: "${text}" is not http://HOST:PORT`);
    }
    if ((scheme === 'https') !== hasTls) {
      const hint = hasTls
        ? `${text} must start with https:// when --cert-file is given`
        : `${text} needs --cert-file, --key-file and --trusted-ca-file`;
      throw new ConfigError(`--listen-client-urls: ${hint}`);
    }
    return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
  });
}

interface TlsNames {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly ca: string | undefined;
}

/** @throws ConfigError when only some of the files are given, or one cannot be read */
function tlsOf(prefix: string, { cert, key, ca }: TlsNames): TlsMaterial | undefined {
  if (cert === undefined && key === undefined) return undefined;
  if (cert === undefined || key === undefined || ca === undefined) {
    const all = ['cert-file', 'key-file', 'trusted-ca-file'].map((name) => `--${prefix}${name}`);
    throw new ConfigError(`${all.join(', ')} go together: give all three`);
  }
  return loadTls({ certFile: cert, keyFile: key, caFile: ca });
}

export function clientTlsOf(config: EtcdConfig): TlsMaterial | undefined {
  const { certFile: cert, keyFile: key, trustedCaFile, clientCertAuth } = config;
  // As in etcd: who asks clients for nothing needs no CA of theirs. The certificate stands where one is wanted.
  const ca = trustedCaFile ?? (clientCertAuth ? undefined : cert);
  return tlsOf('', { cert, key, ca });
}

export function peerTlsOf(config: EtcdConfig): TlsMaterial | undefined {
  const { peerCertFile: cert, peerKeyFile: key, peerTrustedCaFile: ca } = config;
  return tlsOf('peer-', { cert, key, ca });
}

/** @throws ConfigError for values that do not fit together */
export function checkConfig(config: EtcdConfig): void {
  const { heartbeatInterval, electionTimeout } = config;
  if (electionTimeout < 5 * heartbeatInterval) {
    throw new ConfigError(
      `--election-timeout (${electionTimeout}) must be at least 5 times --heartbeat-interval (${heartbeatInterval})`,
    );
  }
}
