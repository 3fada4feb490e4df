/** Registry credentials out of image pull secrets. Pure. */
import { isJsonObject, type Secret } from '@kubets/api';
import type { RegistryAuth } from '../ports.ts';

const KEY = '.dockerconfigjson';
// Docker's configuration names its hub by an old address.
const ALIASES: Readonly<Record<string, readonly string[]>> = {
  'docker.io': ['docker.io', 'index.docker.io', 'registry-1.docker.io'],
};

const hostOf = (entry: string): string => entry.replace(/^https?:\/\//, '').split('/')[0] ?? entry;

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // A broken secret holds no credentials.
  }
}

function credentials(entry: unknown, serverAddress: string): RegistryAuth | undefined {
  if (!isJsonObject(entry)) return undefined;
  const { username, password, auth } = entry;
  if (typeof username === 'string' && typeof password === 'string') {
    return { username, password, serverAddress };
  }
  if (typeof auth !== 'string') return undefined;
  const [user = '', ...rest] = Buffer.from(auth, 'base64').toString('utf8').split(':');
  return { username: user, password: rest.join(':'), serverAddress };
}

/** The first secret that knows the registry wins; undefined: pull without credentials. */
export function registryAuth(
  secrets: readonly Secret[],
  registry: string,
): RegistryAuth | undefined {
  const wanted = new Set(ALIASES[registry] ?? [registry]);
  for (const secret of secrets) {
    const text = Buffer.from(secret.data?.[KEY] ?? '', 'base64').toString('utf8');
    const config = parsed(text);
    const auths = isJsonObject(config) && isJsonObject(config.auths) ? config.auths : {};
    for (const [address, entry] of Object.entries(auths)) {
      const found = wanted.has(hostOf(address)) ? credentials(entry, address) : undefined;
      if (found !== undefined) return found;
    }
  }
  return undefined;
}
