/** The AdmissionConfiguration file: what admission plugins are to be told, by their names. */
import { dirname, resolve } from 'node:path';
import { isJsonObject, type JsonObject } from '@kubets/api';
import { ConfigError } from '@kubets/platform';
import { readYamlFile } from '../outbound/kubeconfig.ts';
import { type EventLimit, eventLimitsOf } from './optional/event-rate-limit.ts';
import { type ImagePolicy, imagePolicyOf } from './optional/image-policy.ts';
import { type NodeSelectors, nodeSelectorsOf } from './optional/pod-node-selector.ts';
import { type TolerationRules, tolerationRulesOf } from './optional/pod-tolerations.ts';
import {
  NO_POD_SECURITY_CONFIG,
  type PodSecurityConfig,
  podSecurityConfigOf,
} from './pod-security-config.ts';
import { type LimitedResource, limitedResourcesOf } from './quota-config.ts';
import { type WebhookCredentials, webhookCredentialsOf } from './webhooks/credentials.ts';

/** What the file says, for the plugins that take something. */
export interface ControlConfig {
  readonly podSecurity: PodSecurityConfig;
  readonly limitedResources?: readonly LimitedResource[];
  readonly eventLimits?: readonly EventLimit[];
  readonly nodeSelectors?: NodeSelectors;
  readonly tolerationRules?: TolerationRules;
  readonly imagePolicy?: ImagePolicy;
  readonly mutatingCredentials?: WebhookCredentials;
  readonly validatingCredentials?: WebhookCredentials;
}

const FLAG = '--admission-control-config-file';
const VERSIONS = ['v1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`);

/** Reads what the file says of a plugin. Paths in it are seen from where the file lies. @throws ConfigError */
type Reader = (
  where: string,
  config: JsonObject,
  resolvePath: (path: string) => string,
) => Partial<ControlConfig>;

const READERS: Readonly<Record<string, Reader>> = {
  PodSecurity: (where, config) => ({ podSecurity: podSecurityConfigOf(where, config) }),
  ResourceQuota: (where, config) => ({ limitedResources: limitedResourcesOf(where, config) }),
  EventRateLimit: (where, config) => ({ eventLimits: eventLimitsOf(where, config) }),
  PodNodeSelector: (where, config) => ({ nodeSelectors: nodeSelectorsOf(where, config) }),
  PodTolerationRestriction: (where, config) => ({
    tolerationRules: tolerationRulesOf(where, config),
  }),
  ImagePolicyWebhook: (...given) => ({ imagePolicy: imagePolicyOf(...given) }),
  MutatingAdmissionWebhook: (...given) => ({ mutatingCredentials: webhookCredentialsOf(...given) }),
  ValidatingAdmissionWebhook: (...given) => ({
    validatingCredentials: webhookCredentialsOf(...given),
  }),
};

/** Reads the file of the flag; an empty name means there is none. @throws ConfigError */
export function controlConfigOf(file: string): ControlConfig {
  const nothing = { podSecurity: NO_POD_SECURITY_CONFIG };
  if (file === '') return nothing;
  const where = `${FLAG}: ${file}`;
  const config = readYamlFile(FLAG, file);
  const fits = VERSIONS.includes(String(config.apiVersion));
  if (config.kind !== 'AdmissionConfiguration' || !fits) {
    throw new ConfigError(`${where}: want kind AdmissionConfiguration of ${VERSIONS[0]}`);
  }
  const plugins = Array.isArray(config.plugins) ? config.plugins.filter(isJsonObject) : [];
  const parts = plugins.map((plugin) => {
    const name = String(plugin.name);
    const read = READERS[name];
    if (read === undefined) throw new ConfigError(`${where}: plugin "${name}" takes nothing here`);
    const { settings, lies } = settingsOf(plugin, file);
    return read(`${where}: ${name}`, settings, (path) => resolve(dirname(lies), path));
  });
  return Object.assign(nothing, ...parts);
}

/** What the file says itself, or another file that it names, seen from where it lies. */
function settingsOf(
  { path, configuration }: JsonObject,
  file: string,
): { settings: JsonObject; lies: string } {
  if (typeof path === 'string' && path !== '') {
    const lies = resolve(dirname(file), path);
    return { settings: readYamlFile(FLAG, lies), lies };
  }
  return { settings: isJsonObject(configuration) ? configuration : {}, lies: file };
}
