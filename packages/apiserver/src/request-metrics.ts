/**
 * What is counted of requests, under the names and labels of a stock apiserver. Everything that is counted of requests of one
 * sort stands in one {@link Endpoint}, which is found by a few look-ups of texts: counting a request allocates nothing.
 */
import { lookup } from '@kubets/api';
import {
  CounterTable,
  GaugeTable,
  HistogramTable,
  type Metrics,
  type Reading,
  readFamily,
  type Spread,
  type Tally,
} from '@kubets/platform';
import type { RequestInfo } from './ports.ts';

/** What a request asks for besides its line: nothing, a try run, an apply. */
export type RequestManner = 'plain' | 'dry-run' | 'apply' | 'dry-apply';

/** The bounds of the objectives, and one below them. */
const SLI_SECONDS = [
  ...[0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60],
];
const SECONDS = [0.005, 0.025, ...SLI_SECONDS];

const PLACE = ['group', 'version', 'resource', 'subresource', 'scope', 'component'] as const;
const VERBS: Readonly<Record<string, string>> = lookup({
  get: 'GET',
  list: 'LIST',
  watch: 'WATCH',
  create: 'POST',
  update: 'PUT',
  patch: 'PATCH',
  delete: 'DELETE',
  deletecollection: 'DELETECOLLECTION',
  post: 'POST',
  put: 'PUT',
  head: 'HEAD',
  options: 'OPTIONS',
});
/** Subresources whose requests last as long as their clients like. */
const STREAMED: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);
/** Paths beside the API that are told apart. */
const PATHS: ReadonlySet<string> = new Set([
  '/healthz',
  '/livez',
  '/readyz',
  '/metrics',
  '/version',
]);
const SIZES = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
const COMPONENT = 'apiserver';
const MS_PER_S = 1_000;

type Place = readonly [
  group: string,
  version: string,
  resource: string,
  subresource: string,
  scope: string,
  component: string,
];

/** All that is counted of requests that are alike. */
interface Endpoint {
  readonly verb: string;
  readonly dryRun: string;
  readonly place: Place;
  readonly codes: Map<number, Tally>;
  readonly took: Spread | undefined;
  readonly objective: Spread | undefined;
  /** Bytes of answers; absent where nobody is interested in them. */
  readonly sizes: Spread | undefined;
  /** Those that are open; absent where requests end by themselves. */
  readonly open: Tally | undefined;
}

/** Requests that are under way: how many, and the most there were in the present second. */
class Running {
  #now = 0;
  #most = 0;
  #second = 0;

  begin(nowMs: number): void {
    this.#now += 1;
    this.#most = Math.max(this.mostAt(nowMs), this.#now);
    this.#second = Math.floor(nowMs / MS_PER_S);
  }

  end(): void {
    this.#now -= 1;
  }

  mostAt(nowMs: number): number {
    return Math.floor(nowMs / MS_PER_S) - this.#second <= 1 ? this.#most : this.#now;
  }
}

type Level = Map<string, Level | Endpoint>;

export interface RequestMetricsOptions {
  readonly registry: Metrics;
  /** Whether there is such a resource; what is asked for by names that mean nothing is counted together. */
  readonly isKnown: (info: RequestInfo) => boolean;
  readonly monotonicMs: () => number;
}

export class RequestMetrics {
  readonly #o: RequestMetricsOptions;
  readonly #total;
  readonly #took;
  readonly #objective;
  readonly #ended;
  readonly #open;
  readonly #sizes;
  readonly #deprecated;
  readonly #known: Level = new Map();
  /** Of no resource, by verb and path. */
  readonly #others: Level = new Map();
  readonly #reads = new Running();
  readonly #writes = new Running();

