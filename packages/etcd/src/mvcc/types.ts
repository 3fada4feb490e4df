/**
 * The vocabulary of the multi-version store.
 *
 * Inside the store revisions are JavaScript numbers: at a million writes a second 2^53 lasts 285 years, and comparing and
 * storing numbers is far cheaper than bigints. They become bigints at the edge (the codec takes both), and what a client
 * sends is compared without rounding.
 */

/** Counts committed write transactions, from 1 (the empty store). */
export type Revision = number & { readonly __brand?: 'Revision' };

/**
 * Keys as strings with one character a byte (latin1): comparing them compares the bytes, and the engine compares and
 * hashes them much faster than Buffers.
 */
export type KeyName = string;

/**
 * One version of one key, or its deletion. Never changed once made, so that readers, watchers and snapshots share it.
 * Encodes as an `mvccpb.KeyValue`.
 */
export interface Version {
  readonly name: KeyName;
  /** Made when asked for, from the name. */
  readonly key: Buffer;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** Position among the changes of the same revision. */
  readonly sub: number;
  /** Puts since the key was created, this one included; 0 for a deletion. */
  readonly version: number;
  /** May have to be read from where history lies: ask once. */
  readonly value: Buffer;
  readonly valueBytes: number;
  /** Writes the value into a buffer that has room for it. */
  copyValue(to: Buffer, at: number): void;
  /** 0: none. */
  readonly lease: bigint;
  readonly tombstone: boolean;
}

/** A change as watchers see it. */
export interface Change {
  readonly version: Version;
  /** What the key was before; undefined when it did not exist. */
  readonly previous: Version | undefined;
}

/** Keys from `from` up to, not including, `to`; `to` undefined: no end. */
export interface Interval {
  readonly from: KeyName;
  readonly to: KeyName | undefined;
}

export function keyName(key: Uint8Array): KeyName {
  const buffer = Buffer.isBuffer(key) ? key : Buffer.from(key.buffer, key.byteOffset, key.length);
  return buffer.toString('latin1');
}

const NO_END = '\0';

/**
 * The interval a request names: an empty `rangeEnd` means the one key, a single zero byte every key from `key` on.
 */
export function intervalOf(key: Uint8Array, rangeEnd: Uint8Array): Interval {
  const from = keyName(key);
  if (rangeEnd.length === 0) return { from, to: `${from}\0` };
  const end = keyName(rangeEnd);
  return { from, to: end === NO_END ? undefined : end };
}

/** True when the interval holds exactly one possible key. */
export function isSingleKey({ from, to }: Interval): boolean {
  return to !== undefined && to.length === from.length + 1 && to === `${from}\0`;
}

export function inInterval(name: KeyName, { from, to }: Interval): boolean {
  return name >= from && (to === undefined || name < to);
}
