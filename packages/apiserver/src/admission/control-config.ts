/** The AdmissionConfiguration file: what admission plugins are to be told, by their names. */
import { dirname, resolve } from 'node:path';
import { isJsonObject, type JsonObject } from '@kubets/api';
import { ConfigError } from '@kubets/platform';
import { readYamlFile } from '../outbound/kubeconfig.ts';
import {
  NO_POD_SECURITY_CONFIG,
  type PodSecurityConfig,
  podSecurityConfigOf,
} from './pod-security-config.ts';

/** What the file says, for the plugins that take something. */
export interface ControlConfig {
  readonly podSecurity: PodSecurityConfig;
}

const FLAG = '--admission-control-config-file';
const VERSIONS = ['v1', 'v1alpha1'].map((version) => `apiserver.config.k8s.io/${version}`);

/** Reads the file of the flag; an empty name means there is none. @throws ConfigError */
export function controlConfigOf(file: string): ControlConfig {
  if (file === '') return { podSecurity: NO_POD_SECURITY_CONFIG };
  const where = `${FLAG}: ${file}`;
  const config = readYamlFile(FLAG, file);
  const fits = VERSIONS.includes(String(config.apiVersion));
  if (config.kind !== 'AdmissionConfiguration' || !fits) {
    throw new ConfigError(`${where}: want kind AdmissionConfiguration of ${VERSIONS[0]}`);
  }
  const plugins = Array.isArray(config.plugins) ? config.plugins.filter(isJsonObject) : [];
  const other = plugins.find(({ name }) => name !== 'PodSecurity');
  if (other) throw new ConfigError(`${where}: plugin "${String(other.name)}" takes nothing here`);
  const own = plugins[0];
  if (own === undefined) return { podSecurity: NO_POD_SECURITY_CONFIG };
  return { podSecurity: podSecurityConfigOf(`${where}: PodSecurity`, settingsOf(own, file)) };
}

/** What the file says itself, or another file that it names, seen from where it lies. */
function settingsOf({ path, configuration }: JsonObject, file: string): JsonObject {
  if (typeof path === 'string' && path !== '') {
    return readYamlFile(FLAG, resolve(dirname(file), path));
  }
  return isJsonObject(configuration) ? configuration : {};
}
