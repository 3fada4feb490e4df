/** What is wrong with an AuthenticationConfiguration, in the stock server's words, and its expressions compiled. */
import { X509Certificate } from 'node:crypto';
import { createRequire } from 'node:module';
import {
  aggregateText,
  type FieldError,
  fieldErrors,
  goQuote,
  validateDomainPath,
} from '@kubets/api';
import { ConfigError, errorMessage } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import type { AuthExpression } from './expressions.ts';
import { httpsUrlErrors } from './go-url.ts';
import type { AuthenticationSettings, JwtSettings } from './settings.ts';

const { invalid, required, duplicate, tooMany } = fieldErrors;

/** The expressions of one authenticator. */
export interface JwtExpressions {
  readonly username: AuthExpression | undefined;
  readonly groups: AuthExpression | undefined;
  readonly uid: AuthExpression | undefined;
  readonly extra: readonly { readonly key: string; readonly value: AuthExpression }[];
  readonly claimRules: readonly { readonly rule: AuthExpression; readonly message: string }[];
  readonly userRules: readonly { readonly rule: AuthExpression; readonly message: string }[];
}

/** An authenticator as it is configured, ready to be used. */
export interface CompiledJwt {
  readonly settings: JwtSettings;
  readonly expressions: JwtExpressions;
}

type Errors = FieldError[];
type Mapping = JwtSettings['claimMappings']['username'];

/**
 * Checks everything.
 * @param takenIssuers issuers of this server's own tokens, which no authenticator may have
 * @throws ConfigError that tells all that is wrong
 */
export function compileAuthentication(
  { jwt, anonymous }: AuthenticationSettings,
  takenIssuers: readonly string[],
): readonly CompiledJwt[] {
  if (jwt.length > LIMITS.jwtAuthenticators) {
    throw new ConfigError(tooMany('jwt', jwt.length, LIMITS.jwtAuthenticators).toString());
  }
  const errors: Errors = [];
  const issuers = new Set<string>();
  const discoveries = new Set<string>();
  const compiled = jwt.map((settings, i) => {
    const at = `jwt[${i}]`;
    const { url, discoveryURL } = settings.issuer;
    const made = new AuthenticatorCheck(errors, at).run(settings, takenIssuers);
    if (issuers.has(url)) errors.push(duplicate(`${at}.issuer.url`, url));
    issuers.add(url);
    if (discoveries.has(discoveryURL)) {
      errors.push(duplicate(`${at}.issuer.discoveryURL`, discoveryURL));
    }
    if (discoveryURL !== '') discoveries.add(discoveryURL);
    return { settings, expressions: made };
  });
  if (anonymous && !anonymous.enabled && anonymous.conditions.length > 0) {
    const why = 'enabled should be set to true when conditions are defined';
    const type = 'apiserver.AnonymousAuthCondition';
    const shown = anonymous.conditions.map(({ path }) => `${type}{Path:${goQuote(path)}}`);
    const value = new fieldErrors.GoText(`[]${type}{${shown.join(', ')}}`);
    errors.push(invalid('anonymous.conditions', value, why));
  }
  if (errors.length > 0) throw new ConfigError(aggregateText(errors));
  return compiled;
}

/** Loaded when an expression comes: the engine is not small. */
const engine = (): typeof import('./expressions.ts') =>
  createRequire(import.meta.url)('./expressions.ts');

const BOTH = "claim and expression can't both be set";
const NEITHER = 'claim or expression is required';
const NOT_WITH_EXPRESSION = 'may not be specified when expression is set';

class AuthenticatorCheck {
  readonly #errors: Errors;
  readonly #at: string;

  constructor(errors: Errors, at: string) {
    this.#errors = errors;
    this.#at = at;
  }

  run(settings: JwtSettings, takenIssuers: readonly string[]): JwtExpressions {
    const { claimMappings: mappings } = settings;
    checkIssuer(this.#errors, `${this.#at}.issuer`, settings.issuer, takenIssuers);
    const claimRules = this.#claimRules(settings.claimValidationRules);
    const path = `${this.#at}.claimMappings`;
    const username = this.#mapping(`${path}.username`, mappings.username, true);
    const groups = this.#mapping(`${path}.groups`, mappings.groups, false);
    const uid = this.#uid(`${path}.uid`, mappings.uid);
    const extra = this.#extra(`${path}.extra`, mappings.extra);
    const verified = [username, ...extra.map((one) => one.value), ...claimRules.map((r) => r.rule)];
    if (username?.usesClaim('email') && !verified.some((one) => one?.usesClaim('email_verified'))) {
      this.#errors.push(
        invalid(`${path}.username.expression`, mappings.username.expression, UNVERIFIED),
      );
    }
    const userRules = this.#userRules(settings.userValidationRules);
    return { username, groups, uid, extra, claimRules, userRules };
  }

