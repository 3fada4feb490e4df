/** ID tokens of an OpenID Connect provider. Its keys are found by discovery, kept, and asked for anew when one is unknown. */
import { isJsonObject } from '@kubets/api';
import { type Clock, errorMessage, type Logger } from '@kubets/platform';
import { createLocalJWKSet, decodeJwt, errors, type JSONWebKeySet, jwtVerify } from 'jose';
import { LIMITS } from '../edge-limits.ts';
import type { OutboundClient } from '../outbound/http.ts';
import type { UserInfo } from '../ports.ts';
import { EXTRA_KEYS } from './identity.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';

export interface OidcOptions {
  readonly issuer: string;
  readonly clientId: string;
  readonly usernameClaim: string;
  readonly usernamePrefix: string;
  readonly groupsClaim: string;
  readonly groupsPrefix: string;
  /** Claims a token must have, with their values. */
  readonly required: Readonly<Record<string, string>>;
  readonly algorithms: readonly string[];
  readonly client: Pick<OutboundClient, 'ask'>;
  readonly clock: Clock;
  readonly log: Logger;
}

type KeySet = ReturnType<typeof createLocalJWKSet>;
type Claims = Readonly<Record<string, unknown>>;

/** A token of this issuer that is not as it should be. */
class ClaimError extends Error {
  override readonly name = 'ClaimError';
}

export class OidcTokens implements TokenAuthenticator {
  readonly #o: OidcOptions;
  #keys: KeySet | undefined;
  #refreshing: Promise<void> | undefined;
  #triedMs = Number.NEGATIVE_INFINITY;

  constructor(options: OidcOptions) {
    this.#o = options;
  }

  async user(token: string): Promise<UserInfo | undefined> {
    if (!this.#isOurs(token)) return undefined;
    try {
      return userOf(await this.#verify(token), this.#o);
    } catch (error) {
      if (!(error instanceof errors.JOSEError || error instanceof ClaimError)) throw error;
      this.#o.log.debug({ reason: errorMessage(error) }, 'an ID token was refused');
      return undefined;
    }
  }

  #isOurs(token: string): boolean {
    try {
      return decodeJwt(token).iss === this.#o.issuer;
    } catch {
      // No JSON Web Token: not of any issuer.
      return false;
    }
  }

  async #verify(token: string): Promise<Claims> {
    if (this.#keys === undefined) await this.#refresh();
    try {
      return await this.#check(token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await this.#refresh();
    return this.#check(token);
  }

  async #check(token: string): Promise<Claims> {
    const { issuer, clientId, algorithms, clock } = this.#o;
    if (this.#keys === undefined) throw new ClaimError('the keys of the issuer are not known yet');
    const { payload } = await jwtVerify(token, this.#keys, {
      issuer,
      audience: clientId,
      algorithms: [...algorithms],
      currentDate: new Date(clock.now()),
      requiredClaims: ['exp'],
    });
    return payload;
  }

  /** Asks for the keys, once for all who wait and not too often: tokens with made-up keys cost the issuer little. */
  #refresh(): Promise<void> {
    const { clock } = this.#o;
    const nowMs = clock.monotonicMs();
    if (this.#refreshing) return this.#refreshing;
    if (nowMs - this.#triedMs < LIMITS.oidcRefreshMs) return Promise.resolve();
    this.#triedMs = nowMs;
    this.#refreshing = this.#fetch().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #fetch(): Promise<void> {
    const { issuer, log } = this.#o;
    try {
      const base = issuer.replace(/\/$/, '');
      const found = await this.#json(new URL(`${base}/.well-known/openid-configuration`));
      if (found.issuer !== issuer) {
        throw new Error(`the provider calls itself ${String(found.issuer)}, not ${issuer}`);
      }
      const keys = await this.#json(new URL(String(found.jwks_uri)));
      this.#keys = createLocalJWKSet(keys as unknown as JSONWebKeySet);
    } catch (error) {
      log.error({ issuer, err: error }, 'the identity provider gives no keys');
    }
  }

  async #json(url: URL): Promise<Claims> {
    const timeoutMs = LIMITS.webhookTimeoutMs;
    const value: unknown = JSON.parse(await this.#o.client.ask({ method: 'GET', url, timeoutMs }));
    if (!isJsonObject(value)) throw new Error(`${url.href} is no object`);
    return value;
  }
}

function userOf(claims: Claims, o: OidcOptions): UserInfo {
  for (const [name, value] of Object.entries(o.required)) {
    if (claims[name] !== value) throw new ClaimError(`required claim ${name} is not ${value}`);
  }
  const name = claims[o.usernameClaim];
  if (typeof name !== 'string') throw new ClaimError(`the claim ${o.usernameClaim} is missing`);
  // Whoever can register an address without proving that it is theirs must not be taken for its owner.
  const verified = claims.email_verified;
  if (o.usernameClaim === 'email' && verified !== undefined && verified !== true) {
    throw new ClaimError('the email address is not verified');
  }
  const { jti } = claims;
  return {
    name: `${o.usernamePrefix}${name}`,
    uid: '',
    groups: groupsOf(claims, o).map((group) => `${o.groupsPrefix}${group}`),
    extra: typeof jti === 'string' ? { [EXTRA_KEYS.credentialId]: [`JTI=${jti}`] } : {},
  };
}

function groupsOf(claims: Claims, o: OidcOptions): string[] {
  const value = o.groupsClaim === '' ? undefined : claims[o.groupsClaim];
  if (value === undefined) return [];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw new ClaimError(`the claim ${o.groupsClaim} is neither a text nor a list of texts`);
}
