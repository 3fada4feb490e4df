/** Authentication as the flags describe it. */
import { readFileSync } from 'node:fs';
import { type Clock, ConfigError, errorMessage, type Logger } from '@kubets/platform';
import type { ApiServerConfig } from '../config.ts';
import { OutboundClient } from '../outbound/http.ts';
import { loadKubeconfig } from '../outbound/kubeconfig.ts';
import type { ResourceStore } from '../ports.ts';
import { audiencesOf, createAuthenticator, type EdgeAuthenticator } from './authenticator.ts';
import type { Mode } from './authorizer.ts';
import { bootstrapTokens } from './bootstrap-tokens.ts';
import { boundObjectsOf } from './bound-objects.ts';
import type { FrontProxyOptions } from './front-proxy.ts';
import { OidcTokens } from './oidc.ts';
import type { TokenAuthenticator } from './token-authenticator.ts';
import { webhookTokens } from './webhook-tokens.ts';

interface Parts {
  readonly store: ResourceStore;
  readonly serviceAccount: Parameters<typeof createAuthenticator>[0]['serviceAccount'];
  readonly clock: Clock;
  readonly log: Logger;
  /** Who is asked whether a user may. */
  readonly modes: readonly Mode[];
}

/** @throws ConfigError */
export function authenticationOf(config: ApiServerConfig, parts: Parts): EdgeAuthenticator {
  const { store, clock, serviceAccount } = parts;
  return createAuthenticator({
    anonymousAuth: letsUnnamedIn(config, parts),
    tokenAuthFile: config.tokenAuthFile || undefined,
    ...{ serviceAccount, clock, objects: boundObjectsOf(store) },
    frontProxy: frontProxyOf(config),
    tokens: [
      ...(config.enableBootstrapTokenAuth ? [bootstrapTokens(store, clock)] : []),
      ...oidcOf(config, parts),
      ...webhookOf(config, parts),
    ],
  });
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

function oidcOf(config: ApiServerConfig, { clock, log }: Parts): TokenAuthenticator[] {
  const { oidcIssuerUrl: issuer, oidcClientId: clientId } = config;
  if (issuer === '' && clientId === '') return [];
  if (issuer === '' || clientId === '') {
    throw new ConfigError('--oidc-issuer-url and --oidc-client-id belong together');
  }
  if (!URL.canParse(issuer) || new URL(issuer).protocol !== 'https:') {
    throw new ConfigError(`--oidc-issuer-url: "${issuer}" is no https URL`);
  }
  const ca = optionalFile('--oidc-ca-file', config.oidcCaFile);
  const client = new OutboundClient({ url: new URL(issuer), ca }, clock);
  const { oidcUsernameClaim: usernameClaim, oidcGroupsClaim: groupsClaim } = config;
  return [
    new OidcTokens({
      ...{ issuer, clientId, usernameClaim, groupsClaim, client, clock, log },
      usernamePrefix: usernamePrefix(config.oidcUsernamePrefix, { issuer, usernameClaim }),
      groupsPrefix: config.oidcGroupsPrefix,
      required: claimsOf(config.oidcRequiredClaim),
      algorithms: config.oidcSigningAlgs,
    }),
  ];
}

/** Names of the provider must not be taken for those of other authenticators. */
function usernamePrefix(given: string, o: { issuer: string; usernameClaim: string }): string {
  if (given === '-') return '';
  if (given !== '') return given;
  return o.usernameClaim === 'email' ? '' : `${o.issuer}#`;
}

function claimsOf(pairs: readonly string[]): Record<string, string> {
  const entries = pairs.map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at <= 0) throw new ConfigError(`--oidc-required-claim: "${pair}" is not key=value`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return Object.fromEntries(entries);
}
