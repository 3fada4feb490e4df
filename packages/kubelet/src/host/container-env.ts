import type { ConfigMap, Container, Pod, Secret, Service } from '@kubets/api';
import { DownwardError, type DownwardFacts } from '../core/downward.ts';
import { containerEnv, EnvError, envReferences } from '../core/env.ts';
import { namespaceOf, specOf } from '../core/pod.ts';
import { serviceEnv } from '../core/service-env.ts';
import { StartFault } from '../errors.ts';
import type { ObjectSource } from '../ports.ts';

/**
 * Reads what a container's environment refers to and builds it.
 * @throws StartFault(CreateContainerConfigError) when something is missing
 */
export async function resolveEnv(
  pod: Pod,
  container: Container,
  sources: { readonly objects: ObjectSource; readonly services: readonly Service[] },
  facts: DownwardFacts,
): Promise<ReadonlyMap<string, string>> {
  const namespace = namespaceOf(pod);
  const references = envReferences(container);
  const configMaps = new Map<string, ConfigMap | undefined>();
  const secrets = new Map<string, Secret | undefined>();
  await Promise.all([
    ...references.configMaps.map(async (name) => {
      configMaps.set(name, await sources.objects.configMap(namespace, name));
    }),
    ...references.secrets.map(async (name) => {
      secrets.set(name, await sources.objects.secret(namespace, name));
    }),
  ]);
  const links = specOf(pod).enableServiceLinks ?? true;
  const services = serviceEnv(sources.services, namespace, links);
  try {
    return containerEnv({ pod, container, configMaps, secrets, services, facts });
  } catch (error) {
    if (error instanceof EnvError || error instanceof DownwardError) {
      throw new StartFault('CreateContainerConfigError', error.message, { cause: error });
    }
    throw error;
  }
}
