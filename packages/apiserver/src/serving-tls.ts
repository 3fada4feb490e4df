/** How connections are secured, as the flags want it: versions, cipher suites, certificates by name. */
import { X509Certificate } from 'node:crypto';
import type { SecureVersion } from 'node:tls';
import { ConfigError, errorMessage } from '@kubets/platform';
import { optionalFile } from './auth/from-config.ts';
import type { ApiServerConfig } from './config.ts';

/** A certificate for clients that ask for one of some names; a name may begin with `*.`. */
export interface NamedCertificate {
  readonly names: readonly string[];
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface TlsSettings {
  readonly minVersion: SecureVersion;
  /** In OpenSSL's notation; absent: the usual ones. */
  readonly ciphers?: string | undefined;
  /** The first that fits is shown; those with a name in full come before those with a pattern. */
  readonly named: readonly NamedCertificate[];
}

/** What is so without any flag. */
export const DEFAULT_TLS: TlsSettings = { minVersion: 'TLSv1.2', named: [] };

const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  '': 'TLSv1.2',
  VersionTLS10: 'TLSv1',
  VersionTLS11: 'TLSv1.1',
  VersionTLS12: 'TLSv1.2',
  VersionTLS13: 'TLSv1.3',
};

/** The suites of TLS 1.3 are not a matter of choice, in Go either. */
const ALWAYS = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

/** Names of suites in Go, and in OpenSSL. */
const SUITES: ReadonlyMap<string, string> = new Map([
  ...ALWAYS.map((name) => [name, ''] as const),
  ...(['ECDSA', 'RSA'] as const).flatMap((kind): [string, string][] => [
    [`TLS_ECDHE_${kind}_WITH_AES_128_GCM_SHA256`, `ECDHE-${kind}-AES128-GCM-SHA256`],
    [`TLS_ECDHE_${kind}_WITH_AES_256_GCM_SHA384`, `ECDHE-${kind}-AES256-GCM-SHA384`],
    [`TLS_ECDHE_${kind}_WITH_CHACHA20_POLY1305_SHA256`, `ECDHE-${kind}-CHACHA20-POLY1305`],
    [`TLS_ECDHE_${kind}_WITH_CHACHA20_POLY1305`, `ECDHE-${kind}-CHACHA20-POLY1305`],
    [`TLS_ECDHE_${kind}_WITH_AES_128_CBC_SHA256`, `ECDHE-${kind}-AES128-SHA256`],
    [`TLS_ECDHE_${kind}_WITH_AES_128_CBC_SHA`, `ECDHE-${kind}-AES128-SHA`],
    [`TLS_ECDHE_${kind}_WITH_AES_256_CBC_SHA`, `ECDHE-${kind}-AES256-SHA`],
  ]),
  ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'AES128-GCM-SHA256'],
  ['TLS_RSA_WITH_AES_256_GCM_SHA384', 'AES256-GCM-SHA384'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA256', 'AES128-SHA256'],
  ['TLS_RSA_WITH_AES_128_CBC_SHA', 'AES128-SHA'],
  ['TLS_RSA_WITH_AES_256_CBC_SHA', 'AES256-SHA'],
]);
/** Broken ones that Go still knows, and OpenSSL is built without. */
const GONE = /^TLS_.*_WITH_(3DES_EDE_CBC|RC4_128)_SHA$/;

type TlsFlags = Pick<ApiServerConfig, 'tlsMinVersion' | 'tlsCipherSuites' | 'tlsSniCertKey'>;

/** @throws ConfigError for what there is not, in the words of the stock server where it has some */
export function tlsSettingsOf(config: TlsFlags): TlsSettings {
  const { tlsMinVersion, tlsCipherSuites, tlsSniCertKey } = config;
  const minVersion = VERSIONS[tlsMinVersion];
  if (minVersion === undefined) {
    throw new ConfigError(
      `--tls-min-version: unknown tls version ${JSON.stringify(tlsMinVersion)}`,
    );
  }
  const chosen = tlsCipherSuites.map(suiteOf).filter((name) => name !== '');
  // OpenSSL refuses the old versions at its usual level of security.
  const old = minVersion === 'TLSv1' || minVersion === 'TLSv1.1';
  const ciphers = tlsCipherSuites.length > 0 ? [...ALWAYS, ...chosen] : old ? ['DEFAULT'] : [];
  if (old && ciphers.length > 0) ciphers.push('@SECLEVEL=0');
  return {
    minVersion,
    ciphers: ciphers.length > 0 ? ciphers.join(':') : undefined,
    named: tlsSniCertKey.map(namedCertificate),
  };
}

function suiteOf(name: string): string {
  const flag = '--tls-cipher-suites';
  const found = SUITES.get(name);
  if (found !== undefined) return found;
  if (GONE.test(name)) throw new ConfigError(`${flag}: ${name} is broken, and not available here`);
  throw new ConfigError(`${flag}: Cipher suite ${name} not supported or doesn't exist`);
}

/** Reads `CERT,KEY` or `CERT,KEY:NAME,…`. */
function namedCertificate(text: string): NamedCertificate {
  const flag = '--tls-sni-cert-key';
  const colon = text.indexOf(':');
  const files = (colon < 0 ? text : text.slice(0, colon)).split(',').map((part) => part.trim());
  const [certFile, keyFile] = files;
  if (files.length !== 2 || !certFile || !keyFile) {
    throw new ConfigError(`${flag}: expected comma separated certificate and key file paths`);
  }
  const cert = optionalFile(flag, certFile);
  const key = optionalFile(flag, keyFile);
  if (cert === undefined || key === undefined) throw new ConfigError(`${flag}: no files`);
  const given = colon < 0 ? [] : text.slice(colon + 1).split(',');
  const names = given.map((name) => name.trim()).filter((name) => name !== '');
  if (colon >= 0 && names.length === 0)
    throw new ConfigError(`${flag}: empty names list is not allowed`);
  return { cert, key, names: names.length > 0 ? names : namesIn(cert) };
}

/** The host names a certificate is for. */
function namesIn(cert: Buffer): string[] {
  try {
    const { subjectAltName = '', subject } = new X509Certificate(cert);
    const others = subjectAltName
      .split(', ')
      .flatMap((one) => (one.startsWith('DNS:') ? [one.slice('DNS:'.length)] : []));
    const common = /^CN=(.+)$/m.exec(subject)?.[1];
    return [...new Set([...(common === undefined ? [] : [common]), ...others])];
  } catch (error) {
    throw new ConfigError(`--tls-sni-cert-key: ${errorMessage(error)}`);
  }
}
