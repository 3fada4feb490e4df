/**
 * The state on disk, off the commit path. Changes are collected in memory as entries are applied, and written some time later
 * as one LevelDB batch together with the log position they belong to, so that the disk always holds the state of exactly one
 * position.
 *
 * Every batch is written with `sync`. `durableIndex` is the position of the last batch whose write has returned, so it counts
 * only what a power loss keeps. A weaker rule (sync now and then) would not do: LevelDB does not sync the log file it rotates
 * away from, so a synced batch says nothing about unsynced ones before it. What is not written yet is in the
 * write-ahead log, which is never cut beyond `durableIndex`.
 */

import { setImmediate } from 'node:timers/promises';
import { type Clock, errorCode, errorMessage, failpoint, type Timer } from '@kubets/platform';
import { ClassicLevel } from 'classic-level';
import { MissingKeyError, type Vault } from '../encryption/vault.ts';
import { StorageError } from '../errors.ts';
import { LIMITS } from '../limits.ts';
import type { LogIndex } from '../ports.ts';
import type { StateContent } from '../state/kv-state.ts';
import type { AppliedPosition, StateStorage } from '../state/state-machine.ts';
import { EncryptedDb } from './encrypted-db.ts';
import {
  ChangeJournal,
  type Operation,
  putAlarm,
  putAuth,
  putLease,
  putMeta,
  putVersion,
} from './journal.ts';
import { CURRENT_KEY } from './keys.ts';
import {
  clearGeneration,
  type Db,
  type Found,
  generationBytes,
  type Loaded,
  readAll,
} from './load.ts';

export interface LevelStorageOptions {
  /** The directory; made when missing. */
  readonly dir: string;
  readonly clock: Clock;
  /** The database in the directory; absent: LevelDB. */
  readonly makeDb?: (dir: string) => Db;
  /** Encrypts what is written. Absent: nothing is, and what is encrypted is refused. */
  readonly vault?: Vault | undefined;
  /** Everything is encrypted with the first key again; how many records were not. */
  readonly onRefreshed?: (records: number) => void;
  /** A write failed: the process must end, as nobody knows what the disk holds. */
  readonly onFailure: (error: StorageError) => void;
}

function levelDb(dir: string): Db {
  return new ClassicLevel<Buffer, Buffer>(dir, {
    keyEncoding: 'buffer',
    valueEncoding: 'buffer',
    maxOpenFiles: LIMITS.storageOpenTables,
    cacheSize: LIMITS.storageCacheBytes,
  });
}

export class LevelStorage implements StateStorage {
  /** Where the state tells what it changes. */
  readonly journal = new ChangeJournal();
  private readonly options: LevelStorageOptions;
  private readonly db: Db;
  private generation: number;
  private durable: LogIndex;
  /** The position the journal has reached; undefined when all is written. */
  private position: AppliedPosition | undefined;
  private timer: Timer | undefined;
  private writing: Promise<void> | undefined;
  private replacing = false;

  private constructor(options: LevelStorageOptions, db: Db, found: Found) {
    this.options = options;
    this.db = db;
    this.generation = found.generation;
    this.durable = found.loaded?.position.index ?? 0n;
  }

  /**
   * Opens the directory and reads everything in it.
   * @throws StorageError when it cannot be used: held by another process, damaged, or not ours
   */
  static async open(
    options: LevelStorageOptions,
  ): Promise<{ storage: LevelStorage; loaded: Loaded | undefined }> {
    const db = new EncryptedDb((options.makeDb ?? levelDb)(options.dir), options.vault);
    try {
      await db.open();
      const found = await readAll(db);
      const storage = new LevelStorage(options, db, found);
      if (db.isStale) storage.refresh(db);
      return { storage, loaded: found.loaded };
    } catch (error) {
      await db.close();
      if (error instanceof MissingKeyError) throw error;
      throw unusable(options.dir, error);
    }
  }

  private refresh(db: EncryptedDb): void {
    const { onRefreshed } = this.options;
    const failed = (error: unknown): void => this.fail(error);
    db.refresh().then((records) => records !== undefined && onRefreshed?.(records), failed);
  }

  private fail(error: unknown): void {
    const what = `cannot write the state in ${this.options.dir}: ${errorMessage(error)}`;
    this.options.onFailure(new StorageError(what, { cause: error }));
  }

