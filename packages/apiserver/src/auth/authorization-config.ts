/** Which authorisers are asked, in which order: from flags, or from an AuthorizationConfiguration file. */
import { isJsonObject } from '@kubets/api';
import { type Clock, ConfigError, type Logger, parseDurationMs } from '@kubets/platform';
import { OutboundClient } from '../outbound/http.ts';
import { loadKubeconfig, readYamlFile } from '../outbound/kubeconfig.ts';
import type { Mode } from './authorizer.ts';
import { WebhookAuthorizer } from './webhook-authorizer.ts';

/** The flags that say it. */
export interface AuthorizationFlags {
  readonly authorizationMode: readonly string[];
  readonly authorizationConfig: string;
  readonly authorizationWebhookConfigFile: string;
  readonly authorizationWebhookVersion: string;
  readonly authorizationWebhookCacheAuthorizedTtl: number;
  readonly authorizationWebhookCacheUnauthorizedTtl: number;
}

interface Parts {
  readonly clock: Clock;
  readonly log: Logger;
}

const OWN = ['Node', 'RBAC', 'AlwaysAllow', 'AlwaysDeny'] as const;
const ownMode = (name: string) => OWN.find((one) => one === name);

/** @throws ConfigError */
export function authorizationModes(flags: AuthorizationFlags, parts: Parts): Mode[] {
  const { authorizationMode: modes, authorizationConfig: file } = flags;
  if (file !== '') return modesOfFile(file, parts);
  const kubeconfig = flags.authorizationWebhookConfigFile;
  const wanted = modes.includes('Webhook');
  if (wanted && kubeconfig === '') {
    const what = '--authorization-mode has Webhook';
    throw new ConfigError(`${what}: say where it is with --authorization-webhook-config-file`);
  }
  if (!wanted && kubeconfig !== '') {
    throw new ConfigError('--authorization-webhook-config-file needs --authorization-mode Webhook');
  }
  if (modes.length === 0) throw new ConfigError('--authorization-mode must name a mode');
  if (new Set(modes).size < modes.length) {
    throw new ConfigError(`--authorization-mode names a mode twice: ${modes.join(',')}`);
  }
  return modes.map((name) => {
    if (name !== 'Webhook') return known('--authorization-mode', name);
    const target = loadKubeconfig('--authorization-webhook-config-file', kubeconfig);
    const webhook = new WebhookAuthorizer({
      ...parts,
      client: new OutboundClient(target, parts.clock),
      version: versionOf('--authorization-webhook-version', flags.authorizationWebhookVersion),
      authorizedTtlMs: flags.authorizationWebhookCacheAuthorizedTtl,
      unauthorizedTtlMs: flags.authorizationWebhookCacheUnauthorizedTtl,
    });
    return (asked) => webhook.authorize(asked);
  });
}

function known(where: string, name: string): Mode {
  const mode = ownMode(name);
  if (mode !== undefined) return mode;
  throw new ConfigError(`${where}: "${name}" is none of ${[...OWN, 'Webhook'].join(', ')}`);
}

function versionOf(where: string, version: string): string {
  if (version === 'v1' || version === 'v1beta1') return version;
  throw new ConfigError(`${where}: "${version}" is neither v1 nor v1beta1`);
}

const CONFIG_FLAG = '--authorization-config';

/** The authorisers of an AuthorizationConfiguration, in its order. */
function modesOfFile(file: string, parts: Parts): Mode[] {
  const config = readYamlFile(CONFIG_FLAG, file);
  const versions = ['v1', 'v1beta1', 'v1alpha1'].map((v) => `apiserver.config.k8s.io/${v}`);
  const fits = versions.includes(String(config.apiVersion));
  if (config.kind !== 'AuthorizationConfiguration' || !fits) {
    const want = 'apiserver.config.k8s.io/v1 AuthorizationConfiguration';
    throw new ConfigError(`${CONFIG_FLAG}: ${file} is no ${want}`);
  }
  const { authorizers } = config;
  if (!Array.isArray(authorizers) || authorizers.length === 0) {
    throw new ConfigError(`${CONFIG_FLAG}: ${file}: authorizers must name at least one`);
  }
  return authorizers.filter(isJsonObject).map((one) => {
    if (one.type !== 'Webhook') return known(`${CONFIG_FLAG}: ${file}`, String(one.type));
    const webhook = isJsonObject(one.webhook) ? one.webhook : {};
    return webhookOf(`${CONFIG_FLAG}: ${file}: ${String(one.name)}`, webhook, parts);
  });
}

function webhookOf(where: string, w: Readonly<Record<string, unknown>>, parts: Parts): Mode {
  const text = (name: string, fallback = ''): string => String(w[name] ?? fallback);
  const duration = (name: string, fallback: string): number => {
    const ms = parseDurationMs(text(name, fallback));
    if (ms === undefined) throw new ConfigError(`${where}: ${name} is no duration`);
    return ms;
  };
  if (Array.isArray(w.matchConditions) && w.matchConditions.length > 0) {
    throw new ConfigError(`${where}: matchConditions are not supported`);
  }
  const connection = isJsonObject(w.connectionInfo) ? w.connectionInfo : {};
  if (connection.type !== 'KubeConfigFile' || typeof connection.kubeConfigFile !== 'string') {
    throw new ConfigError(`${where}: connectionInfo must be a KubeConfigFile`);
  }
  const onFailure = text('failurePolicy');
  if (onFailure !== 'NoOpinion' && onFailure !== 'Deny') {
    throw new ConfigError(`${where}: failurePolicy must be NoOpinion or Deny`);
  }
  const target = loadKubeconfig(where, connection.kubeConfigFile);
  const webhook = new WebhookAuthorizer({
    ...parts,
    client: new OutboundClient(target, parts.clock),
    version: versionOf(where, text('subjectAccessReviewVersion')),
    authorizedTtlMs: duration('authorizedTTL', '5m'),
    unauthorizedTtlMs: duration('unauthorizedTTL', '30s'),
    timeoutMs: duration('timeout', '10s'),
    onFailure,
  });
  return (asked) => webhook.authorize(asked);
}
