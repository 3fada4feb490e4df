/** What is counted of the calls to the store, under the stock names. */
import { builtinKinds } from '@kubets/api';
import {
  CounterTable,
  type FamilyRegistry,
  HistogramTable,
  type Spread,
  type Tally,
} from '@kubets/platform';
import { groupResource } from '../metrics.ts';

export type StoreOperation = 'get' | 'list' | 'create' | 'update' | 'delete';

/** What is counted of one operation on the objects of one resource. */
export interface StoreCounts {
  readonly total: Tally;
  readonly errors: Tally;
  /** Seconds. */
  readonly took: Spread;
}

const SECONDS = [
  ...[0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20],
  ...[30, 45, 60],
];

/** `pods`, `deployments.apps`, by where their objects lie. */
const BUILT_IN: ReadonlyMap<string, string> = new Map(
  builtinKinds
    .all()
    .filter(({ group, storageVersion }) => group === storageVersion.group)
    .map(({ storagePath, group, resource }) => [storagePath, groupResource(group, resource)]),
);
/** The first segments of built-in paths that have two. */
const SHARED: ReadonlySet<string> = new Set(
  [...BUILT_IN.keys()].flatMap((path) => (path.includes('/') ? [path.split('/')[0] ?? ''] : [])),
);

export class StoreMetrics {
  readonly #events;
  readonly #make: (operation: StoreOperation, type: string) => StoreCounts;
  readonly #known: Readonly<Record<StoreOperation, Map<string, StoreCounts>>> = {
    get: new Map(),
    list: new Map(),
    create: new Map(),
    update: new Map(),
    delete: new Map(),
  };

  readonly #root: string;

  /** @param prefix what the keys of the cluster begin with */
  constructor(registry: FamilyRegistry, prefix = '/registry') {
    this.#root = `${prefix}/`;
    const common = { registry, labels: ['operation', 'type'] } as const;
    const help = 'Calls to the store, by operation and resource';
    const total = new CounterTable({ ...common, name: 'etcd_requests_total', help });
    const errors = new CounterTable({
      ...common,
      name: 'etcd_request_errors_total',
      help: `${help}, that failed`,
    });
    const took = new HistogramTable({
      ...common,
      name: 'etcd_request_duration_seconds',
      help: 'Time a call to the store takes',
      bounds: SECONDS,
    });
    this.#events = new CounterTable({
      registry,
      name: 'apiserver_storage_events_received_total',
      help: 'Changes the store has told of',
      labels: ['resource'],
    });
    this.#make = (operation, type) => ({
      total: total.at(operation, type),
      errors: errors.at(operation, type),
      took: took.at(operation, type),
    });
  }

  /** Of an operation on a key, or below a prefix. */
  of(operation: StoreOperation, key: string): StoreCounts {
    const known = this.#known[operation];
    const path = pathOf(key, this.#root);
    const counts = known.get(path);
    if (counts !== undefined) return counts;
    const made = this.#make(operation, typeOf(path));
    known.set(path, made);
    return made;
  }

  eventsOf(prefix: string): Tally {
    return this.#events.at(typeOf(pathOf(prefix, this.#root)));
  }
}

/** The part of a key that stands for a resource: one segment, or two where the first is a group or several share it. */
function pathOf(key: string, root: string): string {
  if (!key.startsWith(root)) return '';
  const end = key.indexOf('/', root.length);
  const first = key.slice(root.length, end < 0 ? key.length : end);
  if (end < 0 || !(SHARED.has(first) || first.includes('.'))) return first;
  const second = key.indexOf('/', end + 1);
  return key.slice(root.length, second < 0 ? key.length : second);
}

function typeOf(path: string): string {
  const known = BUILT_IN.get(path);
  if (known !== undefined) return known;
  const [group = '', resource = ''] = path.split('/');
  return resource === '' ? group : groupResource(group, resource);
}
