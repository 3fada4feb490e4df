/** Messages of the Cluster, Maintenance, Auth, Lock and Election services. Field meanings: `proto/etcd/`. 64-bit integers are bigints; absent scalars are their zero. */

import type { KeyValue, ResponseHeader } from './messages.ts';

export interface Permission {
  permType: number;
  key: Buffer;
  rangeEnd: Buffer;
}

export interface Role {
  name: Buffer;
  keyPermission: Permission[];
}

export interface User {
  name: Buffer;
  password: Buffer;
  roles: string[];
  options?: UserAddOptions | undefined;
}

export interface UserAddOptions {
  noPassword: boolean;
}

/** An alarm and the member that raised it. */
export interface AlarmMember {
  memberID: bigint;
  alarm: number;
}

/** Lists, raises or clears alarms. */
export interface AlarmRequest {
  action: number;
  memberID: bigint;
  alarm: number;
}

export interface AlarmResponse {
  header?: ResponseHeader | undefined;
  alarms: AlarmMember[];
}

export interface AuthDisableResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthEnableResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthRoleAddRequest {
  name: string;
}

export interface AuthRoleAddResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthRoleDeleteRequest {
  role: string;
}

export interface AuthRoleDeleteResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthRoleGetRequest {
  role: string;
}

export interface AuthRoleGetResponse {
  header?: ResponseHeader | undefined;
  perm: Permission[];
}

export interface AuthRoleGrantPermissionRequest {
  name: string;
  perm?: Permission | undefined;
}

export interface AuthRoleGrantPermissionResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthRoleListResponse {
  header?: ResponseHeader | undefined;
  roles: string[];
}

export interface AuthRoleRevokePermissionRequest {
  role: string;
  key: Buffer;
  rangeEnd: Buffer;
}

export interface AuthRoleRevokePermissionResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthStatusResponse {
  header?: ResponseHeader | undefined;
  enabled: boolean;
  authRevision: bigint;
}

export interface AuthUserAddRequest {
  name: string;
  password: string;
  options?: UserAddOptions | undefined;
  hashedPassword: string;
}

export interface AuthUserAddResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthUserChangePasswordRequest {
  name: string;
  password: string;
  hashedPassword: string;
}

export interface AuthUserChangePasswordResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthUserDeleteRequest {
  name: string;
}

export interface AuthUserDeleteResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthUserGetRequest {
  name: string;
}

export interface AuthUserGetResponse {
  header?: ResponseHeader | undefined;
  roles: string[];
}

export interface AuthUserGrantRoleRequest {
  user: string;
  role: string;
}

export interface AuthUserGrantRoleResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthUserListResponse {
  header?: ResponseHeader | undefined;
  users: string[];
}

export interface AuthUserRevokeRoleRequest {
  name: string;
  role: string;
}

export interface AuthUserRevokeRoleResponse {
  header?: ResponseHeader | undefined;
}

export interface AuthenticateRequest {
  name: string;
  password: string;
}

export interface AuthenticateResponse {
  header?: ResponseHeader | undefined;
  token: string;
}

export interface DefragmentResponse {
  header?: ResponseHeader | undefined;
}

export interface DowngradeInfo {
  enabled: boolean;
  targetVersion: string;
}

export interface DowngradeRequest {
  action: number;
  version: string;
}

export interface DowngradeResponse {
  header?: ResponseHeader | undefined;
  version: string;
}

/** Hash of the history up to `revision` (0: the current one). */
export interface HashKVRequest {
  revision: bigint;
}

export interface HashKVResponse {
  header?: ResponseHeader | undefined;
  hash: number;
  compactRevision: bigint;
  hashRevision: bigint;
}

export interface HashResponse {
  header?: ResponseHeader | undefined;
  hash: number;
}

/** A cluster member as everyone knows it. A member that has not started yet has no name. */
export interface Member {
  ID: bigint;
  name: string;
  peerURLs: string[];
  clientURLs: string[];
  isLearner: boolean;
}

export interface MemberAddRequest {
  peerURLs: string[];
  isLearner: boolean;
}

export interface MemberAddResponse {
  header?: ResponseHeader | undefined;
  member?: Member | undefined;
  members: Member[];
}

export interface MemberListRequest {
  linearizable: boolean;
}

export interface MemberListResponse {
  header?: ResponseHeader | undefined;
  members: Member[];
}

export interface MemberPromoteRequest {
  ID: bigint;
}

export interface MemberPromoteResponse {
  header?: ResponseHeader | undefined;
  members: Member[];
}

export interface MemberRemoveRequest {
  ID: bigint;
}

export interface MemberRemoveResponse {
  header?: ResponseHeader | undefined;
  members: Member[];
}

export interface MemberUpdateRequest {
  ID: bigint;
  peerURLs: string[];
}

export interface MemberUpdateResponse {
  header?: ResponseHeader | undefined;
  members: Member[];
}

export interface MoveLeaderRequest {
  targetID: bigint;
}

export interface MoveLeaderResponse {
  header?: ResponseHeader | undefined;
}

/** A piece of the snapshot; remaining_bytes counts down, the last piece is the SHA-256 of all before it. */
export interface SnapshotResponse {
  header?: ResponseHeader | undefined;
  remainingBytes: bigint;
  blob: Buffer;
  version: string;
}

/** A member about itself; never forwarded. */
export interface StatusResponse {
  header?: ResponseHeader | undefined;
  version: string;
  dbSize: bigint;
  leader: bigint;
  raftIndex: bigint;
  raftTerm: bigint;
  raftAppliedIndex: bigint;
  errors: string[];
  dbSizeInUse: bigint;
  isLearner: boolean;
  storageVersion: string;
  dbSizeQuota: bigint;
  downgradeInfo?: DowngradeInfo | undefined;
}

export interface LockRequest {
  name: Buffer;
  lease: bigint;
}

export interface LockResponse {
  header?: ResponseHeader | undefined;
  key: Buffer;
}

export interface UnlockRequest {
  key: Buffer;
}

export interface UnlockResponse {
  header?: ResponseHeader | undefined;
}

export interface CampaignRequest {
  name: Buffer;
  lease: bigint;
  value: Buffer;
}

export interface CampaignResponse {
  header?: ResponseHeader | undefined;
  leader?: LeaderKey | undefined;
}

/** Ownership of an election: the key the owner holds and the revision it was created at. */
export interface LeaderKey {
  name: Buffer;
  key: Buffer;
  rev: bigint;
  lease: bigint;
}

export interface LeaderRequest {
  name: Buffer;
}

export interface LeaderResponse {
  header?: ResponseHeader | undefined;
  kv?: KeyValue | undefined;
}

export interface ProclaimRequest {
  leader?: LeaderKey | undefined;
  value: Buffer;
}

export interface ProclaimResponse {
  header?: ResponseHeader | undefined;
}

export interface ResignRequest {
  leader?: LeaderKey | undefined;
}

export interface ResignResponse {
  header?: ResponseHeader | undefined;
}
