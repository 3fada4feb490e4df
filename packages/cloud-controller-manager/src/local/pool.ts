/** Who has which address of the ranges. Pure: nothing is remembered but what it was told. */
import { type AddressRange, formatIPv4, inRanges, parseIPv4 } from '@kubets/platform';

/** The addresses to give out. An owner is `namespace/name` of a Service and has one address at most. */
export class AddressPool {
  readonly #ranges: readonly AddressRange[];
  readonly #ownerOf = new Map<string, string>();
  readonly #addressOf = new Map<string, string>();
  /** Below this number nothing was free when last looked. */
  #from = 0;

  constructor(ranges: readonly AddressRange[]) {
    this.#ranges = ranges;
  }

  contains(address: string): boolean {
    return inRanges(address, this.#ranges);
  }

  ownerOf(address: string): string | undefined {
    return this.#ownerOf.get(address);
  }

  addressOf(owner: string): string | undefined {
    return this.#addressOf.get(owner);
  }

  /** Gives an owner an address in place of the one it had. @returns false when it is another's, or out of range */
  claim(address: string, owner: string): boolean {
    const other = this.#ownerOf.get(address);
    if (other === owner) return true;
    if (other !== undefined || !this.contains(address)) return false;
    this.release(owner);
    this.#ownerOf.set(address, owner);
    this.#addressOf.set(owner, address);
    return true;
  }

  /**
   * The lowest address nobody has, so that the same Services made in the same order have the same addresses everywhere.
   * @param isTaken what is not to be given out for other reasons
   * @returns undefined when none is left
   */
  allocate(owner: string, isTaken: (address: string) => boolean): string | undefined {
    // What was taken for other reasons may be free by now: the second look is at everything.
    return this.#search(owner, isTaken, this.#from) ?? this.#search(owner, isTaken, 0);
  }

  #search(owner: string, isTaken: (address: string) => boolean, from: number): string | undefined {
    for (const { first, last } of this.#ranges) {
      for (let value = Math.max(first, from); value <= last; value += 1) {
        const address = formatIPv4(value);
        if (this.#ownerOf.has(address) || isTaken(address)) continue;
        this.claim(address, owner);
        this.#from = value + 1;
        return address;
      }
    }
    return undefined;
  }

  /** @returns whether an address became free */
  release(owner: string): boolean {
    const address = this.#addressOf.get(owner);
    if (address === undefined) return false;
    this.#addressOf.delete(owner);
    this.#ownerOf.delete(address);
    this.#from = Math.min(this.#from, parseIPv4(address) ?? 0);
    return true;
  }
}
