/**
 * A database whose values are encrypted. Keys are not: they are revisions, ids, and names of users and roles.
 *
 * What was written without encryption, or with a key that is no longer the first, is read all the same, and written anew in
 * the background. Writing anew reads before it writes: it never runs beside other writes, or it could bring back what one of
 * those has removed.
 */

import { setImmediate } from 'node:timers/promises';
import { isSealed, refuseSealed, type Vault } from '../encryption/vault.ts';
import { LIMITS } from '../limits.ts';
import type { Db, Records } from './load.ts';

type Bounds = Parameters<Db['clear']>[0];
type Write = Parameters<Db['put']>[2];

const EVERYTHING: Bounds = { gte: Buffer.alloc(0), lt: Buffer.alloc(32, 0xff) };

function opened(vault: Vault | undefined, key: Buffer, value: Buffer): Buffer {
  if (!isSealed(value)) return value;
  // Refuses.
  if (vault === undefined) refuseSealed(value);
  return vault?.open(value, key) ?? value;
}

/** Values that nobody has the key for. */
async function refusing(coming: Promise<Buffer[]>): Promise<Buffer[]> {
  const values = await coming;
  for (const value of values) if (isSealed(value)) refuseSealed(value);
  return values;
}

export class EncryptedDb implements Db {
  private readonly db: Db;
  private readonly vault: Vault | undefined;
  private last: Promise<unknown> = Promise.resolve();
  private closing = false;
  /** Values seen that are not encrypted as they should be. */
  private stale = 0;

  /** @param vault absent: nothing is encrypted, and what is, is refused */
  constructor(db: Db, vault: Vault | undefined) {
    this.db = db;
    this.vault = vault;
  }

  /** Whether there is something to {@link refresh}; known once everything was read. */
  get isStale(): boolean {
    return this.stale > 0;
  }

  open(): Promise<void> {
    return this.db.open();
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.last;
    await this.db.close();
  }

  async get(key: Buffer): Promise<Buffer | undefined> {
    const value = await this.db.get(key);
    return value && this.read(key, value);
  }

  put(key: Buffer, value: Buffer, options: Write): Promise<void> {
    return this.alone(() => this.db.put(key, this.sealed(key, value), options));
  }

  clear(bounds: Bounds): Promise<void> {
    return this.alone(() => this.db.clear(bounds));
  }

  iterator(reading: Parameters<Db['iterator']>[0]): ReturnType<Db['iterator']> {
    const iterator = this.db.iterator(reading);
    return {
      nextv: async (count) => {
        const entries = await iterator.nextv(count);
        // In place: a member that starts reads a million of them.
        for (const entry of entries) entry[1] = this.read(entry[0], entry[1]);
        return entries;
      },
      close: () => iterator.close(),
    };
  }

  /** Only with their keys can values be opened. */
  values(reading: Parameters<Db['iterator']>[0]): Records<Buffer> {
    const plain = this.vault === undefined ? this.db.values?.(reading) : undefined;
    if (plain !== undefined)
      return { nextv: (n) => refusing(plain.nextv(n)), close: () => plain.close() };
    const iterator = this.iterator(reading);
    return {
      nextv: async (count) => (await iterator.nextv(count)).map(([, value]) => value),
      close: () => iterator.close(),
    };
  }

  batch(): ReturnType<Db['batch']> {
    const batch = this.db.batch();
    return {
      get length() {
        return batch.length;
      },
      put: (key, value) => batch.put(key, this.sealed(key, value)),
      del: (key) => batch.del(key),
      write: (options) => this.alone(() => batch.write(options)),
    };
  }

  async compactRange(from: Buffer, to: Buffer): Promise<void> {
    await this.db.compactRange?.(from, to);
  }

  /**
   * Encrypts what is not encrypted with the first key, some records at a time, and makes the database forget what was there.
   * @returns records written anew; undefined when it was closed before the end
   */
  async refresh(): Promise<number | undefined> {
    let [from, written] = [EVERYTHING.gte, 0];
    for (;;) {
      if (this.closing) return undefined;
      const { next, changed } = await this.alone(() => this.refreshSome(from));
      written += changed;
      if (next === undefined) break;
      from = next;
      await setImmediate();
    }
    // Replaced values lie about until their files are merged.
    if (written > 0) await this.compactRange(EVERYTHING.gte, EVERYTHING.lt);
    return this.closing ? undefined : written;
  }

  private async refreshSome(gte: Buffer): Promise<{ next: Buffer | undefined; changed: number }> {
    const { vault } = this;
    const iterator = this.db.iterator({ gte, lt: EVERYTHING.lt });
    const entries = await iterator.nextv(LIMITS.refreshedPerTurn);
    await iterator.close();
    const batch = this.db.batch();
    for (const [key, value] of entries) {
      if (vault === undefined || vault.isCurrent(value)) continue;
      batch.put(key, vault.seal(opened(vault, key, value), key));
    }
    const changed = batch.length;
    await batch.write({ sync: changed > 0 });
    const last = entries.at(-1)?.[0];
    // LevelDB may answer with fewer records than asked for; only none means the end.
    return { next: last && Buffer.concat([last, Buffer.of(0)]), changed };
  }

  private sealed(key: Buffer, value: Buffer): Buffer {
    return this.vault?.seal(value, key) ?? value;
  }

  private read(key: Buffer, value: Buffer): Buffer {
    if (this.vault?.isCurrent(value) === false) this.stale++;
    return opened(this.vault, key, value);
  }

  /** One write after the other. */
  private alone<T>(work: () => Promise<T>): Promise<T> {
    const run = this.last.then(work);
    // Whoever asked hears of a failure; the next one runs all the same.
    this.last = run.catch(() => undefined);
    return run;
  }
}
