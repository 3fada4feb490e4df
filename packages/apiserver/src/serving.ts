/** The serving certificate and the CA of clients: from files, or made here for a server that runs alone. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, errorMessage, type TlsMaterial } from '@kubets/platform';
import { optionalFile } from './auth/from-config.ts';
import type { ApiServerConfig } from './config.ts';

type ServingFlags = Pick<
  ApiServerConfig,
  'tlsCertFile' | 'tlsPrivateKeyFile' | 'clientCaFile' | 'certDir'
>;

/**
 * Without `--tls-cert-file` a certificate is made: kept in `--cert-dir` as `apiserver.crt` and `apiserver.key`, or in memory
 * only. Without `--client-ca-file` no client certificate is an identity.
 * @param nowMs what a new certificate's year begins at
 * @throws ConfigError for files that cannot be used
 */
export async function servingTls(config: ServingFlags, nowMs: number): Promise<TlsMaterial> {
  const { tlsCertFile, tlsPrivateKeyFile } = config;
  if ((tlsCertFile === '') !== (tlsPrivateKeyFile === '')) {
    throw new ConfigError('--tls-cert-file and --tls-private-key-file belong together');
  }
  const clientCa = optionalFile('--client-ca-file', config.clientCaFile);
  const cert = optionalFile('--tls-cert-file', tlsCertFile);
  const key = optionalFile('--tls-private-key-file', tlsPrivateKeyFile);
  if (cert && key && clientCa) return { cert, key, ca: clientCa };
  const made = await ownTls(config.certDir, nowMs);
  // A CA whose key nobody has lets nobody in.
  return { cert: cert ?? made.cert, key: key ?? made.key, ca: clientCa ?? made.ca };
}

async function ownTls(folder: string, nowMs: number): Promise<TlsMaterial> {
  const fileOf = (name: string): string => join(folder, `apiserver.${name}`);
  const [certFile, keyFile, caFile] = [fileOf('crt'), fileOf('key'), fileOf('ca.crt')];
  if (folder !== '' && [certFile, keyFile, caFile].every((file) => existsSync(file))) {
    return {
      cert: readFileSync(certFile),
      key: readFileSync(keyFile),
      ca: readFileSync(caFile),
    };
  }
  const { EmbeddedAuthority } = await import('./embedded/certificates.ts');
  const authority = await EmbeddedAuthority.create(nowMs);
  const tls = await authority.issue('CN=kube-apiserver');
  if (folder === '') return tls;
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    writeFileSync(keyFile, tls.key, { mode: 0o600 });
    writeFileSync(certFile, tls.cert);
    writeFileSync(caFile, tls.ca);
  } catch (error) {
    throw new ConfigError(`--cert-dir: cannot write to ${folder}: ${errorMessage(error)}`);
  }
  return tls;
}
