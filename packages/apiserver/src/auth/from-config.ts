/** Authentication as the flags describe it. */
import { readFileSync } from 'node:fs';
import { type Clock, ConfigError, errorMessage, type Logger, type Metrics } from '@kubets/platform';
import type { ApiServerConfig } from '../config.ts';
import { OutboundClient } from '../outbound/http.ts';
import { loadKubeconfig } from '../outbound/kubeconfig.ts';
import type { BackgroundTask, ResourceStore } from '../ports.ts';
import { audiencesOf, createAuthenticator, type EdgeAuthenticator } from './authenticator.ts';
import type { Mode } from './authorizer.ts';
import { bootstrapTokens } from './bootstrap-tokens.ts';
import { boundObjectsOf } from './bound-objects.ts';
import type { FrontProxyOptions } from './front-proxy.ts';
import { configuredJwt } from './jwt/configured.ts';
import type { AnonymousSettings } from './jwt/settings.ts';
import { webhookTokens } from './webhook-tokens.ts';

interface Parts {
  readonly store: ResourceStore;
  readonly serviceAccount: Parameters<typeof createAuthenticator>[0]['serviceAccount'];
  readonly clock: Clock;
  readonly log: Logger;
  /** Who is asked whether a user may. */
  readonly modes: readonly Mode[];
  readonly metrics?: Metrics | undefined;
  /** How this server is named among the apiservers. */
  readonly serverId: string;
}

/** Authentication, and what keeps it up to date. */
export interface ConfiguredAuthentication {
  readonly authenticator: EdgeAuthenticator;
  readonly tasks: readonly BackgroundTask[];
}

/** @throws ConfigError */
export function authenticationOf(config: ApiServerConfig, parts: Parts): ConfiguredAuthentication {
  const { store, clock, serviceAccount } = parts;
  const jwt = configuredJwt(config, parts);
  const authenticator = createAuthenticator({
    ...unnamedOf(config, jwt.anonymous, parts),
    tokenAuthFile: config.tokenAuthFile || undefined,
    ...{ serviceAccount, clock, log: parts.log, objects: boundObjectsOf(store) },
    frontProxy: frontProxyOf(config),
    tokens: [
      ...(config.enableBootstrapTokenAuth ? [bootstrapTokens(store, clock)] : []),
      jwt.tokens,
      ...webhookOf(config, parts),
    ],
  });
  return { authenticator, tasks: jwt.tasks };
}

/** Who need not say who they are: as the configuration has it, or else the flag. */
function unnamedOf(config: ApiServerConfig, given: AnonymousSettings | undefined, parts: Parts) {
  const anonymousAuth = letsUnnamedIn(config, parts);
  if (given === undefined) return { anonymousAuth };
  const paths = given.conditions.map(({ path }) => path);
  return {
    anonymousAuth: given.enabled && anonymousAuth,
    anonymousPaths: paths.length > 0 ? paths : undefined,
  };
}

/** Where everything is allowed, somebody must at least say who they are, as upstream has it. */
function letsUnnamedIn(config: ApiServerConfig, { modes, log }: Parts): boolean {
  if (!config.anonymousAuth || !modes.includes('AlwaysAllow')) return config.anonymousAuth;
  log.warn(
    '--anonymous-auth is off: the authorisation mode AlwaysAllow would let anybody do anything',
  );
  return false;
}

/** How proxies speak for users; undefined when no proxy may. */
export function frontProxyOf(config: ApiServerConfig): FrontProxyOptions | undefined {
  if (config.requestheaderClientCaFile === '') return undefined;
  return {
    allowedNames: config.requestheaderAllowedNames,
    usernameHeaders: config.requestheaderUsernameHeaders,
    uidHeaders: config.requestheaderUidHeaders,
    groupHeaders: config.requestheaderGroupHeaders,
    extraPrefixes: config.requestheaderExtraHeadersPrefix,
  };
}

/** What a flag's file holds; undefined when the flag is not given. @throws ConfigError naming the flag */
export function optionalFile(flagName: string, file: string): Buffer | undefined {
  if (file === '') return undefined;
  try {
    return readFileSync(file);
  } catch (error) {
    throw new ConfigError(`${flagName}: cannot read ${file}: ${errorMessage(error)}`);
  }
}

function webhookOf(config: ApiServerConfig, { serviceAccount, clock, log }: Parts) {
  const flagName = '--authentication-token-webhook-config-file';
  const file = config.authenticationTokenWebhookConfigFile;
  if (file === '') return [];
  const version = config.authenticationTokenWebhookVersion;
  if (version !== 'v1' && version !== 'v1beta1') {
    throw new ConfigError('--authentication-token-webhook-version is neither v1 nor v1beta1');
  }
  const client = new OutboundClient(loadKubeconfig(flagName, file), clock);
  const cacheTtlMs = config.authenticationTokenWebhookCacheTtl;
  const apiAudiences = audiencesOf(serviceAccount);
  return [webhookTokens({ client, version, cacheTtlMs, apiAudiences, clock, log })];
}
