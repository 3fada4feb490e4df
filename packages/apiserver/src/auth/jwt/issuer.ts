/** An issuer of tokens: its keys, found by discovery and kept, and what makes a token of its a good one. */
import { isJsonObject } from '@kubets/api';
import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import {
  compactVerify,
  createLocalJWKSet,
  decodeProtectedHeader,
  errors,
  type JSONWebKeySet,
} from 'jose';
import { LIMITS } from '../../edge-limits.ts';
import type { OutboundClient } from '../../outbound/http.ts';
import type { Claims } from './expressions.ts';
import { TokenRefused } from './refused.ts';

export interface IssuerOptions {
  /** What tokens call it. */
  readonly url: string;
  /** Where it describes itself, if not where its name says. */
  readonly discoveryUrl?: string | undefined;
  /** A token has to be meant for one of them. */
  readonly audiences: readonly string[];
  readonly algorithms: readonly string[];
  readonly client: Pick<OutboundClient, 'ask'>;
  readonly clock: Clock;
  readonly log: Logger;
}

const WELL_KNOWN = '/.well-known/openid-configuration';
const GOOGLE = 'https://accounts.google.com';

/** The issuer a token names, which may be a lie; undefined for what is no token of this sort. */
export function untrustedIssuer(token: string): string | undefined {
  const parts = token.split('.');
  if (parts.length !== 3) return undefined;
  const { iss } = claimsIn(Buffer.from(parts[1] ?? '', 'base64url')) ?? {};
  if (iss === 'accounts.google.com') return GOOGLE;
  return typeof iss === 'string' ? iss : undefined;
}

function claimsIn(payload: Uint8Array): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(payload).toString('utf8'));
    return isJsonObject(value) ? value : undefined;
  } catch {
    // No JSON: no token either.
    return undefined;
  }
}

type KeySet = ReturnType<typeof createLocalJWKSet>;

