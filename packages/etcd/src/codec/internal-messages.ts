/** What members write for themselves: log entries, stored records, snapshots. See `proto/etcd/internal.proto`. */

import type {
  AlarmRequest,
  AuthRoleAddRequest,
  AuthRoleDeleteRequest,
  AuthRoleGrantPermissionRequest,
  AuthRoleRevokePermissionRequest,
  AuthUserAddRequest,
  AuthUserChangePasswordRequest,
  AuthUserDeleteRequest,
  AuthUserGrantRoleRequest,
  AuthUserRevokeRoleRequest,
  Member,
  Role,
  User,
} from './admin-messages.ts';
import type {
  CompactionRequest,
  DeleteRangeRequest,
  KeyValue,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  PutRequest,
  TxnRequest,
} from './messages.ts';

/** One log entry: the writes that were waiting when it was made. */
export interface ProposalBatch {
  proposals: Proposal[];
  /** Entries of another term are skipped. */
  term: bigint;
}

export interface Proposal {
  id: bigint;
  member: bigint;
  put?: PutRequest | undefined;
  deleteRange?: DeleteRangeRequest | undefined;
  txn?: TxnRequest | undefined;
  compact?: CompactionRequest | undefined;
  leaseGrant?: LeaseGrantRequest | undefined;
  leaseRevoke?: LeaseRevokeRequest | undefined;
  leaseRenew?: LeaseRenewal | undefined;
  leaseExpire?: LeaseExpiry | undefined;
  alarm?: AlarmRequest | undefined;
  auth?: AuthChange | undefined;
  skip?: Skip | undefined;
  /** Who asked; empty while authentication is off. */
  user: string;
  /** The state of users and roles the credentials were checked against. */
  authRevision: bigint;
}

/** Revisions that are left out, and the history with them. */
export interface Skip {
  revisions: bigint;
}

/** A change of users and roles: one of these. */
export interface AuthChange {
  enable?: object | undefined;
  disable?: object | undefined;
  userAdd?: AuthUserAddRequest | undefined;
  userDelete?: AuthUserDeleteRequest | undefined;
  userChangePassword?: AuthUserChangePasswordRequest | undefined;
  userGrantRole?: AuthUserGrantRoleRequest | undefined;
  userRevokeRole?: AuthUserRevokeRoleRequest | undefined;
  roleAdd?: AuthRoleAddRequest | undefined;
  roleDelete?: AuthRoleDeleteRequest | undefined;
  roleGrantPermission?: AuthRoleGrantPermissionRequest | undefined;
  roleRevokePermission?: AuthRoleRevokePermissionRequest | undefined;
  token?: AuthToken | undefined;
}

/** A simple token was given out. */
export interface AuthToken {
  user: string;
  /** SHA-256 of the token. */
  digest: Buffer;
  authRevision: bigint;
}

export interface LeaseRenewal {
  ID: bigint;
}

/** Ends a lease unless it was renewed after the leader saw it expire. */
export interface LeaseExpiry {
  ID: bigint;
  renewals: bigint;
}

export interface StoredRevision {
  kv?: KeyValue | undefined;
  sub: bigint;
  tombstone: boolean;
}

export interface StoredLease {
  ID: bigint;
  TTL: bigint;
  renewals: bigint;
}

export interface StoredAlarm {
  member: bigint;
  type: number;
}

export interface StoredAuth {
  enabled: boolean;
  revision: bigint;
}

export interface StoredMeta {
  format: number;
  appliedIndex: bigint;
  appliedTerm: bigint;
  revision: bigint;
  compactRevision: bigint;
  members: Member[];
  versions: bigint;
}

export interface SnapshotRecord {
  meta?: StoredMeta | undefined;
  revision?: StoredRevision | undefined;
  lease?: StoredLease | undefined;
  alarm?: StoredAlarm | undefined;
  end?: SnapshotEnd | undefined;
  auth?: StoredAuth | undefined;
  user?: User | undefined;
  role?: Role | undefined;
}

export interface SnapshotEnd {
  records: bigint;
  crc32: number;
}
