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

/** @throws ConfigError naming what the file lacks */
export function loadKubeconfig(flagName: string, file: string): OutboundTarget {
  const config = readYamlFile(flagName, file);
  const fail = (what: string): never => {
    throw new ConfigError(`${flagName}: ${file}: ${what}`);
  };
  const named = (list: string, kind: string, name: string): Part => {
    const all = Array.isArray(config[list]) ? (config[list] as unknown[]) : [];
    const found = all.filter(isJsonObject).find((one) => one.name === name);
    const part = found?.[kind];
    return isJsonObject(part) ? part : fail(`there is no ${kind} "${name}"`);
  };
  const context = named('contexts', 'context', text(config, 'current-context'));
  const cluster = named('clusters', 'cluster', text(context, 'cluster'));
  const userName = text(context, 'user');
  const user = userName === '' ? {} : named('users', 'user', userName);
  if (user.exec !== undefined || user['auth-provider'] !== undefined) {
    fail(`user "${userName}" wants a plugin; use a certificate, a token or a password`);
  }
  const server = text(cluster, 'server');
  if (!URL.canParse(server)) fail(`the server "${server}" is no URL`);
  const bytes = (part: Part, name: string): Buffer | undefined => {
    const inline = text(part, `${name}-data`);
    if (inline !== '') return Buffer.from(inline, 'base64');
    const path = text(part, name);
    return path === '' ? undefined : readBytes(flagName, resolve(dirname(file), path));
  };
  const token = text(user, 'token') || tokenOf(flagName, file, text(user, 'tokenFile'));
  return {
    url: new URL(server),
    ca: bytes(cluster, 'certificate-authority'),
    cert: bytes(user, 'client-certificate'),
    key: bytes(user, 'client-key'),
    servername: text(cluster, 'tls-server-name') || undefined,
    insecure: cluster['insecure-skip-tls-verify'] === true,
    headers: headersOf(user, token),
  };
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
