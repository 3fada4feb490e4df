/** How the connections to the store are secured, as the flags want it. */
import { type ClientTls, ConfigError, loadClientTls } from '@kubets/platform';

interface StoreTlsFlags {
  readonly etcdCafile: string;
  readonly etcdCertfile: string;
  readonly etcdKeyfile: string;
}

/**
 * The CA of the store, and the certificate shown to it if it wants one.
 * @returns undefined without any file: plain text. @throws ConfigError for files that do not go together, or cannot be used
 */
export function storeTls(config: StoreTlsFlags): ClientTls | undefined {
  const { etcdCertfile: certFile, etcdKeyfile: keyFile, etcdCafile: caFile } = config;
  if ((certFile === '') !== (keyFile === '')) {
    throw new ConfigError('--etcd-certfile and --etcd-keyfile belong together');
  }
  if (caFile === '') {
    if (certFile === '') return undefined;
    throw new ConfigError('--etcd-certfile needs --etcd-cafile: the store is believed by its CA');
  }
  return loadClientTls(certFile === '' ? { caFile } : { caFile, certFile, keyFile });
}
