/**
 * The issuers whose tokens are taken: those of `--authentication-config`, whose changes are taken over while the server runs, or the
 * one of the `--oidc-*` flags.
 */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import {
  type Clock,
  ConfigError,
  delay,
  errorMessage,
  HistogramTable,
  isFlagGiven,
  type Logger,
  type Metrics,
} from '@kubets/platform';
import type { ApiServerConfig } from '../../config.ts';
import { LIMITS } from '../../edge-limits.ts';
import { OutboundClient } from '../../outbound/http.ts';
import type { BackgroundTask, UserInfo } from '../../ports.ts';
import { hashLabel, ReloadFigures, WatchedFile } from '../../settings/watched-file.ts';
import type { TokenAuthenticator } from '../token-authenticator.ts';
import { areOidcFlagsGiven, jwtOfFlags } from './from-flags.ts';
import { JwtTokens } from './jwt-tokens.ts';
import {
  type AnonymousSettings,
  type AuthenticationSettings,
  readAuthentication,
} from './settings.ts';
import {
  type CompiledJwt,
  checkAlgorithms,
  compileAuthentication,
  SIGNING_ALGORITHMS,
} from './validate.ts';

export interface ConfiguredJwtParts {
  readonly metrics?: Metrics | undefined;
  /** How this server is named among the apiservers. */
  readonly serverId: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What the configuration says of authentication. */
export interface ConfiguredJwt {
  readonly tokens: TokenAuthenticator;
  /** Undefined where the configuration leaves it to the flag. */
  readonly anonymous: AnonymousSettings | undefined;
  readonly tasks: readonly BackgroundTask[];
}

const FLAG = '--authentication-config';

/** @throws ConfigError */
export function configuredJwt(config: ApiServerConfig, parts: ConfiguredJwtParts): ConfiguredJwt {
  const { authenticationConfig: file, serviceAccountIssuer: taken } = config;
  if (file === '') {
    const jwt = jwtOfFlags(config);
    checkAlgorithms(config.oidcSigningAlgs);
    const settings = { jwt: jwt === undefined ? [] : [jwt], anonymous: undefined };
    const tokens = new SwappedTokens(parts, config.oidcSigningAlgs);
    tokens.swap(compileAuthentication(settings, taken));
    return { tokens, anonymous: undefined, tasks: [] };
  }
  if (areOidcFlagsGiven(config)) {
    throw new ConfigError('authentication-config file and oidc-* flags are mutually exclusive');
  }
  const text = contentOf(file);
  const { settings, compiled } = readText(text, taken, `${FLAG}: ${file}: `);
  const { anonymous } = settings;
  if (anonymous !== undefined && isFlagGiven(config, 'anonymous-auth')) {
    const why =
      '--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file';
    throw new ConfigError(`anonymous: Forbidden: ${why}`);
  }
  const tokens = new SwappedTokens(parts, SIGNING_ALGORITHMS);
  tokens.swap(compiled);
  return { tokens, anonymous, tasks: [watched({ file, text, taken, anonymous, tokens }, parts)] };
}

interface Watch {
  readonly file: string;
  readonly text: string;
  readonly taken: readonly string[];
  readonly anonymous: AnonymousSettings | undefined;
  readonly tokens: SwappedTokens;
}

function watched({ file, text, taken, anonymous, tokens }: Watch, parts: ConfiguredJwtParts) {
  const { metrics, serverId, clock, log } = parts;
  const figures =
    metrics && new ReloadFigures(metrics, { subject: 'authentication', serverId, clock });
  return new WatchedFile({
    ...{ name: 'authentication-config', file, text, figures, clock, log },
    async take(now, signal) {
      const { settings, compiled } = readText(now, taken, '');
      if (!isDeepStrictEqual(settings.anonymous, anonymous)) {
        throw new ConfigError('anonymous: Forbidden: changed from initial configuration file');
      }
      await tokens.swapWhenReady(compiled, signal);
    },
  });
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new ConfigError(`${FLAG}: cannot read ${file}: ${errorMessage(error)}`);
  }
}

function readText(
  text: string,
  taken: readonly string[],
  where: string,
): { settings: AuthenticationSettings; compiled: readonly CompiledJwt[] } {
  try {
    const settings = readAuthentication(text);
    return { settings, compiled: compileAuthentication(settings, taken) };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(`${where}${error.message}`);
  }
}

const BOUNDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Tokens of all issuers of a configuration, which others can take the place of. */
class SwappedTokens implements TokenAuthenticator {
  readonly #parts: ConfiguredJwtParts;
  readonly #algorithms: readonly string[];
  readonly #latency: HistogramTable<readonly ['result', 'jwt_issuer_hash']> | undefined;
  #all: readonly JwtTokens[] = [];

  constructor(parts: ConfiguredJwtParts, algorithms: readonly string[]) {
    this.#parts = parts;
    this.#algorithms = algorithms;
    const { metrics: registry } = parts;
    this.#latency =
      registry &&
      new HistogramTable({
        registry,
        name: 'apiserver_authentication_jwt_authenticator_latency_seconds',
        help: 'How long tokens of configured issuers took.',
        labels: ['result', 'jwt_issuer_hash'],
        bounds: BOUNDS,
      });
  }

  swap(compiled: readonly CompiledJwt[]): void {
    this.#all = this.#made(compiled);
  }

  /** Goes over once all new issuers have given their keys. @throws ConfigError when they take too long */
  async swapWhenReady(compiled: readonly CompiledJwt[], signal: AbortSignal): Promise<void> {
    const { clock } = this.#parts;
    const made = this.#made(compiled);
    const endMs = clock.monotonicMs() + LIMITS.issuerReadyMs;
    while (!(await allReady(made))) {
      if (clock.monotonicMs() >= endMs) {
        throw new ConfigError('not all issuers have given their keys in time');
      }
      await delay(LIMITS.oidcRefreshMs, { clock, signal });
    }
    this.#all = made;
  }

  /** @throws TokenRefused by the issuer that the token names */
  async user(token: string): Promise<UserInfo | undefined> {
    for (const one of this.#all) {
      const user = await one.user(token);
      if (user !== undefined) return user;
    }
    return undefined;
  }

  #made(compiled: readonly CompiledJwt[]): readonly JwtTokens[] {
    const { clock, log } = this.#parts;
    return compiled.map((one) => {
      const { url, certificateAuthority } = one.settings.issuer;
      const ca = certificateAuthority || undefined;
      const client = new OutboundClient({ url: new URL(url), ca }, clock);
      const hash = hashLabel(url);
      const latency = this.#latency;
      const observe =
        latency &&
        ((result: 'success' | 'failure', seconds: number): void =>
          latency.at(result, hash).observe(seconds));
      return new JwtTokens({
        ...{ ...one, algorithms: this.#algorithms, client, clock, log },
        ...(observe && { observe }),
      });
    });
  }
}

async function allReady(tokens: readonly JwtTokens[]): Promise<boolean> {
  const ready = await Promise.all(tokens.map((one) => one.isReady()));
  return ready.every(Boolean);
}
