/** Where a stock etcd keeps what, in its database: names of buckets and keys, and the form of revisions. */

import { type AlarmMember, type KeyValue, messageType } from '../codec/index.ts';
import { STORED } from '../state/records.ts';

export const BUCKET = {
  ...{ alarm: 'alarm', auth: 'auth', authRoles: 'authRoles', authUsers: 'authUsers' },
  ...{ cluster: 'cluster', key: 'key', lease: 'lease', members: 'members' },
  ...{ membersRemoved: 'members_removed', meta: 'meta' },
} as const;

export const META_KEY = {
  appliedIndex: 'consistent_index',
  term: 'term',
  scheduledCompaction: 'scheduledCompactRev',
  finishedCompaction: 'finishedCompactRev',
  confState: 'confState',
  storageVersion: 'storageVersion',
} as const;

export const AUTH_KEY = { enabled: 'authEnabled', revision: 'authRevision' } as const;

/** `leasepb.Lease`. */
export interface WireLease {
  ID: bigint;
  TTL: bigint;
  RemainingTTL: bigint;
}

export const WIRE = {
  keyValue: messageType<KeyValue>('mvccpb.KeyValue'),
  lease: messageType<WireLease>('leasepb.Lease'),
  alarm: messageType<AlarmMember>('etcdserverpb.AlarmMember'),
  user: STORED.user,
  role: STORED.role,
} as const;

/** Main revision (8 bytes, big endian), `_`, sub revision (8 bytes); a deletion has `t` behind. */
export const REVISION_BYTES = 17;
const SEPARATOR = 0x5f;
const TOMBSTONE = 0x74;

export function revisionKey(main: number, sub: number, tombstone: boolean): Buffer {
  const key = Buffer.allocUnsafe(REVISION_BYTES + (tombstone ? 1 : 0));
  key.writeBigUInt64BE(BigInt(main), 0);
  key[8] = SEPARATOR;
  key.writeBigUInt64BE(BigInt(sub), 9);
  if (tombstone) key[REVISION_BYTES] = TOMBSTONE;
  return key;
}

export interface ParsedRevision {
  readonly main: number;
  readonly sub: number;
  readonly tombstone: boolean;
}

/** @returns undefined when the bytes are no revision, or one too large to be exact */
export function parseRevision(key: Buffer): ParsedRevision | undefined {
  const tombstone = key.length === REVISION_BYTES + 1 && key[REVISION_BYTES] === TOMBSTONE;
  if ((key.length !== REVISION_BYTES && !tombstone) || key[8] !== SEPARATOR) return undefined;
  const main = Number(key.readBigUInt64BE(0));
  const sub = Number(key.readBigUInt64BE(9));
  const exact = Number.isSafeInteger(main) && sub <= 0xffff_ffff;
  return exact ? { main, sub, tombstone } : undefined;
}

export function number64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}