  durableIndex(): LogIndex {
    return this.durable;
  }

  /** Records waiting to be written. */
  get backlog(): number {
    return this.journal.size;
  }

  advance(position: AppliedPosition): void {
    // What still happens to a state that is about to be replaced must not be written over the new one.
    if (this.replacing) return;
    this.position = position;
    if (this.journal.size >= LIMITS.storageFlushRecords && this.writing === undefined) {
      void this.flush();
      return;
    }
    this.timer ??= this.options.clock.setTimeout(() => {
      this.timer = undefined;
      void this.flush();
    }, LIMITS.storageFlushMs);
  }

  /** Writes everything collected so far; resolves when it is durable, or the failure has been reported. */
  async flush(): Promise<void> {
    while (this.writing !== undefined) await this.writing;
    if (this.position === undefined) return;
    const { position } = this;
    const operations = this.journal.take(this.generation);
    this.position = undefined;
    this.writing = this.write(operations, position).catch((error: unknown) => this.fail(error));
    await this.writing;
    this.writing = undefined;
  }

  private async write(operations: Iterable<Operation>, position: AppliedPosition): Promise<void> {
    const batch = this.db.batch();
    let count = 0;
    for (const { key, value } of operations) {
      if (value === undefined) batch.del(key);
      else batch.put(key, value);
      // A batch of many thousand changes is put together over several turns of the event loop.
      if (++count % LIMITS.storageOpsPerTurn === 0) await setImmediate();
    }
    const meta = putMeta(this.generation, position);
    batch.put(meta.key, meta.value);
    failpoint('storage.beforeWrite');
    await batch.write({ sync: true });
    failpoint('storage.afterWrite');
    this.durable = position.index;
  }

  /**
   * Replaces everything: the new state is written as another generation of keys, then made the current one by a single
   * write, then the old one is removed. A crash leaves one or the other.
   */
  async replace(content: StateContent, position: AppliedPosition): Promise<void> {
    this.replacing = true;
    try {
      await this.replaceAll(content, position);
    } finally {
      this.replacing = false;
    }
  }

  private async replaceAll(content: StateContent, position: AppliedPosition): Promise<void> {
    this.timer?.cancel();
    this.timer = undefined;
    while (this.writing !== undefined) await this.writing;
    this.position = undefined;
    const old = this.generation;
    const next = old + 1;
    await clearGeneration(this.db, next);
    await this.fill(next, content, position);
    failpoint('storage.beforeSwitch');
    await this.db.put(CURRENT_KEY, generationBytes(next), { sync: true });
    this.generation = next;
    this.durable = position.index;
    await clearGeneration(this.db, old);
    this.journal.take(next);
  }

  private async fill(
    generation: number,
    content: StateContent,
    position: AppliedPosition,
  ): Promise<void> {
    let batch = this.db.batch();
    for (const { key, value } of operationsOf(generation, content)) {
      if (value !== undefined) batch.put(key, value);
      if (batch.length < LIMITS.storageFlushRecords) continue;
      await batch.write({ sync: true });
      batch = this.db.batch();
    }
    const meta = putMeta(generation, position);
    batch.put(meta.key, meta.value);
    await batch.write({ sync: true });
  }

  /** Writes what is left and closes the directory. */
  async close(): Promise<void> {
    this.timer?.cancel();
    await this.flush();
    await this.db.close();
  }
}

function* operationsOf(generation: number, content: StateContent): Generator<Operation> {
  for (const version of content.versions) yield putVersion(generation, version);
  for (const lease of content.leases) yield putLease(generation, lease);
  for (const alarm of content.alarms) yield putAlarm(generation, alarm);
  yield* putAuth(generation, content.auth);
}

/** One line that says what is wrong and what to do. */
function unusable(dir: string, error: unknown): StorageError {
  const cause = error instanceof Error ? error.cause : undefined;
  if (errorCode(cause) === 'LEVEL_LOCKED' || errorCode(error) === 'LEVEL_LOCKED') {
    return new StorageError(
      `${dir} is in use by another process; stop that one, or choose another --data-dir`,
      { cause: error },
    );
  }
  const why = errorMessage(cause ?? error);
  return new StorageError(
    `${dir} cannot be read (${why}); if other members hold the data, remove this member's data directory and add ` +
      'it to the cluster again, otherwise restore it from a backup',
    { cause: error },
  );
}
