/** Bootstrap tokens and what is signed with them. Pure; names and forms are the API's own. */
import { createHmac } from 'node:crypto';
import type { ConfigMap, Secret } from '@kubets/api';
import { nameOf, parseTime } from '../objects/meta.ts';

export const TOKEN_SECRET_TYPE = 'bootstrap.kubernetes.io/token';
export const TOKEN_NAMESPACE = 'kube-system';
const SECRET_PREFIX = 'bootstrap-token-';
export const JWS_PREFIX = 'jws-kubeconfig-';
const KUBECONFIG = 'kubeconfig';

const field = (secret: Secret, key: string): string =>
  Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');

/** When a token ends, in epoch milliseconds; undefined: never. A time nobody can read has passed. */
export function expiryOf(secret: Secret): number | undefined {
  const text = field(secret, 'expiration');
  return text === '' ? undefined : parseTime(text);
}

export function hasExpired(secret: Secret, nowMs: number): boolean {
  const endMs = expiryOf(secret);
  return endMs !== undefined && endMs <= nowMs;
}

/** A token that may vouch for the cluster's public facts. */
export interface SigningToken {
  readonly id: string;
  readonly secret: string;
}

/** The token a Secret holds, if it is whole, in date, and meant for signing. */
export function signingToken(secret: Secret, nowMs: number): SigningToken | undefined {
  const id = field(secret, 'token-id');
  const word = field(secret, 'token-secret');
  const whole = /^[a-z0-9]{6}$/.test(id) && /^[a-z0-9]{16}$/.test(word);
  if (secret.type !== TOKEN_SECRET_TYPE || !whole) return undefined;
  if (nameOf(secret) !== `${SECRET_PREFIX}${id}` || hasExpired(secret, nowMs)) return undefined;
  if (field(secret, 'usage-bootstrap-signing') !== 'true') return undefined;
  return { id, secret: word };
}

/** A detached JWS (RFC 7515 appendix F), HS256, the token's id as key id. */
export function detachedSignature(content: string, token: SigningToken): string {
  const encode = (text: string): string => Buffer.from(text).toString('base64url');
  const header = encode(JSON.stringify({ alg: 'HS256', kid: token.id }));
  const hmac = createHmac('sha256', token.secret).update(`${header}.${encode(content)}`);
  return `${header}..${hmac.digest('base64url')}`;
}

/** The public facts with a signature of every token and none of tokens that are gone; undefined: as they are now. */
export function signedFacts(
  map: ConfigMap,
  tokens: readonly SigningToken[],
): ConfigMap | undefined {
  const { data = {} } = map;
  const content = data[KUBECONFIG];
  if (content === undefined) return undefined;
  const kept = Object.entries(data).filter(([key]) => !key.startsWith(JWS_PREFIX));
  const signatures = tokens.map((token): [string, string] => [
    `${JWS_PREFIX}${token.id}`,
    detachedSignature(content, token),
  ]);
  const next = Object.fromEntries([...kept, ...signatures]);
  const same =
    Object.keys(next).length === Object.keys(data).length &&
    Object.entries(next).every(([key, value]) => data[key] === value);
  return same ? undefined : { ...map, data: next };
}