  #compiled(at: string, source: string, make: () => AuthExpression): AuthExpression | undefined {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof Error) || error.name !== 'CompileError') throw error;
      this.#errors.push(invalid(at, source, error.message));
      return undefined;
    }
  }

  #claims(at: string, source: string, wanted: 'bool' | 'any'): AuthExpression | undefined {
    return this.#compiled(at, source, () => engine().claimsExpression(source, wanted));
  }

  #claimRules(rules: JwtSettings['claimValidationRules']): JwtExpressions['claimRules'] {
    const claims = new Set<string>();
    const sources = new Set<string>();
    return rules.flatMap(({ claim, requiredValue, expression, message }, i) => {
      const at = `${this.#at}.claimValidationRules[${i}]`;
      if (claim !== '' && expression !== '') this.#errors.push(invalid(at, claim, BOTH));
      else if (claim !== '') {
        if (message !== '') {
          const why = 'may not be specified when claim is set';
          this.#errors.push(invalid(`${at}.message`, message, why));
        }
        if (claims.has(claim)) this.#errors.push(duplicate(`${at}.claim`, claim));
        claims.add(claim);
      } else if (expression === '') this.#errors.push(required(at, NEITHER));
      else {
        if (requiredValue !== '') {
          this.#errors.push(invalid(`${at}.requiredValue`, requiredValue, NOT_WITH_EXPRESSION));
        }
        if (this.#isRepeated(sources, `${at}.expression`, expression)) return [];
        const rule = this.#claims(`${at}.expression`, expression, 'bool');
        return rule === undefined ? [] : [{ rule, message }];
      }
      return [];
    });
  }

  #isRepeated(seen: Set<string>, at: string, value: string): boolean {
    const isKnown = seen.has(value);
    if (isKnown) this.#errors.push(duplicate(at, value));
    seen.add(value);
    return isKnown;
  }

  #mapping(at: string, mapping: Mapping, isWanted: boolean): AuthExpression | undefined {
    const { claim, expression, prefix } = mapping;
    if (claim !== '' && expression !== '') this.#errors.push(invalid(at, '', BOTH));
    else if (claim !== '') {
      const why =
        'prefix is required when claim is set. It can be set to an empty string to disable prefixing';
      if (prefix === undefined) this.#errors.push(required(`${at}.prefix`, why));
    } else if (expression !== '') {
      if (prefix !== undefined) {
        this.#errors.push(invalid(`${at}.prefix`, prefix, NOT_WITH_EXPRESSION));
      }
      return this.#claims(`${at}.expression`, expression, 'any');
    } else if (isWanted) this.#errors.push(required(at, NEITHER));
    return undefined;
  }

  #uid(at: string, uid: JwtSettings['claimMappings']['uid']): AuthExpression | undefined {
    if (uid.claim !== '' && uid.expression !== '') this.#errors.push(invalid(at, '', BOTH));
    else if (uid.expression !== '') return this.#claims(`${at}.expression`, uid.expression, 'any');
    return undefined;
  }

  #extra(path: string, extra: JwtSettings['claimMappings']['extra']): JwtExpressions['extra'] {
    const keys = new Set<string>();
    return extra.flatMap(({ key, valueExpression }, i) => {
      const at = `${path}[${i}]`;
      validateDomainPath(this.#errors, `${at}.key`, key);
      if (key !== key.toLowerCase()) {
        this.#errors.push(invalid(`${at}.key`, key, 'must be lowercase'));
      }
      const domain = key.includes('/') ? `.${key.slice(0, key.indexOf('/'))}` : '';
      if (domain.endsWith('.kubernetes.io') || domain.endsWith('.k8s.io')) {
        this.#errors.push(invalid(`${at}.key`, key, RESERVED));
      }
      if (this.#isRepeated(keys, `${at}.key`, key)) return [];
      if (valueExpression === '') {
        this.#errors.push(required(`${at}.valueExpression`));
        return [];
      }
      const value = this.#claims(`${at}.valueExpression`, valueExpression, 'any');
      return value === undefined ? [] : [{ key, value }];
    });
  }

  #userRules(rules: JwtSettings['userValidationRules']): JwtExpressions['userRules'] {
    const sources = new Set<string>();
    return rules.flatMap(({ expression, message }, i) => {
      const at = `${this.#at}.userValidationRules[${i}].expression`;
      if (expression === '') {
        this.#errors.push(required(at));
        return [];
      }
      if (this.#isRepeated(sources, at, expression)) return [];
      const rule = this.#compiled(at, expression, () => engine().userExpression(expression));
      return rule === undefined ? [] : [{ rule, message }];
    });
  }
}