export class Issuer {
  readonly #o: IssuerOptions;
  #keys: KeySet | undefined;
  #keysUrl: URL | undefined;
  #refreshing: Promise<void> | undefined;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(options: IssuerOptions) {
    this.#o = options;
  }

  /** Whether its keys are known. */
  get isReady(): boolean {
    return this.#keys !== undefined;
  }

  /** Asks for the keys if they are not known and it was not asked a moment ago. Never rejects. */
  prepare(): Promise<void> {
    return this.isReady ? Promise.resolve() : this.#refresh();
  }

  /** The claims of a good token. @throws TokenRefused */
  async verify(token: string): Promise<Claims> {
    await this.prepare();
    if (!this.isReady) throw new TokenRefused('oidc: authenticator not initialized');
    try {
      return await this.#verified(token);
    } catch (error) {
      throw new TokenRefused(`oidc: verify token: ${errorMessage(error)}`, { cause: error });
    }
  }

  async #verified(token: string): Promise<Claims> {
    const claims = claimsIn(Buffer.from(token.split('.')[1] ?? '', 'base64url'));
    if (claims === undefined) throw new TokenRefused('oidc: malformed jwt');
    this.#checkClaims(claims);
    const { algorithms } = this.#o;
    const { alg = '' } = decodeProtectedHeader(token);
    if (!algorithms.includes(alg)) {
      const want = `[${algorithms.map((one) => JSON.stringify(one)).join(' ')}]`;
      const why = `expected ${want} got ${JSON.stringify(alg)}`;
      throw new TokenRefused(`oidc: id token signed with unsupported algorithm, ${why}`);
    }
    if (!(await this.#isSigned(token))) {
      // The issuer may have new keys.
      await this.#refresh();
      if (!(await this.#isSigned(token))) throw new TokenRefused(UNSIGNED);
    }
    return claims;
  }

  async #isSigned(token: string): Promise<boolean> {
    if (this.#keys === undefined) return false;
    try {
      await compactVerify(token, this.#keys, { algorithms: [...this.#o.algorithms] });
      return true;
    } catch (error) {
      if (error instanceof errors.JWKSMultipleMatchingKeys)
        return this.#isSignedByAny(error, token);
      if (error instanceof errors.JOSEError) return false;
      throw error;
    }
  }

  /** A token that names no key may be signed with any of the issuer's. */
  async #isSignedByAny(keys: errors.JWKSMultipleMatchingKeys, token: string): Promise<boolean> {
    for await (const key of keys) {
      try {
        await compactVerify(token, key, { algorithms: [...this.#o.algorithms] });
        return true;
      } catch (error) {
        if (!(error instanceof errors.JWSSignatureVerificationFailed)) throw error;
      }
    }
    return false;
  }

  #checkClaims(claims: Claims): void {
    const { url, audiences, clock } = this.#o;
    const nowSeconds = clock.now() / 1_000;
    const issuer = claims.iss === 'accounts.google.com' ? GOOGLE : claims.iss;
    if (issuer !== url) {
      const why = `expected ${JSON.stringify(url)} got ${JSON.stringify(issuer)}`;
      throw new TokenRefused(`oidc: id token issued by a different provider, ${why}`);
    }
    const { aud = [] } = claims;
    const given = (Array.isArray(aud) ? aud : [aud]).map(String);
    if (!given.some((one) => audiences.includes(one))) {
      const [first = ''] = audiences;
      const want = audiences.length === 1 ? JSON.stringify(first) : quoted(audiences.toSorted());
      const preposition = audiences.length === 1 ? '' : 'in ';
      throw new TokenRefused(`oidc: expected audience ${preposition}${want} got ${quoted(given)}`);
    }
    const exp = typeof claims.exp === 'number' ? claims.exp : 0;
    if (exp < nowSeconds) {
      throw new TokenRefused(`oidc: token is expired (Token Expiry: ${goTime(exp)})`);
    }
    if (typeof claims.nbf === 'number' && nowSeconds + NOT_BEFORE_LEEWAY_SECONDS < claims.nbf) {
      const why = `before the nbf (not before) time: ${goTime(claims.nbf)}`;
      throw new TokenRefused(`oidc: current time ${goTime(nowSeconds)} ${why}`);
    }
  }

  /** Asks for the keys, once for all who wait and not too often: tokens with made-up keys cost the issuer little. */
  #refresh(): Promise<void> {
    const nowMs = this.#o.clock.monotonicMs();
    if (this.#refreshing) return this.#refreshing;
    if (nowMs - this.#triedMs < LIMITS.oidcRefreshMs) return Promise.resolve();
    this.#triedMs = nowMs;
    this.#refreshing = this.#fetch().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #fetch(): Promise<void> {
    const { url, log } = this.#o;
    try {
      this.#keysUrl ??= await this.#discover();
      const keys = await this.#json(this.#keysUrl);
      this.#keys = createLocalJWKSet(keys as unknown as JSONWebKeySet);
    } catch (err) {
      log.error({ issuer: url, err }, 'the identity provider gives no keys');
    }
  }

  async #discover(): Promise<URL> {
    const { url, discoveryUrl } = this.#o;
    const found = await this.#json(
      new URL(discoveryUrl || `${url.replace(/\/$/, '')}${WELL_KNOWN}`),
    );
    if (found.issuer !== url) {
      throw new Error(`the provider calls itself ${String(found.issuer)}, not ${url}`);
    }
    return new URL(String(found.jwks_uri));
  }

  async #json(url: URL): Promise<Claims> {
    const timeoutMs = LIMITS.webhookTimeoutMs;
    const value: unknown = JSON.parse(await this.#o.client.ask({ method: 'GET', url, timeoutMs }));
    if (!isJsonObject(value)) throw new Error(`${url.href} is no object`);
    return value;
  }
}

const UNSIGNED = 'failed to verify signature: failed to verify id token signature';
const NOT_BEFORE_LEEWAY_SECONDS = 60;

const quoted = (list: readonly string[]): string =>
  `[${list.map((one) => JSON.stringify(one)).join(' ')}]`;

/** A time as the stock server's texts have it. */
const goTime = (seconds: number): string =>
  new Date(seconds * 1_000)
    .toISOString()
    .replace('T', ' ')
    .replace(/(\.\d+)?Z$/, ' +0000 UTC');
