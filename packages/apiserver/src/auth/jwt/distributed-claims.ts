/**
 * Claims that a token does not hold, but says where they are: in another token, which an endpoint gives (OpenID Connect Core 1.0,
 * section 5.6.2). Only the claim that names groups is looked for there.
 */
import { isJsonObject } from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import type { Claims } from './expressions.ts';
import { Issuer, type IssuerOptions, untrustedIssuer } from './issuer.ts';
import { TokenRefused } from './refused.ts';

export type DistributedClaimsOptions = Omit<IssuerOptions, 'url'> & {
  /** The claim that may lie elsewhere. */
  readonly claim: string;
};

interface Endpoint {
  readonly url: string;
  readonly accessToken: string;
}

export class DistributedClaims {
  readonly #o: DistributedClaimsOptions;
  /** Issuers of what endpoints have given, by their names. */
  readonly #issuers = new Map<string, Issuer>();

  constructor(options: DistributedClaimsOptions) {
    this.#o = options;
  }

  /** The claims with the one that lay elsewhere. @throws TokenRefused */
  async expand(claims: Claims): Promise<Claims> {
    const endpoint = endpointOf(claims, this.#o.claim);
    if (endpoint === undefined) return claims;
    try {
      return { ...claims, [this.#o.claim]: await this.#resolve(endpoint) };
    } catch (error) {
      const why = errorMessage(error);
      throw new TokenRefused(`oidc: could not expand distributed claims: ${why}`, { cause: error });
    }
  }

  async #resolve({ url, accessToken }: Endpoint): Promise<unknown> {
    const { claim } = this.#o;
    const token = await this.#ask(url, accessToken);
    const name = untrustedIssuer(token);
    if (name === undefined) {
      const why = `getting untrusted issuer from endpoint ${url} failed for claim ${JSON.stringify(claim)}`;
      throw new TokenRefused(`${why}: malformed token`);
    }
    const issuer = this.#issuer(name);
    await issuer.prepare();
    if (!issuer.isReady) {
      const why = `verifier not initialized for issuer: ${JSON.stringify(name)}`;
      throw new TokenRefused(`verifying untrusted issuer ${name} failed: ${why}`);
    }
    const found = await issuer.verify(token).catch((error: unknown) => {
      const why = errorMessage(error).replace(/^oidc: verify token: /, '');
      throw new TokenRefused(`verify distributed claim token: ${why}`, { cause: error });
    });
    if (Object.hasOwn(found, claim)) return found[claim];
    const where = `jwt returned by distributed claim endpoint ${JSON.stringify(url)}`;
    throw new TokenRefused(`${where} did not contain claim: ${claim}`);
  }

  async #ask(url: string, accessToken: string): Promise<string> {
    const { client, claim } = this.#o;
    const failed = (why: string): TokenRefused =>
      new TokenRefused(`while getting distributed claim ${JSON.stringify(claim)}: ${why}`);
    if (!URL.canParse(url)) throw failed(`while calling ${url}: this is no URL`);
    const timeoutMs = LIMITS.webhookTimeoutMs;
    const headers = accessToken === '' ? {} : { authorization: `Bearer ${accessToken}` };
    try {
      return await client.ask({ method: 'GET', url: new URL(url), timeoutMs, headers });
    } catch (error) {
      throw failed(errorMessage(error));
    }
  }

  #issuer(url: string): Issuer {
    const known = this.#issuers.get(url);
    if (known !== undefined) return known;
    if (this.#issuers.size >= LIMITS.claimIssuers) {
      const [oldest] = this.#issuers.keys();
      if (oldest !== undefined) this.#issuers.delete(oldest);
    }
    const { claim: _claim, ...options } = this.#o;
    const made = new Issuer({ ...options, url });
    this.#issuers.set(url, made);
    return made;
  }
}

/** Where a claim is to be had; undefined when it is here, or nowhere. @throws TokenRefused for names without sources */
function endpointOf(claims: Claims, claim: string): Endpoint | undefined {
  const { _claim_names: names, _claim_sources: sources } = claims;
  if (Object.hasOwn(claims, claim) || names === undefined) return undefined;
  const failed = (why: string): TokenRefused =>
    new TokenRefused(`oidc: could not expand distributed claims: ${why}`);
  if (!isJsonObject(names)) throw failed('oidc: error parsing distributed claim names');
  if (sources === undefined) throw failed('oidc: no claim sources');
  if (!isJsonObject(sources)) throw failed('oidc: could not parse claim sources');
  const source = names[claim];
  if (typeof source !== 'string') return undefined;
  const endpoint = Object.hasOwn(sources, source) ? sources[source] : undefined;
  if (!isJsonObject(endpoint)) {
    throw failed(`id token _claim_names contained a source ${source} missing in _claims_sources`);
  }
  const { endpoint: url, access_token: accessToken } = endpoint;
  // Claims that are in the token itself, signed by somebody else, are not taken.
  if (typeof url !== 'string' || url === '') return undefined;
  return { url, accessToken: typeof accessToken === 'string' ? accessToken : '' };
}
