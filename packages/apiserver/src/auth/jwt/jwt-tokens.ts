/** Tokens of one configured issuer: whom they name, by claims or expressions, and by which rules they are refused. */
import { createRequire } from 'node:module';
import type { Clock, Logger } from '@kubets/platform';
import { errorMessage } from '@kubets/platform';
import type { OutboundClient } from '../../outbound/http.ts';
import type { UserInfo } from '../../ports.ts';
import { EXTRA_KEYS } from '../identity.ts';
import type { TokenAuthenticator } from '../token-authenticator.ts';
import { DistributedClaims } from './distributed-claims.ts';
import type { AuthExpression, Claims } from './expressions.ts';
import { Issuer, untrustedIssuer } from './issuer.ts';
import { TokenRefused } from './refused.ts';
import type { CompiledJwt, JwtExpressions } from './validate.ts';

export interface JwtTokensOptions extends CompiledJwt {
  readonly algorithms: readonly string[];
  readonly client: Pick<OutboundClient, 'ask'>;
  /** Is told how long a token of this issuer took, and whether it was a good one. */
  readonly observe?: (result: 'success' | 'failure', seconds: number) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

const MS_PER_S = 1_000;

/** Loaded with the first expression of a configuration. */
const engine = (): typeof import('./expressions.ts') =>
  createRequire(import.meta.url)('./expressions.ts');

export class JwtTokens implements TokenAuthenticator {
  readonly #o: JwtTokensOptions;
  readonly #issuer: Issuer;
  readonly #distributed: DistributedClaims | undefined;

  constructor(options: JwtTokensOptions) {
    this.#o = options;
    const { settings, algorithms, client, clock, log } = options;
    const { url, discoveryURL: discoveryUrl, audiences } = settings.issuer;
    const common = { audiences, algorithms, client, clock, log };
    this.#issuer = new Issuer({ ...common, url, discoveryUrl });
    const { claim } = settings.claimMappings.groups;
    if (claim !== '') this.#distributed = new DistributedClaims({ ...common, claim });
  }

  /** Whether the issuer's keys are known; asks for them otherwise. */
  async isReady(): Promise<boolean> {
    await this.#issuer.prepare();
    return this.#issuer.isReady;
  }

  /** @throws TokenRefused for a token of this issuer that is not good */
  async user(token: string): Promise<UserInfo | undefined> {
    const { settings, clock, observe } = this.#o;
    if (untrustedIssuer(token) !== settings.issuer.url) return undefined;
    const startMs = clock.monotonicMs();
    const passed = (): number => (clock.monotonicMs() - startMs) / MS_PER_S;
    try {
      const user = await this.#user(token);
      observe?.('success', passed());
      return user;
    } catch (error) {
      observe?.('failure', passed());
      throw error;
    }
  }

