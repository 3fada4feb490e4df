import type { ProxyEndpoint } from '../ports.ts';

interface Sticky {
  readonly at: string;
  seenMs: number;
}

const keyOf = ({ ip, port }: ProxyEndpoint): string => `${ip}:${port}`;

/** Chooses endpoints in turn; with affinity, a client keeps the one it had. */
export class Balancer {
  #endpoints: readonly ProxyEndpoint[] = [];
  #affinityMs = 0;
  #next = 0;
  readonly #clients = new Map<string, Sticky>();
  readonly #maxClients: number;

  constructor(maxClients: number) {
    this.#maxClients = maxClients;
  }

  update(endpoints: readonly ProxyEndpoint[], affinityMs: number): void {
    this.#endpoints = endpoints;
    this.#affinityMs = affinityMs;
    if (affinityMs === 0) this.#clients.clear();
  }

  /** The endpoints to try for a client, best first. */
  order(client: string, nowMs: number): ProxyEndpoint[] {
    const count = this.#endpoints.length;
    if (count === 0) return [];
    const start = this.#next % count;
    this.#next = (start + 1) % count;
    const turn = [...this.#endpoints.slice(start), ...this.#endpoints.slice(0, start)];
    if (this.#affinityMs === 0) return turn;
    const known = this.#clients.get(client);
    if (known === undefined || nowMs - known.seenMs > this.#affinityMs) return turn;
    return turn.sort((a, b) => Number(keyOf(b) === known.at) - Number(keyOf(a) === known.at));
  }

  /** The client got through to this endpoint. */
  keep(client: string, endpoint: ProxyEndpoint, nowMs: number): void {
    if (this.#affinityMs === 0) return;
    this.#clients.delete(client);
    this.#clients.set(client, { at: keyOf(endpoint), seenMs: nowMs });
    if (this.#clients.size <= this.#maxClients) return;
    const [oldest] = this.#clients.keys();
    if (oldest !== undefined) this.#clients.delete(oldest);
  }
}
