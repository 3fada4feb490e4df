/** Reads a member's stored state into memory. */

import { StorageError } from '../errors.ts';
import type { Lease } from '../lease/lessor.ts';
import type { Version } from '../mvcc/index.ts';
import type { Alarm } from '../state/alarms.ts';
import type { StateContent } from '../state/kv-state.ts';
import { readVersion } from '../state/read-version.ts';
import { AuthDraft, alarmOf, leaseOf, positionOf, STORED, unseal } from '../state/records.ts';
import type { AppliedPosition } from '../state/state-machine.ts';
import { CURRENT_KEY, generationRange, KIND, kindOf } from './keys.ts';

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

/** What is needed of LevelDB. */
export interface Db {
  open(): Promise<void>;
  close(): Promise<void>;
  get(key: Buffer): Promise<Buffer | undefined>;
  put(key: Buffer, value: Buffer, options: Write): Promise<void>;
  clear(bounds: Bounds): Promise<void>;
  /** Merges files, so that what was replaced or removed is gone from the disk. */
  compactRange?(from: Buffer, to: Buffer): Promise<void>;
  iterator(reading: Reading): {
    nextv(count: number): Promise<[Buffer, Buffer][]>;
    close(): Promise<void>;
  };
  batch(): {
    readonly length: number;
    put(key: Buffer, value: Buffer): unknown;
    del(key: Buffer): unknown;
    write(options: Write): Promise<void>;
  };
}

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
export async function readAll(db: Db): Promise<Found> {
  const current = await db.get(CURRENT_KEY);
  const generation = current?.readUInt32BE(0) ?? 0;
  await clearGeneration(db, generation + 1);
  if (generation > 0) await clearGeneration(db, generation - 1);
  return { generation, loaded: await readGeneration(db, generation) };
}

async function readGeneration(db: Db, generation: number): Promise<Loaded | undefined> {
  const versions: Version[] = [];
  const leases: Lease[] = [];
  const alarms: Alarm[] = [];
  const auth = new AuthDraft();
  let position: AppliedPosition | undefined;
  const reading = { ...generationRange(generation), highWaterMarkBytes: READ_BYTES };
  const iterator = db.iterator(reading);
  // The next records are read, on another thread, while these are taken in.
  let coming = iterator.nextv(READ_AT_ONCE);
  for (;;) {
    const entries = await coming;
    if (entries.length === 0) break;
    coming = iterator.nextv(READ_AT_ONCE);
    // A record that is refused ends the reading; what was asked for already may fail as it likes.
    coming.catch(() => undefined);
    for (const [key, sealed] of entries) {
      const value = unseal(key, sealed);
      const kind = kindOf(key);
      if (kind === KIND.revision) versions.push(readVersion(value));
      else if (kind === KIND.lease) leases.push(leaseOf(STORED.lease.decode(value)));
      else if (kind === KIND.alarm) alarms.push(alarmOf(STORED.alarm.decode(value)));
      else if (kind === KIND.auth) auth.setAuth(STORED.auth.decode(value));
      else if (kind === KIND.user) auth.addUser(STORED.user.decode(value));
      else if (kind === KIND.role) auth.addRole(STORED.role.decode(value));
      else if (kind === KIND.meta) position = positionOf(STORED.meta.decode(value));
      else throw new StorageError(`unknown kind of record ${kind}`);
    }
  }
  await iterator.close();
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