  async #user(token: string): Promise<UserInfo> {
    const { settings, expressions } = this.#o;
    const verified = await this.#issuer.verify(token);
    const claims = this.#distributed ? await this.#distributed.expand(verified) : verified;
    const value = usesClaims(expressions) ? engine().claimsValue(claims) : undefined;
    const user: UserInfo = {
      name: nameOf({ claims, value }, this.#o),
      groups: groupsOf({ claims, value }, this.#o),
      uid: uidOf({ claims, value }, this.#o),
      extra: extraOf({ claims, value }, expressions),
    };
    for (const { claim, requiredValue } of settings.claimValidationRules) {
      if (claim !== '') requireClaim(claims, claim, requiredValue);
    }
    checkRules(expressions.claimRules, value, 'claim validation expression');
    if (expressions.userRules.length > 0) {
      checkRules(expressions.userRules, engine().userValue(user), 'user info validation rule');
    }
    return user;
  }
}

/** Claims, and as expressions see them. */
interface Given {
  readonly claims: Claims;
  readonly value: unknown;
}

const usesClaims = (e: JwtExpressions): boolean =>
  (e.username ?? e.groups ?? e.uid) !== undefined || e.extra.length > 0 || e.claimRules.length > 0;

/** @throws TokenRefused */
function evaluated<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const why = errorMessage(error);
    throw new TokenRefused(`oidc: error evaluating ${what}: ${why}`, { cause: error });
  }
}

function textOf(expression: AuthExpression, value: unknown, what: string): string {
  return evaluated(`${what} claim expression`, () => {
    const found = expression.evaluate(value);
    if (typeof found === 'string') return found;
    throw new TokenRefused(`${what} claim expression must return a string`);
  });
}

/** A claim that has to be a text. @throws TokenRefused */
function textClaim(claims: Claims, claim: string, what: string): string {
  const why = Object.hasOwn(claims, claim)
    ? mismatch(claims[claim], 'string')
    : 'claim not present';
  const value = claims[claim];
  // What is null is read as an empty text, as the stock server does.
  if (value === null) return '';
  if (typeof value === 'string') return value;
  throw new TokenRefused(`oidc: ${what}: ${why}`);
}

/** Of a JSON value where another type is wanted, in the stock server's words. */
function mismatch(value: unknown, want: string): string {
  const kind = Array.isArray(value)
    ? 'array'
    : (({ boolean: 'bool' } as Readonly<Record<string, string>>)[typeof value] ?? typeof value);
  return `json: cannot unmarshal ${kind} into Go value of type ${want}`;
}

function nameOf({ claims, value }: Given, { settings, expressions }: JwtTokensOptions): string {
  if (expressions.username !== undefined) return textOf(expressions.username, value, 'username');
  const { claim, prefix = '' } = settings.claimMappings.username;
  const name = textClaim(claims, claim, `parse username claims ${JSON.stringify(claim)}`);
  // Whoever can register an address without proving that it is theirs must not be taken for its owner.
  if (claim === 'email' && Object.hasOwn(claims, 'email_verified')) {
    const verified = claims.email_verified;
    if (typeof verified !== 'boolean' && verified !== null) {
      const why = mismatch(verified, 'bool');
      throw new TokenRefused(`oidc: parse 'email_verified' claim: ${why}`);
    }
    if (verified !== true) throw new TokenRefused('oidc: email not verified');
  }
  return `${prefix}${name}`;
}

function groupsOf({ claims, value }: Given, { settings, expressions }: JwtTokensOptions): string[] {
  const { claim, prefix = '' } = settings.claimMappings.groups;
  if (claim !== '' && Object.hasOwn(claims, claim)) {
    return claimedGroups(claims, claim).map((group) => `${prefix}${group}`);
  }
  const { groups } = expressions;
  if (groups === undefined) return [];
  return evaluated('group claim expression', () => engine().textsOf(groups.evaluate(value)));
}

function claimedGroups(claims: Claims, claim: string): string[] {
  const value = claims[claim];
  if (value === null) return [];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  const why = mismatch(value, 'string');
  throw new TokenRefused(`oidc: parse groups claim ${JSON.stringify(claim)}: ${why}`);
}

function uidOf({ claims, value }: Given, { settings, expressions }: JwtTokensOptions): string {
  const { claim } = settings.claimMappings.uid;
  if (claim !== '') return textClaim(claims, claim, `parse uid claim ${JSON.stringify(claim)}`);
  return expressions.uid === undefined ? '' : textOf(expressions.uid, value, 'uid');
}

function extraOf({ claims, value }: Given, { extra }: JwtExpressions): Record<string, string[]> {
  const { jti } = claims;
  const found: Record<string, string[]> =
    typeof jti === 'string' && jti !== '' ? { [EXTRA_KEYS.credentialId]: [`JTI=${jti}`] } : {};
  for (const { key, value: expression } of extra) {
    const texts = evaluated(`extra claim expression: ${expression.source}`, () =>
      engine().textsOf(expression.evaluate(value)),
    );
    if (texts.length > 0) found[key] = texts;
  }
  return found;
}

function requireClaim(claims: Claims, claim: string, want: string): void {
  if (!Object.hasOwn(claims, claim)) {
    throw new TokenRefused(`oidc: required claim ${claim} not present in ID token`);
  }
  const value = textClaim(claims, claim, `parse claim ${claim}`);
  if (value === want) return;
  const why = `value does not match. Got = ${value}, want = ${want}`;
  throw new TokenRefused(`oidc: required claim ${claim} ${why}`);
}

function checkRules(rules: JwtExpressions['claimRules'], value: unknown, what: string): void {
  for (const { rule, message } of rules) {
    evaluated(what, () => {
      if (rule.evaluate(value) === true) return;
      throw new TokenRefused(`validation expression '${rule.source}' failed: ${message}`);
    });
  }
}
