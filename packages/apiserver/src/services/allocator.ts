import { type Clock, failpoint, type Random } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { RawStore } from '../ports.ts';
import { inRange, type Range } from './ranges.ts';

/** Whom an item belongs to. */
export interface Owner {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** What is stored beside a taken item. */
export interface Claim extends Owner {
  readonly claimedMs: number;
}

export type ClaimResult = 'claimed' | 'taken' | 'outside';

/** Every item of the range is taken. */
export class RangeFullError extends Error {
  override readonly name = 'RangeFullError';
}

/** What a given-back item's key holds until it expires: anybody may take it. */
const FREE = Buffer.from('{"free":true}');

/**
 * Hands out items of a range so that no two services ever hold the same one, with any number of apiservers.
 *
 * The rule: an item is taken while the key `PREFIX/ITEM` holds a claim. Taking it is a compare-and-swap from
 * "absent" or "free", made before the service is written; giving it back is a compare-and-swap from the owner's
 * claim to "free" (which then expires), made after the service was written without it or is gone. So nobody
 * frees what somebody else holds. A process that dies in between leaves a claim without a service: whoever
 * wants the item next takes it over, or the repair loop frees it, once no write can be on its way any more.
 */
export class RangeAllocator {
  readonly range: Range;
  readonly prefix: string;
  readonly #store: RawStore;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(o: { range: Range; prefix: string; store: RawStore; clock: Clock; random: Random }) {
    this.range = o.range;
    this.prefix = o.prefix;
    this.#store = o.store;
    this.#clock = o.clock;
    this.#random = o.random;
  }

  /** Takes one item. */
  async claim(item: number, owner: Owner): Promise<ClaimResult> {
    if (!inRange(this.range, item)) return 'outside';
    if (await this.#write(item, owner, 0n)) return 'claimed';
    const { value, revision } = await this.#store.get(this.#key(item));
    const free = value === undefined || value.equals(FREE);
    return free && (await this.#write(item, owner, revision)) ? 'claimed' : 'taken';
  }

  /**
   * Takes an item whose claim was left behind.
   * @param abandoned tells whether the claim's service is certainly gone
   */
  async takeOver(
    item: number,
    owner: Owner,
    abandoned: (claim: Claim) => Promise<boolean>,
  ): Promise<boolean> {
    const { value, revision } = await this.#store.get(this.#key(item));
    const claim = value && parseClaim(value);
    if (!claim || this.isFresh(claim) || !(await abandoned(claim))) return false;
    return this.#write(item, owner, revision);
  }

  /** Whether the write a claim was made for may still be on its way. */
  isFresh(claim: Claim): boolean {
    return claim.claimedMs + LIMITS.claimGraceMs > this.#clock.now();
  }

  /**
   * Takes any free item, picked at random from the dynamic part first.
   * @throws RangeFullError when there is none
   */
  async claimAny(owner: Owner): Promise<number> {
    for (let attempt = 0; attempt < LIMITS.randomClaimAttempts; attempt++) {
      const item = this.randomItem();
      if ((await this.claim(item, owner)) === 'claimed') return item;
    }
    return this.#claimByListing(owner);
  }

  /** A random item of the dynamic part, taken or not. */
  randomItem(): number {
    const { dynamicFirst, last } = this.range;
    return dynamicFirst + this.#random.int(last - dynamicFirst + 1);
  }

  /** Whether an item is in the range and free right now; promises nothing. */
  async probe(item: number): Promise<ClaimResult> {
    if (!inRange(this.range, item)) return 'outside';
    const { value } = await this.#store.get(this.#key(item));
    return value === undefined || value.equals(FREE) ? 'claimed' : 'taken';
  }

  /** Gives back an item, if it is this owner's. */
  async release(item: number, owner: Owner): Promise<void> {
    const { value, revision } = await this.#store.get(this.#key(item));
    const claim = value && parseClaim(value);
    if (!claim || !sameOwner(claim, owner)) return;
    const ttlSeconds = LIMITS.freedItemTtlSeconds;
    await this.#store.compareAndSwap(this.#key(item), FREE, revision, { ttlSeconds });
  }

  /** Everything that is taken. Keys that are not claims are left out. */
  async list(): Promise<Map<number, Claim>> {
    const found = new Map<number, Claim>();
    for (const { key, value } of await this.#store.list(`${this.prefix}/`)) {
      const item = this.range.parse(key.slice(this.prefix.length + 1));
      const claim = parseClaim(value);
      if (item !== undefined && claim) found.set(item, claim);
    }
    return found;
  }

  async #claimByListing(owner: Owner): Promise<number> {
    const taken = await this.list();
    const { first, dynamicFirst, last } = this.range;
    for (const [from, to] of [
      [dynamicFirst, last],
      [first, dynamicFirst - 1],
    ] as const) {
      for (let item = from; item <= to; item++) {
        if (!taken.has(item) && (await this.claim(item, owner)) === 'claimed') return item;
      }
    }
    throw new RangeFullError('range is full');
  }

  async #write(item: number, owner: Owner, expected: bigint): Promise<boolean> {
    const claim: Claim = { ...owner, claimedMs: this.#clock.now() };
    const value = Buffer.from(JSON.stringify(claim));
    const written = await this.#store.compareAndSwap(this.#key(item), value, expected);
    if (written === undefined) return false;
    failpoint('allocator.afterClaim');
    return true;
  }

  #key(item: number): string {
    return `${this.prefix}/${this.range.format(item)}`;
  }
}

function parseClaim(value: Buffer): Claim | undefined {
  try {
    const claim = JSON.parse(value.toString()) as Claim;
    return typeof claim.name === 'string' ? claim : undefined;
  } catch {
    // A foreign value under the prefix: not a claim, and not ours to judge.
    return undefined;
  }
}

/** Same object: by uid when both have one, else by name. */
export function sameOwner(a: Owner, b: Owner): boolean {
  if (a.uid && b.uid) return a.uid === b.uid;
  return a.namespace === b.namespace && a.name === b.name;
}
