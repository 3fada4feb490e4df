/** Which backend a new connection tries, and in which order the others follow. Pure. */

interface Backend {
  readonly address: string;
  connections: number;
  /** Failures in a row; a backend that failed last is tried last. */
  failures: number;
}

/** Least connections among those that worked last time; the rest after them. */
export class Balancer {
  #backends: Backend[];
  #turn = 0;

  constructor(addresses: readonly string[]) {
    this.#backends = addresses.map((address) => ({ address, connections: 0, failures: 0 }));
  }

  /** Others to choose from; what is known of those that stay is kept. */
  replace(addresses: readonly string[]): void {
    this.#backends = addresses.map(
      (address) => this.#find(address) ?? { address, connections: 0, failures: 0 },
    );
  }

  /** Addresses in the order to try them. */
  order(): string[] {
    const turn = this.#turn++;
    const count = this.#backends.length;
    const rotated = this.#backends.map((_one, i) => this.#backends[(i + turn) % count]);
    return rotated
      .filter((one) => one !== undefined)
      .toSorted((a, b) => a.failures - b.failures || a.connections - b.connections)
      .map((one) => one.address);
  }

  opened(address: string): void {
    const one = this.#find(address);
    if (one === undefined) return;
    one.failures = 0;
    one.connections += 1;
  }

  closed(address: string): void {
    const one = this.#find(address);
    if (one !== undefined) one.connections -= 1;
  }

  failed(address: string): void {
    const one = this.#find(address);
    if (one !== undefined) one.failures += 1;
  }

  #find(address: string): Backend | undefined {
    return this.#backends.find((one) => one.address === address);
  }
}
