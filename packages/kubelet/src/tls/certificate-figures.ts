/** How long the kubelet's certificates last, under the stock names; looked at when somebody asks. */
import { type Clock, type FamilyRegistry, readFamily } from '@kubets/platform';

/** One certificate that is kept fresh. */
export interface KeptCertificate {
  /** Its end; absent without one that can be shown. */
  untilMs(): number | undefined;
  /** How often a new one could not be had. */
  failures(): number;
}

export interface CertificateFiguresOptions {
  readonly registry: FamilyRegistry;
  readonly clock: Clock;
  readonly client: KeptCertificate;
  readonly server: KeptCertificate;
}

const MS_PER_SECOND = 1_000;

export function showCertificates(options: CertificateFiguresOptions): void {
  const { registry, clock, client, server } = options;
  const ttl = (one: KeptCertificate): number =>
    Math.trunc(((one.untilMs() ?? Number.POSITIVE_INFINITY) - clock.now()) / MS_PER_SECOND);
  const show = (
    kind: 'gauge' | 'counter',
    name: string,
    help: string,
    value: () => number,
  ): void => {
    const read = () => [{ labels: [], value: value() }] as const;
    readFamily({ registry, kind, name: `kubelet_${name}`, help, labels: [], read });
  };
  const lasts = (whose: string): string =>
    `Seconds the ${whose} certificate still lasts; +Inf without one`;
  show('gauge', 'certificate_manager_client_ttl_seconds', lasts('client'), () => ttl(client));
  show('gauge', 'certificate_manager_server_ttl_seconds', lasts('server'), () => ttl(server));
  const errors = (whose: string): string => `Times no new ${whose} certificate could be had`;
  const clientErrors = 'certificate_manager_client_expiration_renew_errors';
  show('counter', clientErrors, errors('client'), () => client.failures());
  show('counter', 'server_expiration_renew_errors', errors('server'), () => server.failures());
}
