/** Kubeconfig files as upstream's webhook flags take them: the current context says whom to call, and as whom. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isJsonObject } from '@kubets/api';
import { ConfigError, errorMessage, yamlLibrary } from '@kubets/platform';
import type { OutboundTarget } from './http.ts';

type Part = Readonly<Record<string, unknown>>;

const text = (part: Part, name: string): string => {
  const value = part[name];
  return typeof value === 'string' ? value : '';
};

/** Reads a YAML file that a flag names. @throws ConfigError naming flag and file */
export function readYamlFile(flagName: string, file: string): Part {
  try {
    const parsed: unknown = yamlLibrary().parse(readFileSync(file, 'utf8'), { maxAliasCount: 0 });
    if (isJsonObject(parsed)) return parsed;
  } catch (error) {
    throw new ConfigError(`${flagName}: cannot read ${file}: ${errorMessage(error)}`);
  }
  throw new ConfigError(`${flagName}: ${file} holds no object`);
}

/** What proves who calls: a client certificate, or a header. */
export type Credentials = Pick<OutboundTarget, 'cert' | 'key' | 'headers'>;

/** @throws ConfigError naming what the file lacks */
export function loadKubeconfig(flagName: string, file: string): OutboundTarget {
  const config = readYamlFile(flagName, file);
  const from = new Source(flagName, file);
  const named = (list: string, kind: string, name: string): Part => {
    const found = namedParts(config, list).find((one) => one.name === name);
    const part = found?.[kind];
    return isJsonObject(part) ? part : from.fail(`there is no ${kind} "${name}"`);
  };
  const context = named('contexts', 'context', text(config, 'current-context'));
  const cluster = named('clusters', 'cluster', text(context, 'cluster'));
  const userName = text(context, 'user');
  const user = userName === '' ? {} : named('users', 'user', userName);
  const server = text(cluster, 'server');
  if (!URL.canParse(server)) from.fail(`the server "${server}" is no URL`);
  return {
    url: new URL(server),
    ca: from.bytes(cluster, 'certificate-authority'),
    ...from.credentials(userName, user),
    servername: text(cluster, 'tls-server-name') || undefined,
    insecure: cluster['insecure-skip-tls-verify'] === true,
  };
}

/**
 * What proves who calls, by the users' names, and the user of the current context.
 * @throws ConfigError naming what the file lacks
 */
export function credentialsIn(
  flagName: string,
  file: string,
): { users: ReadonlyMap<string, Credentials>; current: string | undefined } {
  const config = readYamlFile(flagName, file);
  const from = new Source(flagName, file);
  const users = namedParts(config, 'users').map(({ name, user }): [string, Credentials] => [
    String(name),
    from.credentials(String(name), isJsonObject(user) ? user : {}),
  ]);
  const wanted = text(config, 'current-context');
  const found = namedParts(config, 'contexts').find(({ name }) => wanted !== '' && name === wanted);
  const current = isJsonObject(found?.context) ? text(found.context, 'user') : '';
  return { users: new Map(users), current: current || undefined };
}

function namedParts(config: Part, list: string): Part[] {
  const all = config[list];
  return Array.isArray(all) ? (all as unknown[]).filter(isJsonObject) : [];
}

/** One file, and the files beside it that it names. */
class Source {
  readonly #flagName: string;
  readonly #file: string;

  constructor(flagName: string, file: string) {
    this.#flagName = flagName;
    this.#file = file;
  }

  fail(what: string): never {
    throw new ConfigError(`${this.#flagName}: ${this.#file}: ${what}`);
  }

  bytes(part: Part, name: string): Buffer | undefined {
    const inline = text(part, `${name}-data`);
    if (inline !== '') return Buffer.from(inline, 'base64');
    const path = text(part, name);
    return path === '' ? undefined : readBytes(this.#flagName, resolve(dirname(this.#file), path));
  }

  credentials(userName: string, user: Part): Credentials {
    if (user.exec !== undefined || user['auth-provider'] !== undefined) {
      this.fail(`user "${userName}" wants a plugin; use a certificate, a token or a password`);
    }
    const token =
      text(user, 'token') || tokenOf(this.#flagName, this.#file, text(user, 'tokenFile'));
    return {
      cert: this.bytes(user, 'client-certificate'),
      key: this.bytes(user, 'client-key'),
      headers: headersOf(user, token),
    };
  }
}

function tokenOf(flagName: string, file: string, path: string): string {
  if (path === '') return '';
  return readBytes(flagName, resolve(dirname(file), path))
    .toString('utf8')
    .trim();
}

function headersOf(user: Part, token: string): Record<string, string> {
  if (token !== '') return { authorization: `Bearer ${token}` };
  const name = text(user, 'username');
  if (name === '') return {};
  const pair = Buffer.from(`${name}:${text(user, 'password')}`).toString('base64');
  return { authorization: `Basic ${pair}` };
}

function readBytes(flagName: string, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`${flagName}: cannot read ${file}: ${errorMessage(error)}`);
  }
}
