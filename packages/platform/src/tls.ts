import { readFileSync } from 'node:fs';
import { ConfigError, errorMessage } from './errors.ts';

/** Where a process's identity lies. PEM files. */
export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
  readonly caFile: string;
}

/** The same, read. */
export interface TlsMaterial {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/** What a client needs: whom to trust, and its certificate if it has one. */
export interface ClientTls {
  readonly ca: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/** @throws ConfigError when the file cannot be used */
export const loadCa = (file: string): Buffer => readPem('CA certificate', file);

function readPem(what: string, file: string): Buffer {
  let content: Buffer;
  try {
    content = readFileSync(file);
  } catch (error) {
    throw new ConfigError(`cannot read the ${what} ${file}: ${errorMessage(error)}`);
  }
  if (!content.includes('-----BEGIN ')) throw new ConfigError(`${what} ${file} is not a PEM file`);
  return content;
}

/** @throws ConfigError that names the file which cannot be used */
export function loadTls(files: TlsFiles): TlsMaterial {
  return {
    cert: readPem('certificate', files.certFile),
    key: readPem('private key', files.keyFile),
    ca: readPem('CA certificate', files.caFile),
  };
}

/** @throws ConfigError that names the file which cannot be used */
export function loadClientTls(files: Partial<TlsFiles> & { readonly caFile: string }): ClientTls {
  const { caFile, certFile, keyFile } = files;
  const ca = loadCa(caFile);
  if (certFile === undefined || keyFile === undefined) return { ca };
  return { ca, cert: readPem('certificate', certFile), key: readPem('private key', keyFile) };
}

/** The flags `--tls-cert-file --tls-private-key-file --ca-file` of a process that shows the apiservers who it is. */
export interface TlsFlags {
  readonly tlsCertFile: string | undefined;
  readonly tlsPrivateKeyFile: string | undefined;
  readonly caFile: string | undefined;
}

/** All three files or none. @throws ConfigError when some are missing, or one cannot be used */
export function loadTlsFlags(flags: TlsFlags): TlsMaterial | undefined {
  const { tlsCertFile: certFile, tlsPrivateKeyFile: keyFile, caFile } = flags;
  if (!certFile && !keyFile && !caFile) return undefined;
  if (!certFile || !keyFile || !caFile) {
    throw new ConfigError('--tls-cert-file, --tls-private-key-file and --ca-file go together');
  }
  return loadTls({ certFile, keyFile, caFile });
}
