/** Reads a member's stored state into memory. */

import { StorageError } from '../errors.ts';
import type { Lease } from '../lease/lessor.ts';
import { Blocks, type StoredVersion } from '../mvcc/index.ts';
import type { Alarm } from '../state/alarms.ts';
import type { StateContent } from '../state/kv-state.ts';
import { readVersion } from '../state/read-version.ts';
import { AuthDraft, alarmOf, leaseOf, positionOf, STORED, unseal } from '../state/records.ts';
import type { AppliedPosition } from '../state/state-machine.ts';
import { CURRENT_KEY, generationRange, KIND, kindOf, kindRange, VersionKey } from './keys.ts';

interface Bounds {
  readonly gte: Buffer;
  readonly lt: Buffer;
}

interface Reading extends Bounds {
  /** How much one answer of the iterator holds at most; LevelDB's binding takes 16 KiB for it where nothing is said. */
  readonly highWaterMarkBytes?: number;
}

interface Write {
  readonly sync: boolean;
}

export interface Records<T> {
  nextv(count: number): Promise<T[]>;
  close(): Promise<void>;
}

/** What is needed of LevelDB. */
export interface Db {
  open(): Promise<void>;
  close(): Promise<void>;
  get(key: Buffer): Promise<Buffer | undefined>;
  put(key: Buffer, value: Buffer, options: Write): Promise<void>;
  clear(bounds: Bounds): Promise<void>;
  /** Merges files, so that what was replaced or removed is gone from the disk. */
  compactRange?(from: Buffer, to: Buffer): Promise<void>;
  iterator(reading: Reading): Records<[Buffer, Buffer]>;
  /** Without the keys, which take as long to hand over as the values. */
  values?(reading: Reading): Records<Buffer>;
  batch(): {
    readonly length: number;
    put(key: Buffer, value: Buffer): unknown;
    del(key: Buffer): unknown;
    write(options: Write): Promise<void>;
  };
}

/** One that can leave keys out. */
type VersionedDb = Db & Required<Pick<Db, 'values'>>;

/** What was found at start. */
export interface Loaded {
  readonly content: StateContent;
  readonly position: AppliedPosition;
}

export interface Found {
  readonly generation: number;
  /** Undefined for an empty directory. */
  readonly loaded: Loaded | undefined;
}

/** Each answer is a trip to another thread and back, so it should be worth one. */
const READ_AT_ONCE = 1000;
const READ_BYTES = 1024 * 1024;

/** Removes every key of a generation. */
export async function clearGeneration(db: Db, generation: number): Promise<void> {
  await db.clear(generationRange(generation));
}

export function generationBytes(generation: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(generation);
  return bytes;
}

/**
 * Reads the current generation, and removes what an interrupted replacement left of its neighbours.
 * @throws StorageError when a record cannot be understood
 */
export async function readAll(db: VersionedDb): Promise<Found> {
  const current = await db.get(CURRENT_KEY);
  const generation = current?.readUInt32BE(0) ?? 0;
  await clearGeneration(db, generation + 1);
  if (generation > 0) await clearGeneration(db, generation - 1);
  return { generation, loaded: await readGeneration(db, generation) };
}

/** All records, in pieces. The next one is read, on another thread, while one is taken in. */
async function* piecesOf<T>(records: Records<T>): AsyncGenerator<T[]> {
  let coming = records.nextv(READ_AT_ONCE);
  for (;;) {
    const piece = await coming;
    if (piece.length === 0) break;
    coming = records.nextv(READ_AT_ONCE);
    // A record that is refused ends the reading; what was asked for already may fail as it likes.
    coming.catch(() => undefined);
    yield piece;
  }
  await records.close();
}

/** Everything but versions. */
class SmallRecords {
  readonly leases: Lease[] = [];
  readonly alarms: Alarm[] = [];
  readonly auth = new AuthDraft();
  position: AppliedPosition | undefined;

  async read(db: VersionedDb, bounds: Bounds): Promise<void> {
    for await (const piece of piecesOf(db.iterator(bounds))) {
      for (const [key, sealed] of piece) this.take(kindOf(key), unseal(key, sealed));
    }
  }

  private take(kind: number, value: Buffer): void {
    if (kind === KIND.lease) this.leases.push(leaseOf(STORED.lease.decode(value)));
    else if (kind === KIND.alarm) this.alarms.push(alarmOf(STORED.alarm.decode(value)));
    else if (kind === KIND.auth) this.auth.setAuth(STORED.auth.decode(value));
    else if (kind === KIND.user) this.auth.addUser(STORED.user.decode(value));
    else if (kind === KIND.role) this.auth.addRole(STORED.role.decode(value));
    else if (kind === KIND.meta) this.position = positionOf(STORED.meta.decode(value));
    else throw new StorageError(`unknown kind of record ${kind}`);
  }
}

/**
 * The versions, in the order of their keys. They say themselves what those are, so the keys need not be read: a record under a
 * key of another one's breaks the order or the number of them, and what a record says is sealed with its key.
 */
async function readVersions(db: VersionedDb, generation: number): Promise<StoredVersion[]> {
  const versions: StoredVersion[] = [];
  const blocks = new Blocks();
  const reading = { ...kindRange(generation, KIND.revision), highWaterMarkBytes: READ_BYTES };
  const key = new VersionKey(generation);
  for await (const piece of piecesOf(db.values(reading))) {
    for (const sealed of piece) {
      const version = readVersion(sealed, blocks);
      unseal(key.of(version), sealed);
      if (!key.ascends) throw new StorageError('a version lies in the place of another one');
      versions.push(version);
    }
  }
  return versions;
}

async function readGeneration(db: VersionedDb, generation: number): Promise<Loaded | undefined> {
  const { gte, lt } = generationRange(generation);
  const revisions = kindRange(generation, KIND.revision);
  const small = new SmallRecords();
  await small.read(db, { gte, lt: revisions.gte });
  await small.read(db, { gte: revisions.lt, lt });
  const { leases, alarms, auth, position } = small;
  const versions = await readVersions(db, generation);
  if (position === undefined) {
    if (versions.length > 0) throw new StorageError('records without a position in the log');
    return undefined;
  }
  if (versions.length !== position.versionCount) {
    throw new StorageError(`${position.versionCount} versions expected, ${versions.length} found`);
  }
  const { revision, compactRevision } = position;
  const content = { versions, leases, alarms, auth: auth.content(), revision, compactRevision };
  return { content, position };
}
