/** An IPv4 network: the address as an unsigned 32-bit number, and the prefix length. */
export interface Cidr {
  base: number;
  prefix: number;
}

/** Reads `10.244.0.0/16`; host bits must be zero. `undefined` for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text);
  if (!match) return undefined;
  const octets = match.slice(1, 5).map(Number);
  const prefix = Number(match[5]);
  if (prefix > 32 || octets.some((octet) => octet > 255)) return undefined;
  const base = octets.reduce((sum, octet) => sum * 256 + octet, 0);
  return base % 2 ** (32 - prefix) === 0 ? { base, prefix } : undefined;
}

export function formatCidr(cidr: Cidr): string {
  const octets = [24, 16, 8, 0].map((shift) => Math.floor(cidr.base / 2 ** shift) % 256);
  return `${octets.join('.')}/${cidr.prefix}`;
}

/**
 * Hands out equal parts of a network. Remembers which part each holder has, so that giving back one
 * that is held elsewhere too does no harm.
 */
export class CidrAllocator {
  readonly #range: Cidr;
  readonly #partPrefix: number;
  readonly #count: number;
  readonly #holders = new Map<number, Set<string>>();
  #next = 0;

  /** @throws RangeError when the parts are not smaller than the network */
  constructor(range: Cidr, partPrefix: number) {
    if (partPrefix < range.prefix || partPrefix > 32) {
      throw new RangeError(`/${partPrefix} parts do not fit into ${formatCidr(range)}`);
    }
    this.#range = range;
    this.#partPrefix = partPrefix;
    this.#count = 2 ** (partPrefix - range.prefix);
  }

  get free(): number {
    return this.#count - this.#holders.size;
  }

  /** Notes that the holder has these addresses, every part they touch. Outside the network: nothing. */
  occupy(text: string, holder: string): void {
    for (const index of this.#touched(text)) {
      const holders = this.#holders.get(index) ?? new Set<string>();
      holders.add(holder);
      this.#holders.set(index, holders);
    }
  }

  release(text: string, holder: string): void {
    for (const index of this.#touched(text)) {
      const holders = this.#holders.get(index);
      holders?.delete(holder);
      if (holders?.size === 0) this.#holders.delete(index);
    }
  }

  /**
   * A part nobody holds. Goes round the network rather than back to the lowest free part, so that
   * the addresses of a node that just left are not in use again at once.
   */
  allocate(holder: string): string | undefined {
    for (let step = 0; step < this.#count; step++) {
      const index = (this.#next + step) % this.#count;
      if (this.#holders.has(index)) continue;
      this.#holders.set(index, new Set([holder]));
      this.#next = (index + 1) % this.#count;
      const base = this.#range.base + index * this.#partSize();
      return formatCidr({ base, prefix: this.#partPrefix });
    }
    return undefined;
  }

  #partSize(): number {
    return 2 ** (32 - this.#partPrefix);
  }

  /** Takes back what was allocated but never written down: it is the next to be given out. */
  giveBack(text: string, holder: string): void {
    this.release(text, holder);
    const [index] = this.#touched(text);
    if (index !== undefined && !this.#holders.has(index)) this.#next = index;
  }

  #touched(text: string): number[] {
    const cidr = parseCidr(text);
    if (!cidr) return [];
    const first = Math.floor((cidr.base - this.#range.base) / this.#partSize());
    const span = Math.max(1, 2 ** (32 - cidr.prefix) / this.#partSize());
    const indexes: number[] = [];
    for (let index = Math.max(0, first); index < first + span && index < this.#count; index++) {
      indexes.push(index);
    }
    return indexes;
  }
}
