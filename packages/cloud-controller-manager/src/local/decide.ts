/** What a Service asks of the local load balancers, and what it has. Pure. */
import { LOAD_BALANCER_IP, LOAD_BALANCER_NODE, type Service } from '@kubets/api';
import { byCreation } from '@kubets/controller-manager/host';

/** The address in a Service's status, if the ranges know it. */
export function statusAddress(
  service: Service,
  contains: (address: string) => boolean,
): string | undefined {
  const { ingress = [] } = service.status?.loadBalancer ?? {};
  return ingress.flatMap(({ ip }) => ip ?? []).find(contains);
}

/** The address a Service asks for; undefined: any. */
export function requestedAddress(service: Service): string | undefined {
  const asked = service.metadata.annotations?.[LOAD_BALANCER_IP] || service.spec?.loadBalancerIP;
  return asked === undefined || asked === '' ? undefined : asked.trim();
}

export const speakerOf = (service: Service): string | undefined =>
  service.metadata.annotations?.[LOAD_BALANCER_NODE];

/** Whether only nodes with an endpoint of their own may answer. */
export const wantsLocalEndpoints = (service: Service): boolean =>
  service.spec?.externalTrafficPolicy === 'Local';

/** Who comes first where two have the same address: the older keeps it. */
export const bySeniority = (services: readonly Service[]): Service[] =>
  [...services].sort((a, b) => byCreation(a, b));
