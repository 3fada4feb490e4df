/** Whether an extension server can be asked, as far as the cluster's objects tell. Pure. */
import type { APIService, APIServiceCondition, Endpoints, Service } from '@kubets/api';

/** What is said of an APIService; `probe`: the objects are fine, the server itself has to be asked. */
export type Verdict = { readonly probe: true } | Settled;

/** The condition without its time. */
export interface Settled {
  readonly status: 'True' | 'False';
  readonly reason: string;
  readonly message: string;
}

export const LOCAL: Settled = {
  status: 'True',
  reason: 'Local',
  message: 'Local APIServices are always available',
};

export const PASSED: Settled = { status: 'True', reason: 'Passed', message: 'all checks passed' };

const no = (reason: string, message: string): Settled => ({ status: 'False', reason, message });

/** @param url that did not answer as it should */
export function failedProbe(url: string, why: string): Settled {
  return no('FailedDiscoveryCheck', `failing or missing response from ${url}: ${why}`);
}

const DEFAULT_PORT = 443;

export function portOf(api: APIService): number {
  return api.spec?.service?.port ?? DEFAULT_PORT;
}

export function judge(
  api: APIService,
  service: Service | undefined,
  endpoints: Endpoints | undefined,
): Verdict {
  const ref = api.spec?.service;
  if (!ref) return LOCAL;
  const { namespace = '', name = '' } = ref;
  const where = `service/${name} in "${namespace}"`;
  if (!service) return no('ServiceNotFound', `${where} is not present`);
  if (service.spec?.type === 'ExternalName') return { probe: true };
  const port = portOf(api);
  const chosen = service.spec?.ports?.find((one) => one.port === port);
  if (!chosen) return no('ServicePortError', `${where} is not listening on port ${port}`);
  if (!endpoints) return no('EndpointsNotFound', `cannot find endpoints for ${where}`);
  const portName = chosen.name ?? '';
  const isBacked = (endpoints.subsets ?? []).some(
    ({ addresses, ports }) =>
      (addresses ?? []).length > 0 && ports?.some((one) => (one.name ?? '') === portName),
  );
  if (isBacked) return { probe: true };
  return no(
    'MissingEndpoints',
    `endpoints for ${where} have no addresses with port name "${portName}"`,
  );
}

/** The conditions with a verdict in them; undefined when nothing changes. */
export function withVerdict(
  conditions: readonly APIServiceCondition[],
  verdict: Settled,
  now: string,
): APIServiceCondition[] | undefined {
  const old = conditions.find(({ type }) => type === 'Available');
  const { status, reason, message } = verdict;
  if (old?.status === status && old.reason === reason && old.message === message) return undefined;
  const isTurn = old?.status !== status;
  const lastTransitionTime = isTurn ? now : (old?.lastTransitionTime ?? now);
  const next = { type: 'Available', status, lastTransitionTime, reason, message };
  return old === undefined
    ? [...conditions, next]
    : conditions.map((condition) => (condition === old ? next : condition));
}
