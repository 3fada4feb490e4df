import { timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { unauthorized } from '@kubets/api';
import { type Clock, ConfigError, errorMessage, type Logger } from '@kubets/platform';
import type { Authenticator, Credentials, UserInfo } from '../ports.ts';
import { type FrontProxyOptions, proxiedUser } from './front-proxy.ts';
import { ANONYMOUS_USER, EXTRA_KEYS, withAuthenticated } from './identity.ts';
import { TokenRefused } from './jwt/refused.ts';
import type { VerifyingKey } from './keys.ts';
import { type BoundObjects, TokenVerifier, type VerifiedToken } from './service-account-tokens.ts';
import { type TokenAuthenticator, verifyToken } from './token-authenticator.ts';
import { parseTokenFile } from './token-file.ts';

/** What authentication needs to know. */
export interface AuthenticatorOptions {
  /** Let requests without credentials in, as `system:anonymous`. */
  readonly anonymousAuth: boolean;
  /** The only paths they are let in for; undefined: all. */
  readonly anonymousPaths?: readonly string[] | undefined;
  /** CSV file of static tokens, or none. */
  readonly tokenAuthFile?: string | undefined;
  readonly serviceAccount?:
    | {
        readonly keys: readonly VerifyingKey[];
        readonly issuer: string;
        /** Issuers whose tokens are still good. */
        readonly formerIssuers?: readonly string[];
        /** Audiences the API itself goes by; the issuers when empty. */
        readonly audiences: readonly string[];
      }
    | undefined;
  readonly objects: BoundObjects;
  readonly clock: Clock;
  /** Is told why tokens are refused. */
  readonly log?: Logger;
  /** Further kinds of tokens, asked in order after static and service-account tokens. */
  readonly tokens?: readonly TokenAuthenticator[];
  /** How proxies say whom they speak for. */
  readonly frontProxy?: FrontProxyOptions | undefined;
}

/** Authentication of requests, and of bare tokens for TokenReview. */
export interface EdgeAuthenticator extends Authenticator {
  /**
   * @param refusals takes what authenticators have against a token that is of their kind
   * @returns undefined when no authenticator takes the token for any of the audiences
   */
  authenticateToken(
    token: string,
    audiences: readonly string[],
    refusals?: string[],
  ): Promise<VerifiedToken | undefined>;
  readonly apiAudiences: readonly string[];
}

/**
 * What a front proxy says, then client certificate, then bearer token, then anonymous. A token that nobody takes is a 401,
 * not anonymous.
 */
export function createAuthenticator(o: AuthenticatorOptions): EdgeAuthenticator {
  const account = o.serviceAccount;
  const verifier = account && new TokenVerifier({ ...account, clock: o.clock, objects: o.objects });
  const apiAudiences = audiencesOf(account);

  const chain: readonly TokenAuthenticator[] = [
    staticTokens(o.tokenAuthFile),
    ...(verifier ? [verifier] : []),
    ...(o.tokens ?? []),
  ];

  async function authenticateToken(
    token: string,
    audiences: readonly string[],
    refusals: string[] = [],
  ): Promise<VerifiedToken | undefined> {
    for (const one of chain) {
      try {
        const verified = await verifyToken(one, token, { audiences, apiAudiences });
        if (verified) return { ...verified, user: withAuthenticated(verified.user) };
      } catch (error) {
        if (!(error instanceof TokenRefused)) throw error;
        refusals.push(error.message);
      }
    }
    return undefined;
  }

  const paths = o.anonymousPaths && new Set(o.anonymousPaths);
  const letsUnnamedIn = (path: string | undefined): boolean =>
    o.anonymousAuth && (paths === undefined || (path !== undefined && paths.has(path)));

  return {
    apiAudiences,
    authenticateToken,
    async authenticate(credentials) {
      const proxied = o.frontProxy && proxiedUser(credentials, o.frontProxy);
      if (proxied) return withAuthenticated(proxied);
      const byCertificate = fromCertificate(credentials.peer);
      if (byCertificate) return byCertificate;
      const token = bearerToken(credentials.authorization);
      if (token === undefined) return letsUnnamedIn(credentials.path) ? ANONYMOUS_USER : undefined;
      const refusals: string[] = [];
      const verified = await authenticateToken(token, apiAudiences, refusals);
      if (!verified) {
        if (refusals.length > 0) o.log?.debug({ refusals }, 'a token was refused');
        throw unauthorized();
      }
      return verified.user;
    },
  };
}

/** What the API goes by: what is configured, or else the issuers of its tokens. */
export function audiencesOf(account: AuthenticatorOptions['serviceAccount']): readonly string[] {
  if (account === undefined) return [];
  const { audiences, issuer, formerIssuers = [] } = account;
  return audiences.length > 0 ? audiences : [issuer, ...formerIssuers];
}

function fromCertificate(peer: Credentials['peer']): UserInfo | undefined {
  if (!peer?.commonName) return undefined;
  const { commonName: name, organizations: groups, fingerprint } = peer;
  const id = fingerprint && { [EXTRA_KEYS.credentialId]: [`X509SHA256=${fingerprint}`] };
  const user = { name, uid: '', groups, extra: { ...id } };
  return withAuthenticated(user);
}

/**
 * The token of a bearer header; undefined for other schemes, which count as no credential. So does a token after more than one
 * space, as in the stock server.
 */
export function bearerToken(header: string | undefined): string | undefined {
  const [scheme = '', token = ''] = (header ?? '').trim().split(' ', 2);
  return scheme.toLowerCase() === 'bearer' && token !== '' ? token : undefined;
}

function staticTokens(file: string | undefined): TokenAuthenticator {
  const users = loadStatic(file);
  return { user: (token) => Promise.resolve(findStatic(users, token)) };
}

function loadStatic(file: string | undefined): Map<string, UserInfo> {
  if (!file) return new Map();
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new ConfigError(`--token-auth-file: cannot read ${file}: ${errorMessage(cause)}`);
  }
  return parseTokenFile(text, file);
}

/** Compares with every token in constant time, so that timing tells nothing about their text. */
function findStatic(users: Map<string, UserInfo>, token: string): UserInfo | undefined {
  const given = Buffer.from(token);
  let found: UserInfo | undefined;
  for (const [known, user] of users) {
    const expected = Buffer.from(known);
    if (expected.length === given.length && timingSafeEqual(expected, given)) found = user;
  }
  return found;
}
