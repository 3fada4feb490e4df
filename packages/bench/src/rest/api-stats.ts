/** Latencies of requests by verb, resource and scope, as Kubernetes' service level indicators cut them. Pure. */
import { Histogram, type Packed } from '../report/histogram.ts';

interface Asked {
  readonly verb: string;
  readonly path: string;
}

const SUBRESOURCES = 7;

/**
 * `LIST pods namespace`: verb, resource with its subresource, scope. The scope is `resource` for one object, `namespace` for all of one
 * namespace, `cluster` for all of them.
 */
export function indicatorOf({ verb, path }: Asked): string {
  const [plain = ''] = path.split('?');
  const words = plain.split('/').filter((word) => word !== '');
  const rest = words.slice(words[0] === 'api' ? 2 : 3);
  // Namespaces themselves are cluster-scoped objects.
  const inNamespace = rest[0] === 'namespaces' && rest.length > 2;
  const [resource = plain, name, ...sub] = inNamespace ? rest.slice(2) : rest;
  const full = [resource, ...sub].slice(0, SUBRESOURCES).join('/');
  const named = name !== undefined;
  const verbName = verb === 'GET' && !named ? 'LIST' : verb;
  const wide = inNamespace ? 'namespace' : 'cluster';
  const scope = named || verb === 'POST' ? 'resource' : wide;
  return `${verbName} ${full} ${scope}`;
}

/** What was asked, how long it took, and what went wrong, since it was last taken. */
export class ApiStats {
  #latencies = new Map<string, Histogram>();
  #failures = new Map<string, number>();

  record(asked: Asked, ms: number, status: number): void {
    // Only resources have indicators.
    if (!asked.path.startsWith('/api')) return;
    const key = indicatorOf(asked);
    if (status >= 200 && status < 300) {
      const histogram = this.#latencies.get(key) ?? new Histogram();
      this.#latencies.set(key, histogram);
      histogram.record(ms);
      return;
    }
    const failure = `${key}: ${status === 0 ? 'no answer' : status}`;
    this.#failures.set(failure, (this.#failures.get(failure) ?? 0) + 1);
  }

  /** @returns everything since the last time */
  take(): { api: Record<string, Packed>; failures: Record<string, number> } {
    const api = Object.fromEntries([...this.#latencies].map(([key, one]) => [key, one.pack()]));
    const failures = Object.fromEntries(this.#failures);
    this.#latencies = new Map();
    this.#failures = new Map();
    return { api, failures };
  }
}
