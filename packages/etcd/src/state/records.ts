/** State as records: between the in-memory types and the stored messages of `internal.proto`. */

import { crc32 } from 'node:zlib';
import type { AuthContent, Role, User } from '../auth/auth-state.ts';
import {
  type Loose,
  type Member,
  messageType,
  type StoredAlarm,
  type StoredAuth,
  type StoredLease,
  type StoredMeta,
  type StoredRevision,
  type Role as WireRole,
  type User as WireUser,
} from '../codec/index.ts';
import { StorageError } from '../errors.ts';
import type { Lease } from '../lease/lessor.ts';
import { keyName, StoredVersion, type Version } from '../mvcc/index.ts';
import type { MemberInfo } from '../ports.ts';
import type { Alarm } from './alarms.ts';
import type { AppliedPosition } from './state-machine.ts';

/** Raised when what is written changes in a way older readers cannot follow. */
export const FORMAT = 1;

export const STORED = {
  revision: messageType<StoredRevision>('kubets.etcd.v1.StoredRevision'),
  lease: messageType<StoredLease>('kubets.etcd.v1.StoredLease'),
  alarm: messageType<StoredAlarm>('kubets.etcd.v1.StoredAlarm'),
  auth: messageType<StoredAuth>('kubets.etcd.v1.StoredAuth'),
  user: messageType<WireUser>('authpb.User'),
  role: messageType<WireRole>('authpb.Role'),
  meta: messageType<StoredMeta>('kubets.etcd.v1.StoredMeta'),
} as const;

export function storedRevision(version: Version): Loose<StoredRevision> {
  return { kv: version, sub: version.sub, tombstone: version.tombstone };
}

/** Copies key and value: the record's buffer is much larger than either may be. */
export function versionOf({ kv, sub, tombstone }: StoredRevision): StoredVersion {
  if (kv === undefined) throw new StorageError('a stored revision has no key');
  if (tombstone !== (kv.version === 0n)) throw new StorageError('a deletion that is none');
  const fields = {
    name: keyName(kv.key),
    createRevision: Number(kv.createRevision),
    modRevision: Number(kv.modRevision),
    sub: Number(sub),
    version: Number(kv.version),
    lease: kv.lease,
  };
  return new StoredVersion(fields, kv.value);
}

export function storedLease({ id, ttlSeconds, renewals }: Lease): Loose<StoredLease> {
  return { ID: id, TTL: ttlSeconds, renewals };
}

export function leaseOf({ ID, TTL, renewals }: StoredLease): Lease {
  return { id: ID, ttlSeconds: Number(TTL), renewals: Number(renewals) };
}

export function storedAlarm({ memberID, alarm }: Alarm): Loose<StoredAlarm> {
  return { member: memberID, type: alarm };
}

export function alarmOf({ member, type }: StoredAlarm): Alarm {
  return { memberID: member, alarm: type };
}

export function storedAuth({ enabled, revision }: StoredAuth): Loose<StoredAuth> {
  return { enabled, revision };
}

export function storedUser({ name, passwordHash, noPassword, roles }: User): Loose<WireUser> {
  const password = Buffer.from(passwordHash);
  return { name: Buffer.from(name), password, roles, options: { noPassword } };
}

function userOf({ name, password, roles, options }: WireUser): User {
  const noPassword = options?.noPassword === true;
  return { name: name.toString(), passwordHash: password.toString(), noPassword, roles };
}

export function storedRole({ name, permissions }: Role): Loose<WireRole> {
  return { name: Buffer.from(name), keyPermission: permissions };
}

function roleOf({ name, keyPermission }: WireRole): Role {
  const permissions = keyPermission.map(({ permType, key, rangeEnd }) => {
    return { permType, key: Buffer.from(key), rangeEnd: Buffer.from(rangeEnd) };
  });
  return { name: name.toString(), permissions };
}

/** Gathers the records of users and roles as they are read. */
export class AuthDraft {
  private auth: StoredAuth = { enabled: false, revision: 1n };
  private readonly users: User[] = [];
  private readonly roles: Role[] = [];

  setAuth(auth: StoredAuth): void {
    this.auth = auth;
  }

  addUser(user: WireUser): void {
    this.users.push(userOf(user));
  }

  addRole(role: WireRole): void {
    this.roles.push(roleOf(role));
  }

  content(): AuthContent {
    const { enabled, revision } = this.auth;
    return { enabled, revision, users: this.users, roles: this.roles };
  }
}

export function storedMeta(position: AppliedPosition): Loose<StoredMeta> {
  return {
    format: FORMAT,
    appliedIndex: position.index,
    appliedTerm: position.term,
    revision: position.revision,
    compactRevision: position.compactRevision,
    members: position.members.map(storedMember),
    versions: position.versionCount,
  };
}

export function positionOf(meta: StoredMeta): AppliedPosition {
  if (meta.format !== FORMAT) {
    throw new StorageError(
      `state format ${meta.format} is not one this version can read (${FORMAT})`,
    );
  }
  return {
    index: meta.appliedIndex,
    term: meta.appliedTerm,
    revision: Number(meta.revision),
    compactRevision: Number(meta.compactRevision),
    members: meta.members.map(memberOf),
    versionCount: Number(meta.versions),
  };
}

/** How far into a sealed record it begins. */
export const CHECKSUM_BYTES = 4;

/** Puts a checksum before a record, over its key too: the same bytes under another key are as wrong. */
export function seal(key: Buffer, encode: (head: number) => Buffer): Buffer {
  const sealed = encode(CHECKSUM_BYTES);
  sealed.writeUInt32BE(crc32(sealed.subarray(CHECKSUM_BYTES), crc32(key)), 0);
  return sealed;
}

/** @returns the record without its checksum @throws StorageError when they do not match */
export function unseal(key: Buffer, sealed: Buffer): Buffer {
  const record = sealed.subarray(CHECKSUM_BYTES);
  const matches =
    sealed.length >= CHECKSUM_BYTES && sealed.readUInt32BE(0) === crc32(record, crc32(key));
  if (!matches) throw new StorageError('a record does not match its checksum');
  return record;
}

/** A member as the API and the disk have it. */
export function storedMember(m: MemberInfo): Loose<Member> {
  const { id: ID, name, peerUrls: peerURLs, clientUrls: clientURLs, isLearner } = m;
  return { ID, name, peerURLs, clientURLs, isLearner };
}

function memberOf(m: Member): MemberInfo {
  const { ID: id, name, peerURLs: peerUrls, clientURLs: clientUrls, isLearner } = m;
  return { id, name, peerUrls, clientUrls, isLearner };
}