  constructor(options: RequestMetricsOptions) {
    this.#o = options;
    const { registry } = options;
    const table = <const L extends readonly string[]>(name: string, help: string, labels: L) => ({
      ...{ registry, help, labels },
      name: `apiserver_${name}`,
    });
    this.#total = new CounterTable(
      table('request_total', 'Requests answered; watches, when they began.', [
        ...(['verb', 'dry_run'] as const),
        ...PLACE,
        'code',
      ] as const),
    );
    this.#took = new HistogramTable({
      ...table('request_duration_seconds', 'Time from the head of a request to its answer.', [
        ...(['verb', 'dry_run'] as const),
        ...PLACE,
      ] as const),
      bounds: SECONDS,
    });
    this.#objective = new HistogramTable({
      ...table('request_sli_duration_seconds', 'The same, where there is an objective for it.', [
        'verb',
        ...PLACE,
      ] as const),
      bounds: SLI_SECONDS,
    });
    this.#ended = new CounterTable(
      table('request_terminations_total', 'Requests refused to protect the server.', [
        'verb',
        ...PLACE,
        'code',
      ] as const),
    );
    this.#open = new GaugeTable(
      table('longrunning_requests', 'Watches and streams that are open.', [
        'verb',
        ...PLACE,
      ] as const),
    );
    this.#sizes = new HistogramTable({
      ...table('response_sizes', 'Bytes of the answers to reads.', ['verb', ...PLACE] as const),
      bounds: SIZES,
    });
    this.#deprecated = new GaugeTable(
      table('requested_deprecated_apis', '1 for what was asked for although it is deprecated.', [
        ...(['group', 'version', 'resource', 'subresource', 'removed_release'] as const),
      ] as const),
    );
    readFamily({
      ...table('current_inflight_requests', 'The most requests under way in the last second.', [
        'request_kind',
      ] as const),
      read: () => this.#inflight(),
    });
  }

  /** A request has come that ends by itself. */
  begin(info: RequestInfo, nowMs: number): void {
    if (!isLong(info)) this.#runningOf(info).begin(nowMs);
  }

  /**
   * A request has been answered; of a watch or stream: it goes on from here. Every one that began ends so, once.
   * @param bytes of the answer's body, if they are known
   */
  end(
    info: RequestInfo,
    code: number,
    tookMs: number,
    manner: RequestManner,
    bytes?: number,
  ): void {
    const isOpenEnded = isLong(info);
    if (!isOpenEnded) this.#runningOf(info).end();
    const endpoint = this.#endpointOf(info, manner);
    let tally = endpoint.codes.get(code);
    if (tally === undefined) {
      const { verb, dryRun, place } = endpoint;
      tally = this.#total.at(verb, dryRun, ...place, String(code));
      endpoint.codes.set(code, tally);
    }
    tally.inc();
    if (isOpenEnded) return;
    const seconds = tookMs / MS_PER_S;
    endpoint.took?.observe(seconds);
    endpoint.objective?.observe(seconds);
    if (bytes !== undefined) endpoint.sizes?.observe(bytes);
  }

  /** A watch or stream is open. @returns to be called when it is over; may be called again */
  opened(info: RequestInfo): () => void {
    const { open } = this.#endpointOf(info, 'plain');
    let left = 1;
    open?.inc(left);
    return () => {
      open?.inc(-left);
      left = 0;
    };
  }

  /** Something was asked for that is deprecated; and the release that will have it no more, if that is known. */
  deprecated(info: RequestInfo, removedRelease = ''): void {
    const { apiGroup, apiVersion, resource, subresource } = info;
    this.#deprecated.at(apiGroup, apiVersion, resource, subresource, removedRelease).count = 1;
  }

  /** A request was turned away because there are too many. */
  terminated(info: RequestInfo, code: number): void {
    const { verb, place } = this.#endpointOf(info, 'plain');
    this.#ended.at(verb, ...place, String(code)).inc();
  }

  #runningOf({ verb }: RequestInfo): Running {
    return verb === 'get' || verb === 'list' || verb === 'head' ? this.#reads : this.#writes;
  }

  #endpointOf(info: RequestInfo, manner: RequestManner): Endpoint {
    if (!info.isResourceRequest) return this.#pathEndpoint(info);
    const { apiGroup, apiVersion, resource, subresource, verb } = info;
    const path = [resource, subresource, verb, apiVersion, apiGroup, manner] as const;
    let level = this.#known;
    for (const step of path) {
      const next = level.get(step);
      if (next === undefined) return this.#newEndpoint(info, manner);
      level = next as Level;
    }
    return (level.get(scopeOf(info)) as Endpoint | undefined) ?? this.#newEndpoint(info, manner);
  }

  #pathEndpoint({ path, verb }: RequestInfo): Endpoint {
    const below = path.startsWith('/') ? path.indexOf('/', 1) : -1;
    const first = below < 0 ? path : path.slice(0, below);
    return this.#besideTheApi(verb, PATHS.has(first) ? first : '');
  }

  /** Requests of no resource, by their verb and path. */
  #besideTheApi(verb: string, path: string): Endpoint {
    const level = levelAt(this.#others, [path]);
    const known = level.get(verb);
    if (known !== undefined) return known as Endpoint;
    if (VERBS[verb] === undefined && verb !== 'other') return this.#besideTheApi('other', path);
    const made = this.#make(verb, ['', '', '', path, '', COMPONENT], '');
    level.set(verb, made);
    return made;
  }

  #newEndpoint(info: RequestInfo, manner: RequestManner): Endpoint {
    const { apiGroup, apiVersion, resource, subresource, verb } = info;
    if (VERBS[verb] === undefined || !this.#o.isKnown(info)) return this.#besideTheApi(verb, '');
    const scope = scopeOf(info);
    const steps = [resource, subresource, verb, apiVersion, apiGroup, manner];
    const level = levelAt(this.#known, steps);
    const place: Place = [apiGroup, apiVersion, resource, subresource, scope, COMPONENT];
    const isApply = manner === 'apply' || manner === 'dry-apply';
    const isDry = manner === 'dry-run' || manner === 'dry-apply';
    const made = this.#make(isApply ? 'apply' : verb, place, isDry ? 'All' : '');
    level.set(scope, made);
    return made;
  }

  #make(verb: string, place: Place, dryRun: string): Endpoint {
    const subresource = place[3];
    const isConnection = place[2] !== '' && STREAMED.has(subresource) && subresource !== 'log';
    const shown = isConnection ? 'CONNECT' : (VERBS[verb] ?? verb.toUpperCase());
    const isLasting = shown === 'WATCH' || (place[2] !== '' && STREAMED.has(subresource));
    return {
      ...{ verb: shown, dryRun, place, codes: new Map() },
      took: isLasting ? undefined : this.#took.at(shown, dryRun, ...place),
      objective: isLasting ? undefined : this.#objective.at(shown, ...place),
      sizes: shown === 'GET' || shown === 'LIST' ? this.#sizes.at(shown, ...place) : undefined,
      open: isLasting ? this.#open.at(shown, ...place) : undefined,
    };
  }

  *#inflight(): Iterable<Reading<readonly ['request_kind']>> {
    const nowMs = this.#o.monotonicMs();
    yield { labels: ['mutating'], value: this.#writes.mostAt(nowMs) };
    yield { labels: ['readOnly'], value: this.#reads.mostAt(nowMs) };
  }
}

function levelAt(from: Level, steps: readonly string[]): Level {
  let level = from;
  for (const step of steps) {
    const next = (level.get(step) as Level | undefined) ?? new Map();
    level.set(step, next);
    level = next;
  }
  return level;
}

/** Whether a request lasts as long as its client likes. */
function isLong({ verb, isResourceRequest, subresource }: RequestInfo): boolean {
  return verb === 'watch' || (isResourceRequest && STREAMED.has(subresource));
}

function scopeOf({ name, verb, namespace }: RequestInfo): string {
  if (name !== '' || verb === 'create') return 'resource';
  return namespace === '' ? 'cluster' : 'namespace';
}
