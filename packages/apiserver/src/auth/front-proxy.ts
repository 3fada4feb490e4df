/** Requests that a trusted proxy hands on: it shows a certificate of its own and says in headers whom it speaks for. */
import type { IncomingHttpHeaders } from 'node:http';
import { getOwn, setOwn } from '@kubets/api';
import type { Credentials, UserInfo } from '../ports.ts';

export interface FrontProxyOptions {
  /** Common names of proxies; empty: every certificate of the proxies' CA. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraPrefixes: readonly string[];
}

/** The user a proxy speaks for; undefined when no proxy speaks, or it names nobody. */
export function proxiedUser(credentials: Credentials, o: FrontProxyOptions): UserInfo | undefined {
  const { proxy, headers } = credentials;
  if (!proxy || !headers) return undefined;
  if (o.allowedNames.length > 0 && !o.allowedNames.includes(proxy.commonName)) return undefined;
  const name = first(headers, o.usernameHeaders);
  if (name === '') return undefined;
  return {
    name,
    uid: first(headers, o.uidHeaders),
    groups: o.groupHeaders.flatMap((header) => valuesOf(headers, header)),
    extra: extraOf(headers, o.extraPrefixes),
  };
}

function valuesOf(headers: IncomingHttpHeaders, name: string): string[] {
  const value = headers[name.toLowerCase()];
  if (value === undefined) return [];
  const all = Array.isArray(value) ? value : [value];
  return all.filter((one) => one !== '');
}

function first(headers: IncomingHttpHeaders, names: readonly string[]): string {
  for (const name of names) {
    const value = headers[name.toLowerCase()];
    const one = (Array.isArray(value) ? value[0] : value) ?? '';
    if (one !== '') return one;
  }
  return '';
}

function extraOf(
  headers: IncomingHttpHeaders,
  prefixes: readonly string[],
): Record<string, string[]> {
  const extra: Record<string, string[]> = {};
  for (const prefix of prefixes.map((one) => one.toLowerCase())) {
    for (const name of Object.keys(headers)) {
      if (!name.startsWith(prefix)) continue;
      const key = unescapeKey(name.slice(prefix.length));
      setOwn(extra, key, [...(getOwn(extra, key) ?? []), ...valuesOf(headers, name)]);
    }
  }
  return extra;
}

function unescapeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    // A key that is no percent-encoding stands for itself.
    return key;
  }
}