const RESERVED = 'k8s.io, kubernetes.io and their subdomains are reserved for Kubernetes use';
const UNVERIFIED =
  'claims.email_verified must be used in claimMappings.username.expression or claimMappings.extra[*].valueExpression or claimValidationRules[*].expression when claims.email is used in claimMappings.username.expression';

function checkIssuer(
  errors: Errors,
  at: string,
  issuer: JwtSettings['issuer'],
  takenIssuers: readonly string[],
): void {
  const { url, discoveryURL, certificateAuthority } = issuer;
  if (url === '') errors.push(required(`${at}.url`));
  else {
    if (takenIssuers.includes(url)) {
      const list = takenIssuers.toSorted().join(' ');
      const why = `URL must not overlap with disallowed issuers: [${list}]`;
      errors.push(invalid(`${at}.url`, url, why));
    }
    errors.push(...httpsUrlErrors(`${at}.url`, url));
  }
  if (discoveryURL !== '') {
    const bare = (text: string): string => text.replace(/\/+$/, '');
    if (url !== '' && bare(url) === bare(discoveryURL)) {
      const why = 'discoveryURL must be different from URL';
      errors.push(invalid(`${at}.discoveryURL`, discoveryURL, why));
    }
    errors.push(...httpsUrlErrors(`${at}.discoveryURL`, discoveryURL));
  }
  checkAudiences(errors, at, issuer);
  const problem = certificateAuthority === '' ? undefined : authorityProblem(certificateAuthority);
  if (problem !== undefined) {
    errors.push(invalid(`${at}.certificateAuthority`, '<omitted>', problem));
  }
}

function checkAudiences(errors: Errors, at: string, issuer: JwtSettings['issuer']): void {
  const { audiences, audienceMatchPolicy: policy } = issuer;
  const path = `${at}.audiences`;
  if (audiences.length === 0) {
    errors.push(required(path, `at least one ${path} is required`));
    return;
  }
  const seen = new Set<string>();
  for (const [i, audience] of audiences.entries()) {
    if (audience === '') errors.push(required(`${path}[${i}]`));
    if (seen.has(audience)) errors.push(duplicate(`${path}[${i}]`, audience));
    seen.add(audience);
  }
  const bad = (why: string): number =>
    errors.push(invalid(`${at}.audienceMatchPolicy`, policy, `audienceMatchPolicy must be ${why}`));
  if (audiences.length > 1 && policy !== 'MatchAny') bad('MatchAny for multiple audiences');
  if (audiences.length === 1 && policy !== '' && policy !== 'MatchAny') {
    bad('empty or MatchAny for single audience');
  }
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function authorityProblem(pem: string): string | undefined {
  const blocks = pem.match(PEM);
  if (blocks === null) return 'data does not contain any valid RSA or ECDSA certificates';
  for (const block of blocks) {
    try {
      new X509Certificate(block);
    } catch (error) {
      return `x509: malformed certificate: ${errorMessage(error)}`;
    }
  }
  return undefined;
}

/** Algorithms that tokens may be signed with. */
export const SIGNING_ALGORITHMS: readonly string[] = [
  ...['ES256', 'ES384', 'ES512', 'PS256', 'PS384', 'PS512', 'RS256', 'RS384', 'RS512'],
];

/** @throws ConfigError for one that is none of them */
export function checkAlgorithms(algorithms: readonly string[]): void {
  const other = algorithms.find((one) => !SIGNING_ALGORITHMS.includes(one));
  if (other !== undefined) {
    throw new ConfigError(`oidc: unsupported signing alg: ${goQuote(other)}`);
  }
}
