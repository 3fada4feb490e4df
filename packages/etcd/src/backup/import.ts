/** A stock etcd's database, or one of ours, as the state it holds. */

import { DatabaseError } from '../bolt/errors.ts';
import type { Database, Pair } from '../bolt/reader.ts';
import { CodecError, type KeyValue, type MessageType } from '../codec/index.ts';
import { LIMITS } from '../limits.ts';
import { keyName, StoredVersion } from '../mvcc/index.ts';
import type { StateContent } from '../state/kv-state.ts';
import { AuthDraft, leaseOf, versionOf } from '../state/records.ts';
import {
  AUTH_KEY,
  BUCKET,
  META_KEY,
  type ParsedRevision,
  parseRevision,
  WIRE,
} from './etcd-schema.ts';

/** What a database holds, read through and found whole. */
export interface ImportedState {
  /** Versions are read anew each time they are gone through. */
  readonly content: StateContent;
  readonly versionCount: number;
}

const NO_BYTES = Buffer.alloc(0);

function decoded<T>(type: MessageType<T>, bytes: Buffer, what: string): T {
  try {
    return type.decode(bytes);
  } catch (error) {
    if (!(error instanceof CodecError)) throw error;
    throw new DatabaseError(`damaged: ${what} cannot be read: ${error.message}`, { cause: error });
  }
}

function revisionOf(key: Buffer): ParsedRevision {
  const revision = parseRevision(key);
  if (revision !== undefined) return revision;
  throw new DatabaseError(`damaged: "${key.toString('hex')}" is no revision`);
}

function deletionOf({ main, sub }: ParsedRevision, { key }: KeyValue): StoredVersion {
  const fields = { createRevision: 0, modRevision: main, sub, version: 0, lease: 0n };
  return new StoredVersion({ name: keyName(key), ...fields }, NO_BYTES);
}

/** @returns undefined for a revision without a key, with which etcd's own tool skips revisions */
function versionAt(pair: Pair): StoredVersion | undefined {
  const revision = revisionOf(pair[0]);
  const kv = decoded(WIRE.keyValue, pair[1], `revision ${revision.main}`);
  if (kv.key.length === 0) return undefined;
  if (revision.tombstone) return deletionOf(revision, kv);
  if (kv.version <= 0n || Number(kv.modRevision) !== revision.main) {
    throw new DatabaseError(
      `damaged: revision ${revision.main} says it is ${kv.modRevision}, change ${kv.version} of its key`,
    );
  }
  return versionOf({ kv, sub: BigInt(revision.sub), tombstone: false });
}

function* versionsOf(database: Database): Generator<StoredVersion> {
  for (const pair of database.entries(BUCKET.key)) {
    const version = versionAt(pair);
    if (version !== undefined) yield version;
  }
}

function compactRevisionOf(database: Database): number {
  let compacted = -1;
  for (const [key, value] of database.entries(BUCKET.meta)) {
    const name = key.toString('latin1');
    if (name !== META_KEY.scheduledCompaction && name !== META_KEY.finishedCompaction) continue;
    // What was scheduled is carried out when the state is loaded.
    compacted = Math.max(compacted, revisionOf(value).main);
  }
  return compacted;
}

function authOf(database: Database): AuthDraft {
  const auth = new AuthDraft();
  const stored = { enabled: false, revision: 1n };
  for (const [key, value] of database.entries(BUCKET.auth)) {
    const name = key.toString('latin1');
    if (name === AUTH_KEY.enabled) stored.enabled = value[0] === 1;
    else if (name === AUTH_KEY.revision && value.length === 8) {
      stored.revision = value.readBigUInt64BE(0);
    }
  }
  auth.setAuth(stored);
  for (const [, value] of database.entries(BUCKET.authUsers)) {
    auth.addUser(decoded(WIRE.user, value, 'a user'));
  }
  for (const [, value] of database.entries(BUCKET.authRoles)) {
    auth.addRole(decoded(WIRE.role, value, 'a role'));
  }
  return auth;
}

function leasesOf(database: Database): StateContent['leases'] {
  const leases: StateContent['leases'][number][] = [];
  for (const [, value] of database.entries(BUCKET.lease)) {
    const { ID, TTL } = decoded(WIRE.lease, value, 'a lease');
    leases.push(leaseOf({ ID, TTL, renewals: 0n }));
    if (leases.length > LIMITS.databaseLeases) throw new DatabaseError('too many leases');
  }
  return leases;
}

/**
 * Reads all of a database once. Alarms are left out: they are about members that will not be any more.
 * @throws DatabaseError when anything in it is not as it must be
 */
export function importDatabase(database: Database): ImportedState {
  const leases = leasesOf(database);
  const compactRevision = compactRevisionOf(database);
  let revision = Math.max(1, compactRevision);
  let versionCount = 0;
  for (const pair of database.entries(BUCKET.key)) {
    revision = Math.max(revision, revisionOf(pair[0]).main);
    if (versionAt(pair) !== undefined) versionCount++;
  }
  const auth = authOf(database).content();
  const versions = { [Symbol.iterator]: () => versionsOf(database) };
  return {
    content: { versions, leases, alarms: [], auth, revision, compactRevision },
    versionCount,
  };
}
