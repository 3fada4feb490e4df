/** What a joining host brings: a token, the hash of the authority's key, for masters a key to their secrets. Pure. */
import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import type { Secret } from '@kubets/api';
import { ConfigError } from '@kubets/platform';

export const TOKEN_TYPE = 'bootstrap.kubernetes.io/token';
export const SYSTEM = 'kube-system';
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz0123456789';
const ID_CHARS = 6;
const SECRET_CHARS = 16;

export interface Token {
  readonly id: string;
  readonly secret: string;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

/** @param bytes random; letters are picked without favour by skipping what does not divide evenly */
export function newToken(bytes: (count: number) => Buffer): Token {
  const usable = 256 - (256 % ALPHABET.length);
  const word = (length: number): string => {
    let text = '';
    while (text.length < length) {
      for (const byte of bytes(length)) {
        if (byte < usable && text.length < length) text += ALPHABET[byte % ALPHABET.length];
      }
    }
    return text;
  };
  return { id: word(ID_CHARS), secret: word(SECRET_CHARS) };
}

export const tokenText = ({ id, secret }: Token): string => `${id}.${secret}`;

/** @throws ConfigError */
export function parseToken(text: string): Token {
  const match = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(text.trim());
  if (match === null) {
    throw new ConfigError(
      'the token is not like abcdef.0123456789abcdef; copy it from "kubets token create" on a master',
    );
  }
  return { id: match[1] ?? '', secret: match[2] ?? '' };
}

/** The Secret the API keeps a token in. */
export function tokenSecret(
  token: Token,
  o: { readonly expiresAtMs: number | undefined; readonly description: string },
): Secret {
  const facts: Record<string, string> = {
    'token-id': token.id,
    'token-secret': token.secret,
    description: o.description,
    'usage-bootstrap-authentication': 'true',
    'usage-bootstrap-signing': 'true',
    'auth-extra-groups': 'system:bootstrappers:kubets:default-node-token',
  };
  if (o.expiresAtMs !== undefined) facts.expiration = rfc3339(o.expiresAtMs);
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: TOKEN_TYPE,
    metadata: { name: `bootstrap-token-${token.id}`, namespace: SYSTEM },
    data: Object.fromEntries(Object.entries(facts).map(([key, value]) => [key, base64(value)])),
  };
}

export const rfc3339 = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;

const macOf = (header: string, content: string, token: Token): Buffer => {
  const body = Buffer.from(content).toString('base64url');
  return createHmac('sha256', token.secret).update(`${header}.${body}`).digest();
};

/** What tells whoever knows the token that `cluster-info` is the cluster's own: a detached JWS (RFC 7515 appendix F, HS256). */
export function signatureOf(content: string, token: Token): string {
  const header = Buffer.from(JSON.stringify({ alg: 'HS256', kid: token.id })).toString('base64url');
  return `${header}..${macOf(header, content, token).toString('base64url')}`;
}

/** Whether `cluster-info` was signed by somebody who knows the token, see {@link signatureOf}. */
export function signatureFits(content: string, signature: string | undefined, token: Token) {
  const [header = '', payload, mac = ''] = (signature ?? '').split('.');
  if (payload !== '') return false;
  const wanted = macOf(header, content, token);
  const given = Buffer.from(mac, 'base64url');
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

/** Where `cluster-info` keeps the signature of a token. */
export const signatureKey = ({ id }: Token): string => `jws-kubeconfig-${id}`;

const KEY_HEX = /^[0-9a-f]{64}$/;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @throws ConfigError */
export function parseCertificateKey(text: string): Buffer {
  if (KEY_HEX.test(text)) return Buffer.from(text, 'hex');
  throw new ConfigError(
    'the certificate key is not 64 hexadecimal digits; copy it from "kubets certs upload" on a master',
  );
}

/** AES-256-GCM: nonce, text, tag; base64. */
export function seal(text: string, key: Buffer, nonce: Buffer): string {
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  const sealed = Buffer.concat([cipher.update(text), cipher.final()]);
  return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString('base64');
}

/** @throws ConfigError when the key is another one */
export function unseal(sealed: string, key: Buffer): string {
  const bytes = Buffer.from(sealed, 'base64');
  const cipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, NONCE_BYTES));
  cipher.setAuthTag(bytes.subarray(bytes.length - TAG_BYTES));
  try {
    const text = cipher.update(bytes.subarray(NONCE_BYTES, bytes.length - TAG_BYTES));
    return Buffer.concat([text, cipher.final()]).toString('utf8');
  } catch {
    throw new ConfigError(
      'the certificate key does not open the cluster’s secrets; "kubets certs upload" on a master makes a new one',
    );
  }
}

export const nonceBytes = NONCE_BYTES;
