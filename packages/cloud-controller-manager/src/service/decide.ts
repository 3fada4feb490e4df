/** What is to be done about a Service's load balancer. Pure. */
import type { LoadBalancerStatus, Service } from '@kubets/api';
import { isDeleting } from '@kubets/controller-manager/host';

/** Keeps a Service from going before its load balancer has gone. */
export const FINALIZER = 'service.kubernetes.io/load-balancer-cleanup';

/** `leave`: none of our business. */
export type Course = 'leave' | 'ensure' | 'remove';

/** Whether a Service names a class, and which; one without a class belongs to whoever serves the cluster by default. */
function isOurs(service: Service, className: string | undefined): boolean {
  const wanted = service.spec?.loadBalancerClass;
  return wanted === undefined || wanted === className;
}

/** @param className the class the provider serves besides none */
export function courseOf(service: Service, className: string | undefined): Course {
  if (!isOurs(service, className)) return 'leave';
  const holds = service.metadata.finalizers?.includes(FINALIZER) === true;
  if (isDeleting(service)) return holds ? 'remove' : 'leave';
  if (service.spec?.type === 'LoadBalancer') return 'ensure';
  return holds ? 'remove' : 'leave';
}

/** The finalizers with ours, or without it. */
export function finalizersWith(service: Service, present: boolean): string[] {
  const others = (service.metadata.finalizers ?? []).filter((one) => one !== FINALIZER);
  return present ? [...others, FINALIZER] : others;
}

/**
 * What the load balancer is made from: while this text stays the same, it need not be made again. Annotations belong to it, since
 * providers take orders from them; labels and status do not.
 * @param own annotations the provider writes itself
 */
export function blueprint(service: Service, own: readonly string[] = []): string {
  const annotations = Object.entries(service.metadata.annotations ?? {})
    .filter(([key]) => !own.includes(key))
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([service.metadata.uid, service.spec, annotations]);
}

export interface Change {
  readonly reason: string;
  readonly message: string;
}

type Spec = NonNullable<Service['spec']>;

/** Fields whose change is told in an event, under the stock reasons. */
const TOLD: readonly { reason: string; of: (spec: Spec) => unknown }[] = [
  { reason: 'Type', of: (spec) => spec.type },
  { reason: 'LoadBalancerSourceRanges', of: (spec) => spec.loadBalancerSourceRanges },
  { reason: 'LoadBalancerIP', of: (spec) => spec.loadBalancerIP },
  { reason: 'ExternalTrafficPolicy', of: (spec) => spec.externalTrafficPolicy },
  { reason: 'HealthCheckNodePort', of: (spec) => spec.healthCheckNodePort },
];

const inWords = (value: unknown): string =>
  Array.isArray(value) ? `[${value.join(' ')}]` : String(value ?? '');

/** What a user changed that the load balancer follows, for events. */
export function changesOf(old: Service, now: Service): Change[] {
  return TOLD.flatMap(({ reason, of }) => {
    const before = inWords(old.spec && of(old.spec));
    const after = inWords(now.spec && of(now.spec));
    return before === after ? [] : [{ reason, message: `${before} -> ${after}` }];
  });
}

/** Whether two states say the same. */
export function sameStatus(
  a: LoadBalancerStatus | undefined,
  b: LoadBalancerStatus | undefined,
): boolean {
  const text = (status: LoadBalancerStatus | undefined): string =>
    JSON.stringify(
      (status?.ingress ?? []).map(({ ip, hostname, ipMode, ports }) => [
        ip ?? '',
        hostname ?? '',
        ipMode ?? (ip === undefined ? '' : 'VIP'),
        ports ?? [],
      ]),
    );
  return text(a) === text(b);
}
