/** The kubeconfig a node comes with for the first time: whom to trust, and a token instead of a certificate. */
import { readFileSync } from 'node:fs';
import { ConfigError, errorMessage, yamlLibrary } from '@kubets/platform';

export interface BootstrapConfig {
  /** Base URL. */
  readonly server: string;
  readonly ca: Buffer;
  readonly token: string;
}

function at(value: unknown, ...path: readonly (string | number)[]): unknown {
  let here = value;
  for (const key of path) {
    here = typeof here === 'object' && here !== null ? Reflect.get(here, key) : undefined;
  }
  return here;
}

/** @throws ConfigError when the file cannot be read or holds no token */
export function readBootstrapConfig(file: string): BootstrapConfig {
  let config: unknown;
  try {
    config = yamlLibrary().parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new ConfigError(`--bootstrap-kubeconfig: cannot read ${file}: ${errorMessage(error)}`);
  }
  const token = at(config, 'users', 0, 'user', 'token');
  const ca = at(config, 'clusters', 0, 'cluster', 'certificate-authority-data');
  const server = at(config, 'clusters', 0, 'cluster', 'server');
  if (typeof token !== 'string' || typeof ca !== 'string' || typeof server !== 'string') {
    throw new ConfigError(
      `--bootstrap-kubeconfig: ${file} needs a server, a token and an authority`,
    );
  }
  return { server, token, ca: Buffer.from(ca, 'base64') };
}
