import { RuntimeFault } from '../errors.ts';

const toNumber = (ip: string): number =>
  ip.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
const toText = (value: number): string =>
  [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255].join('.');

/** IPv4 addresses of a node's range, handed out in turn so that a freed one is not reused at once. */
export class AddressPool {
  readonly #first: number;
  readonly #count: number;
  readonly #used = new Set<number>();
  #next = 0;

  /** @param cidr such as `10.244.1.0/24`; the network, gateway and broadcast addresses are left out */
  constructor(cidr: string) {
    const [base = '', bits = ''] = cidr.split('/');
    const size = 2 ** (32 - Number(bits));
    const isRange = /^\d+(\.\d+){3}\/\d+$/.test(cidr);
    if (!isRange || !Number.isInteger(size) || size < 8) {
      throw new RuntimeFault(`not a usable pod range: ${cidr}`);
    }
    this.#first = toNumber(base) + 2;
    this.#count = size - 3;
  }

  /** Undefined: all are taken. */
  take(): string | undefined {
    for (let tried = 0; tried < this.#count; tried++) {
      const at = this.#next;
      this.#next = (this.#next + 1) % this.#count;
      if (this.#used.has(at)) continue;
      this.#used.add(at);
      return toText(this.#first + at);
    }
    return undefined;
  }

  giveBack(ip: string): void {
    this.#used.delete(toNumber(ip) - this.#first);
  }
}
