/**
 * A snapshot: the whole state as a stream of records, each behind its length, closed by a record with their number and
 * checksum. The same bytes go to a lagging member and to `Maintenance.Snapshot`.
 */

import { setImmediate } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { CodecError, type Loose, messageType, type SnapshotRecord } from '../codec/index.ts';
import { StorageError } from '../errors.ts';
import type { Lease } from '../lease/lessor.ts';
import { LIMITS } from '../limits.ts';
import type { StoredVersion } from '../mvcc/index.ts';
import type { Alarm } from './alarms.ts';
import type { StateContent } from './kv-state.ts';
import {
  AuthDraft,
  alarmOf,
  leaseOf,
  positionOf,
  storedAlarm,
  storedAuth,
  storedLease,
  storedMeta,
  storedRevision,
  storedRole,
  storedUser,
  versionOf,
} from './records.ts';
import type { AppliedPosition } from './state-machine.ts';

const RECORD = messageType<SnapshotRecord>('kubets.etcd.v1.SnapshotRecord');
const LENGTH_BYTES = 4;

function* recordsOf(
  content: StateContent,
  position: AppliedPosition,
): Generator<Loose<SnapshotRecord>> {
  yield { meta: storedMeta(position) };
  for (const lease of content.leases) yield { lease: storedLease(lease) };
  for (const alarm of content.alarms) yield { alarm: storedAlarm(alarm) };
  const { auth } = content;
  yield { auth: storedAuth(auth) };
  for (const user of auth.users) yield { user: storedUser(user) };
  for (const role of auth.roles) yield { role: storedRole(role) };
  for (const version of content.versions) yield { revision: storedRevision(version) };
}

function frame(record: Loose<SnapshotRecord>): Buffer {
  const bytes = RECORD.encode(record, LENGTH_BYTES);
  bytes.writeUInt32BE(bytes.length - LENGTH_BYTES, 0);
  return bytes;
}

/** The state as chunks of about {@link LIMITS.snapshotChunkBytes}. Other work runs between them. */
export async function* encodeSnapshot(
  content: StateContent,
  position: AppliedPosition,
): AsyncGenerator<Uint8Array> {
  let waiting: Buffer[] = [];
  let bytes = 0;
  let records = 0;
  let crc = 0;
  for (const record of recordsOf(content, position)) {
    const framed = frame(record);
    crc = crc32(framed, crc);
    records++;
    waiting.push(framed);
    bytes += framed.length;
    if (bytes >= LIMITS.snapshotChunkBytes) {
      yield Buffer.concat(waiting);
      waiting = [];
      bytes = 0;
      await setImmediate();
    }
  }
  waiting.push(frame({ end: { records, crc32: crc } }));
  yield Buffer.concat(waiting);
}

/** Cuts a stream of bytes into the records it holds. */
async function* framesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? Buffer.from(chunk) : Buffer.concat([rest, chunk]);
    let at = 0;
    while (rest.length - at >= LENGTH_BYTES) {
      const length = rest.readUInt32BE(at);
      if (length > LIMITS.snapshotRecordBytes)
        throw new StorageError('snapshot record is too large');
      if (rest.length - at - LENGTH_BYTES < length) break;
      yield rest.subarray(at, at + LENGTH_BYTES + length);
      at += LENGTH_BYTES + length;
    }
    rest = rest.subarray(at);
  }
  if (rest.length > 0) throw new StorageError('snapshot ends in the middle of a record');
}

interface Draft {
  readonly versions: StoredVersion[];
  readonly leases: Lease[];
  readonly alarms: Alarm[];
  readonly auth: AuthDraft;
  position: AppliedPosition | undefined;
}

function take(record: SnapshotRecord, draft: Draft): void {
  if (record.revision) draft.versions.push(versionOf(record.revision));
  else if (record.lease) draft.leases.push(leaseOf(record.lease));
  else if (record.alarm) draft.alarms.push(alarmOf(record.alarm));
  else if (record.auth) draft.auth.setAuth(record.auth);
  else if (record.user) draft.auth.addUser(record.user);
  else if (record.role) draft.auth.addRole(record.role);
  else if (record.meta) draft.position = positionOf(record.meta);
}

function decodeFrame(framed: Buffer): SnapshotRecord {
  try {
    return RECORD.decode(framed.subarray(LENGTH_BYTES));
  } catch (error) {
    if (error instanceof CodecError)
      throw new StorageError('snapshot is damaged', { cause: error });
    throw error;
  }
}

/** @throws StorageError when the stream was cut short or damaged */
export async function decodeSnapshot(
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ content: StateContent; position: AppliedPosition }> {
  const auth = new AuthDraft();
  const draft: Draft = { versions: [], leases: [], alarms: [], auth, position: undefined };
  let records = 0;
  let crc = 0;
  let ended = false;
  for await (const framed of framesOf(chunks)) {
    if (ended) throw new StorageError('snapshot goes on after its end');
    const record = decodeFrame(framed);
    if (record.end) {
      ended = true;
      const whole = record.end.records === BigInt(records) && record.end.crc32 === crc;
      if (!whole) throw new StorageError('snapshot does not match its checksum');
      continue;
    }
    records++;
    crc = crc32(framed, crc);
    take(record, draft);
  }
  const { versions, leases, alarms, position } = draft;
  if (!ended || position === undefined) throw new StorageError('snapshot was cut short');
  const { revision, compactRevision } = position;
  const content = { versions, leases, alarms, auth: auth.content(), revision, compactRevision };
  return { content, position };
}
