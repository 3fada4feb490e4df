/**
 * Every key that has a version, in byte order.
 *
 * Two levels: a list of leaves, each a sorted list of up to {@link LEAF_MAX} keys, found by binary search over the leaves'
 * first keys. At a million keys the list of leaves has a few thousand entries, so inserting into it is one short memory
 * move; a deeper tree would only add steps. Each leaf counts its living keys, so that counting a large interval costs a
 * step a leaf, not a step a key.
 */

import { invariant } from '@kubets/platform';
import { KeyEntry } from './key-entry.ts';
import type { StoredVersion } from './stored-version.ts';
import { type Interval, inInterval, type KeyName } from './types.ts';

const LEAF_MAX = 512;

interface Leaf {
  entries: KeyEntry[];
  /** Entries whose newest version is not a deletion. */
  alive: number;
}

/** Where a key is, or would be. */
interface Place {
  readonly name: KeyName;
  readonly leafAt: number;
  readonly at: number;
}

export class KeyIndex {
  private leaves: Leaf[] = [];
  /** Where the last search ended, until keys come or go: whoever makes a key looks for it several times first. */
  private place: Place | undefined;
  /** Keys that somebody has asked for: quicker than a search. A member that starts with a million keys does not fill it. */
  private readonly found = new Map<KeyName, KeyEntry>();
  private keys = 0;

  /** Keys, dead ones with history included. */
  get size(): number {
    return this.keys;
  }

  get(name: KeyName): KeyEntry | undefined {
    const known = this.found.get(name);
    if (known !== undefined) return known;
    const entry = this.search(name);
    if (entry !== undefined) this.found.set(entry.name, entry);
    return entry;
  }

  private search(name: KeyName): KeyEntry | undefined {
    const { leafAt, at } = this.locate(name);
    const entry = this.leaves[leafAt]?.entries[at];
    return entry?.name === name ? entry : undefined;
  }

  private locate(name: KeyName): Place {
    if (this.place?.name === name) return this.place;
    const leafAt = this.leafPosition(name);
    const at = lowerBound(this.leaves[leafAt]?.entries ?? [], name);
    this.place = { name, leafAt, at };
    return this.place;
  }

  /**
   * Adds a version as its key's newest.
   * @param supersede hears of the key before its newest version is replaced
   */
  append(version: StoredVersion, supersede: (entry: KeyEntry) => void): KeyEntry {
    const known = this.isBeyond(version.name) ? undefined : this.get(version.name);
    if (known === undefined) {
      const entry = new KeyEntry(version);
      this.insert(entry);
      return entry;
    }
    supersede(known);
    const before = known.alive;
    known.newest = version;
    if (before !== known.alive) this.leafOf(known.name).alive += before ? -1 : 1;
    return known;
  }

  /** Forgets a key. It must not be alive. */
  remove(name: KeyName): void {
    const { leafAt, at } = this.locate(name);
    const leaf = this.leaves[leafAt];
    invariant(leaf?.entries[at]?.name === name, 'a removed key is in the index');
    this.place = undefined;
    leaf.entries.splice(at, 1);
    if (leaf.entries.length === 0) this.leaves.splice(leafAt, 1);
    this.found.delete(name);
    this.keys--;
  }

  /** Calls `visit` for each key of the interval in order until it returns false. */
  forEach(interval: Interval, visit: (entry: KeyEntry) => boolean): void {
    for (let l = this.leafPosition(interval.from); l < this.leaves.length; l++) {
      const entries = this.leaves[l]?.entries ?? [];
      for (let i = lowerBound(entries, interval.from); i < entries.length; i++) {
        const entry = entries[i] as KeyEntry;
        if (interval.to !== undefined && entry.name >= interval.to) return;
        if (!visit(entry)) return;
      }
    }
  }

  /** Living keys of the interval. */
  countAlive(interval: Interval): number {
    let count = 0;
    for (let l = this.leafPosition(interval.from); l < this.leaves.length; l++) {
      const leaf = this.leaves[l] as Leaf;
      const first = leaf.entries[0]?.name ?? '';
      const last = leaf.entries.at(-1)?.name ?? '';
      if (interval.to !== undefined && first >= interval.to) break;
      if (inInterval(first, interval) && inInterval(last, interval)) count += leaf.alive;
      else count += countWithin(leaf.entries, interval);
    }
    return count;
  }

  *all(): Generator<KeyEntry> {
    for (const leaf of this.leaves) yield* leaf.entries;
  }

  private insert(entry: KeyEntry): void {
    this.keys++;
    const alive = entry.alive ? 1 : 0;
    if (this.pushLast(entry, alive)) {
      this.place = undefined;
      return;
    }
    // Not beyond the last key, it belongs before some key of some leaf.
    const { leafAt, at } = this.locate(entry.name);
    this.place = undefined;
    const leaf = this.leaves[leafAt];
    if (leaf === undefined) {
      this.leaves.push({ entries: [entry], alive });
      return;
    }
    leaf.entries.splice(at, 0, entry);
    leaf.alive += alive;
    if (leaf.entries.length > LEAF_MAX) this.split(leafAt, leaf);
  }

  /** Whether a key comes after all there are. */
  private isBeyond(name: KeyName): boolean {
    const entries = this.leaves[this.leaves.length - 1]?.entries;
    const last = entries?.[entries.length - 1];
    return last === undefined || last.name < name;
  }

  /** Keys often arrive in order: one beyond the last needs no search. */
  private pushLast(entry: KeyEntry, alive: number): boolean {
    const leaf = this.leaves[this.leaves.length - 1];
    if (leaf === undefined || !this.isBeyond(entry.name)) return false;
    const { entries } = leaf;
    if (entries.length >= LEAF_MAX) {
      this.leaves.push({ entries: [entry], alive });
      return true;
    }
    entries.push(entry);
    leaf.alive += alive;
    return true;
  }

  private split(leafAt: number, leaf: Leaf): void {
    const last = leafAt === this.leaves.length - 1;
    // Keys often arrive in order: a full last leaf is left full, not halved.
    const at = last ? LEAF_MAX - 1 : LEAF_MAX >>> 1;
    const entries = leaf.entries.splice(at);
    const alive = entries.filter((entry) => entry.alive).length;
    leaf.alive -= alive;
    this.leaves.splice(leafAt + 1, 0, { entries, alive });
  }

  private leafOf(name: KeyName): Leaf {
    const leaf = this.leaves[this.leafPosition(name)];
    invariant(leaf !== undefined, 'a known key has a leaf');
    return leaf;
  }

  /** The first leaf whose last key is not below `name`: where `name` is, or where a scan from it begins. */
  private leafPosition(name: KeyName): number {
    let low = 0;
    let high = this.leaves.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entries = this.leaves[middle]?.entries;
      if ((entries?.[entries.length - 1]?.name ?? '') < name) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function lowerBound(entries: readonly KeyEntry[], name: KeyName): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((entries[middle]?.name ?? '') < name) low = middle + 1;
    else high = middle;
  }
  return low;
}

function countWithin(entries: readonly KeyEntry[], interval: Interval): number {
  let count = 0;
  for (const entry of entries) if (inInterval(entry.name, interval) && entry.alive) count++;
  return count;
}
