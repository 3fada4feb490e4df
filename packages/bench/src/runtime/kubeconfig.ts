/** The server and the user a kubeconfig's current context names. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { BenchError } from '../errors.ts';
import type { Access } from './rest.ts';

interface Named {
  readonly name?: string;
}
interface KubeConfig {
  readonly 'current-context'?: string;
  readonly contexts?: readonly (Named & { context?: { cluster?: string; user?: string } })[];
  readonly clusters?: readonly (Named & { cluster?: { server?: string } })[];
  readonly users?: readonly (Named & { user?: Readonly<Record<string, string>> })[];
}

/** @throws BenchError when it names no server, or a user without a token or a certificate in the file */
export function accessOf(file: string): Access {
  const config = parse(readFileSync(file, 'utf8')) as KubeConfig;
  const named = <T extends Named>(all: readonly T[] | undefined, name?: string): T | undefined =>
    all?.find((each) => each.name === name);
  const context = named(config.contexts, config['current-context'])?.context;
  const url = named(config.clusters, context?.cluster)?.cluster?.server;
  const user = named(config.users, context?.user)?.user ?? {};
  if (url === undefined) throw new BenchError(`${file} names no server`);
  if (user.token !== undefined) return { url, token: user.token };
  const { 'client-certificate-data': cert, 'client-key-data': key } = user;
  if (cert !== undefined && key !== undefined) {
    return { url, certificate: { cert: decoded(cert), key: decoded(key) } };
  }
  throw new BenchError(`${file}: the user needs a token, or a certificate in the file`);
}

const decoded = (base64: string): string => Buffer.from(base64, 'base64').toString('utf8');
