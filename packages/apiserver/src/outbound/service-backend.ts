/** Addresses behind a service, taken from its endpoints: the master may have no way to cluster IPs. */
import type { Endpoints, Service } from '@kubets/api';
import type { ResourceStore } from '../ports.ts';
import { GVR } from '../resources.ts';

export interface ServiceRef {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** There is no address, and the message says why. */
export class NoBackendError extends Error {
  override readonly name = 'NoBackendError';
}

/**
 * One address of a service's port; which of several is `pick`'s choice.
 * @throws NoBackendError
 */
export function serviceBackend(
  store: ResourceStore,
  { namespace, name, port }: ServiceRef,
  pick: (count: number) => number = () => 0,
): Address {
  const service = store.cache<Service>(GVR.services).get(namespace, name);
  if (!service) throw new NoBackendError(`service "${name}" not found`);
  const { type, externalName = '' } = service.spec ?? {};
  if (type === 'ExternalName') return { host: externalName, port };
  const chosen = service.spec?.ports?.find((one) => one.port === port);
  if (!chosen) throw new NoBackendError(`service "${name}" has no port ${port}`);
  const endpoints = store.cache<Endpoints>(GVR.endpoints).get(namespace, name);
  const addresses = (endpoints?.subsets ?? []).flatMap(({ addresses: ready, ports }) => {
    const target = ports?.find((one) => (one.name ?? '') === (chosen.name ?? ''));
    return target ? (ready ?? []).map(({ ip }) => ({ host: ip, port: target.port })) : [];
  });
  const found = addresses[pick(addresses.length)] ?? addresses[0];
  if (found === undefined) {
    throw new NoBackendError(`no endpoints available for service "${name}"`);
  }
  return found;
}
