import { goQuote } from '@kubets/api';
import { errorMessage } from '@kubets/platform';
import type { PathHandler, PathRequest, PathResponse } from '../ports.ts';
import type { HealthFigures } from './health-figures.ts';

/** Something that can be unwell. */
export interface HealthCheck {
  readonly name: string;
  /** Throws or rejects when unwell. */
  check(): void | Promise<void>;
  /** Also counts for "is the process alive?" and for `/healthz`, as it does on a stock server; others are of `/readyz` alone. */
  readonly liveness?: boolean;
}

const PING: HealthCheck = { name: 'ping', check: () => undefined, liveness: true };
const LOG: HealthCheck = { name: 'log', check: () => undefined, liveness: true };

/**
 * What happens once at the start, by the names and in the order a stock server has it: those who look whether a server has
 * come up look for them one by one. Here all of it is done as soon as the system's own objects are in place.
 */
const START_HOOKS = [
  'start-apiserver-admission-initializer',
  'generic-apiserver-start-informers',
  'priority-and-fairness-config-consumer',
  'priority-and-fairness-filter',
  'storage-object-count-tracker-hook',
  'start-apiextensions-informers',
  'start-apiextensions-controllers',
  'crd-informer-synced',
  'start-system-namespaces-controller',
  'start-cluster-authentication-info-controller',
  'start-kube-apiserver-identity-lease-controller',
  'start-kube-apiserver-identity-lease-garbage-collector',
  'start-legacy-token-tracking-controller',
  'start-service-ip-repair-controllers',
  'rbac/bootstrap-roles',
  'scheduling/bootstrap-system-priority-classes',
  'priority-and-fairness-config-producer',
  'bootstrap-controller',
  'aggregator-reload-proxy-client-cert',
  'start-kube-aggregator-informers',
  'apiservice-status-local-available-controller',
  'apiservice-status-remote-available-controller',
  'apiservice-registration-controller',
  'apiservice-discovery-controller',
  'kube-apiserver-autoregistration',
].map((name) => `poststarthook/${name}`);
const LATER_HOOKS = ['apiservice-openapi-controller', 'apiservice-openapiv3-controller'].map(
  (name) => `poststarthook/${name}`,
);

/** The checks of a server's start, and the last of them all: of its end. */
export function lifeChecks(life: {
  /** Whether the system's own objects are in place. */
  done(): boolean;
  /** Whether the server was told to stop. */
  isEnding(): boolean;
}): HealthCheck[] {
  const check = (): void => {
    if (!life.done()) throw new Error('the system objects are not in place yet');
  };
  const lasting = [...START_HOOKS, 'autoregister-completion', ...LATER_HOOKS];
  return [
    { name: 'informer-sync', check },
    ...lasting.map((name) => ({ name, check, liveness: true })),
    {
      name: 'shutdown',
      check() {
        if (life.isEnding()) throw new Error('process is shutting down');
      },
    },
  ];
}

const ROOTS = ['healthz', 'livez', 'readyz'] as const;
type Root = (typeof ROOTS)[number];

const TEXT = { 'content-type': 'text/plain; charset=utf-8' };
const SNIFF = { ...TEXT, 'x-content-type-options': 'nosniff' };

export interface HealthOptions {
  readonly checks: readonly HealthCheck[];
  readonly figures: HealthFigures;
  /** Whether the server has just started, so that `/livez` does not mind what is not in place yet. */
  readonly isStarting?: (() => boolean) | undefined;
}

function checksOf(checks: readonly HealthCheck[]) {
  const all = [PING, LOG, ...checks];
  return { all, lasting: all.filter((one) => one.liveness) };
}

/** The paths of health: each kind's own, and one a check. */
export function healthPathNames(checks: readonly HealthCheck[]): string[] {
  const { all, lasting } = checksOf(checks);
  return ROOTS.flatMap((root) => [
    `/${root}`,
    ...(root === 'readyz' ? all : lasting).map(({ name }) => `/${root}/${name}`),
  ]);
}

/** `/healthz`, `/livez` and `/readyz`, with `?verbose`, `?exclude=CHECK`, and `/livez/CHECK`. */
export function healthPaths({ checks, figures, isStarting }: HealthOptions): PathHandler {
  const { all, lasting } = checksOf(checks);
  const patient = lasting.map((one) => ({
    ...one,
    check: () => (isStarting?.() === true ? undefined : one.check()),
  }));
  const of: Readonly<Record<Root, readonly HealthCheck[]>> = {
    ...{ healthz: lasting, livez: patient, readyz: all },
  };
  return {
    name: 'health',
    async handle(request) {
      const [, first = '', ...rest] = request.info.path.split('/');
      const root = ROOTS.find((one) => one === first);
      if (!root) return undefined;
      const name = rest.join('/');
      if (name === '') return report(root, of[root], { request, figures });
      const one = of[root].find((check) => check.name === name);
      return one && single(one);
    },
  };
}

async function problemOf(check: HealthCheck): Promise<string | undefined> {
  try {
    await check.check();
    return undefined;
  } catch (error) {
    return errorMessage(error);
  }
}

async function single(check: HealthCheck): Promise<PathResponse> {
  const problem = await problemOf(check);
  if (problem === undefined) return { status: 200, headers: TEXT, body: 'ok' };
  return { status: 500, headers: SNIFF, body: `internal server error: ${problem}\n` };
}

async function report(
  root: Root,
  checks: readonly HealthCheck[],
  { request, figures }: { readonly request: PathRequest; readonly figures: HealthFigures },
): Promise<PathResponse> {
  const { query } = request;
  const excluded = new Set(query.getAll('exclude'));
  const lines: string[] = [];
  let failed = false;
  for (const check of checks) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`);
      continue;
    }
    const problem = await problemOf(check);
    failed ||= problem !== undefined;
    figures.observe(root, check.name, problem === undefined);
    // Callers may be anonymous: what exactly is wrong stands in the log, not here.
    lines.push(
      problem === undefined ? `[+]${check.name} ok` : `[-]${check.name} failed: reason withheld`,
    );
  }
  if (excluded.size > 0) {
    const names = [...excluded].sort().map(goQuote).join(',');
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`);
  }
  if (failed) {
    const body = `${lines.join('\n')}\n${root} check failed\n`;
    return { status: 500, headers: SNIFF, body };
  }
  if (!query.has('verbose')) return { status: 200, headers: SNIFF, body: 'ok' };
  return { status: 200, headers: SNIFF, body: `${lines.join('\n')}\n${root} check passed\n` };
}
