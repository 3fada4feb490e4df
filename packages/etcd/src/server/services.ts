/** Puts the services on the door: which method is whose. */

import { errorMessage } from '@kubets/platform';
import type * as wire from '../codec/index.ts';
import { serviceMethods } from '../codec/index.ts';
import { CODE, EtcdError, statusError } from '../errors.ts';
import type { AuthService } from './auth-service.ts';
import type { StreamCall, StreamHandler, UnaryHandler } from './calls.ts';
import { Claims } from './claims.ts';
import { ClusterService } from './cluster-service.ts';
import type { Door } from './door.ts';
import { ElectionService } from './election-service.ts';
import { FrameSharing } from './frame-sharing.ts';
import { KvService } from './kv-service.ts';
import type { LeaderGuard } from './leader-guard.ts';
import { LeaseService } from './lease-service.ts';
import { LockService } from './lock-service.ts';
import { MaintenanceService } from './maintenance-service.ts';
import type { Member } from './member.ts';
import type { Quota } from './quota.ts';
import { serveWatch } from './watch-service.ts';

interface Handlers {
  readonly unary?: Readonly<Record<string, UnaryHandler>>;
  readonly stream?: Readonly<Record<string, StreamHandler>>;
}

/** Every method of a service must be handled; those without a handler here answer that they are not there. */
function addService(door: Door, service: string, { unary = {}, stream = {} }: Handlers): void {
  for (const [name, method] of Object.entries(serviceMethods(service))) {
    const missing = () => {
      throw statusError(CODE.unimplemented, `${service}.${name} is not available in this store`);
    };
    if (method.requestStream || method.responseStream) door.stream(method, stream[name] ?? missing);
    else door.unary(method, unary[name] ?? missing);
  }
}

export interface Services {
  readonly member: Member;
  readonly quota: Quota;
  readonly guard: LeaderGuard;
  readonly auth: AuthService;
}

/** Adds all services of the etcd v3 API. */
export function addServices(door: Door, services: Services): void {
  addKvAndWatch(door, services);
  addLease(door, new LeaseService(services.member, services.guard));
  addCluster(door, new ClusterService(services.member));
  addMaintenance(door, services.member, new MaintenanceService(services.member));
  addClaims(door, services.member);
  addAuth(door, services.auth);
}

function addKvAndWatch(door: Door, { member, quota, guard }: Services): void {
  const kv = new KvService(member, quota);
  const watching = { member, guard, frames: new FrameSharing() };
  addService(door, 'etcdserverpb.KV', {
    unary: {
      Range: (request: wire.RangeRequest, info) => kv.range(request, info),
      Put: (request: wire.PutRequest, info) => kv.put(request, info),
      DeleteRange: (request: wire.DeleteRangeRequest, info) => kv.deleteRange(request, info),
      Txn: (request: wire.TxnRequest, info) => kv.txn(request, info),
      Compact: (request: wire.CompactionRequest, info) => kv.compact(request, info),
    },
  });
  addService(door, 'etcdserverpb.Watch', {
    stream: {
      Watch: (call: StreamCall<wire.WatchRequest, wire.WatchResponse>) =>
        serveWatch(watching, call),
    },
  });
}

function addLease(door: Door, lease: LeaseService): void {
  addService(door, 'etcdserverpb.Lease', {
    unary: {
      LeaseGrant: (request: wire.LeaseGrantRequest, info) => lease.grant(request, info),
      LeaseRevoke: (request: wire.LeaseRevokeRequest, info) => lease.revoke(request, info),
      LeaseTimeToLive: (request: wire.LeaseTimeToLiveRequest) => lease.timeToLive(request),
      LeaseLeases: () => lease.leases(),
    },
    stream: {
      LeaseKeepAlive: (call: StreamCall<wire.LeaseKeepAliveRequest, wire.LeaseKeepAliveResponse>) =>
        lease.keepAlive(call),
    },
  });
}

function addCluster(door: Door, cluster: ClusterService): void {
  addService(door, 'etcdserverpb.Cluster', {
    unary: {
      MemberList: (request: wire.MemberListRequest) => cluster.list(request),
      MemberAdd: (request: wire.MemberAddRequest, info) => cluster.add(request, info),
      MemberRemove: (request: wire.MemberRemoveRequest, info) => cluster.remove(request, info),
      MemberUpdate: (request: wire.MemberUpdateRequest, info) => cluster.update(request, info),
      MemberPromote: (request: wire.MemberPromoteRequest, info) => cluster.promote(request, info),
    },
  });
}

function asEtcdError(error: unknown): EtcdError {
  return error instanceof EtcdError ? error : statusError(CODE.internal, errorMessage(error));
}

/** Some of it is for administrators only. */
function addMaintenance(door: Door, { access }: Member, maintenance: MaintenanceService): void {
  addService(door, 'etcdserverpb.Maintenance', {
    unary: {
      Alarm: async (request: wire.AlarmRequest, { caller }) => {
        await access.who(caller);
        return maintenance.alarm(request);
      },
      Status: () => maintenance.status(),
      Defragment: async (_: unknown, { caller }) => {
        await access.checkMaintainer(caller);
        return maintenance.defragment();
      },
      Hash: async (_: unknown, { caller }) => {
        await access.checkMaintainer(caller);
        return maintenance.hash();
      },
      HashKV: async (request: wire.HashKVRequest, { caller }) => {
        await access.checkMaintainer(caller);
        return maintenance.hashKv(request);
      },
      MoveLeader: (request: wire.MoveLeaderRequest) => maintenance.moveLeader(request),
    },
    stream: {
      Snapshot: (call: StreamCall<unknown, wire.SnapshotResponse>) => {
        const refuse = (error: unknown): void => call.end(asEtcdError(error));
        access.checkMaintainer(call).then(() => maintenance.snapshot(call), refuse);
      },
    },
  });
}

function addAuth(door: Door, auth: AuthService): void {
  addService(door, 'etcdserverpb.Auth', {
    unary: {
      AuthEnable: (_: unknown, info) => auth.change({ enable: {} }, info),
      AuthDisable: (_: unknown, info) => auth.change({ disable: {} }, info),
      AuthStatus: (_: unknown, info) => auth.status(info),
      Authenticate: (request: wire.AuthenticateRequest, info) => auth.authenticate(request, info),
      UserAdd: (request: wire.AuthUserAddRequest, info) => auth.addUser(request, info),
      UserGet: (request: wire.AuthUserGetRequest, info) => auth.user(request, info),
      UserList: (_: unknown, info) => auth.users(info),
      UserDelete: (request: wire.AuthUserDeleteRequest, info) =>
        auth.change({ userDelete: request }, info),
      UserChangePassword: (request: wire.AuthUserChangePasswordRequest, info) =>
        auth.changePassword(request, info),
      UserGrantRole: (request: wire.AuthUserGrantRoleRequest, info) =>
        auth.change({ userGrantRole: request }, info),
      UserRevokeRole: (request: wire.AuthUserRevokeRoleRequest, info) =>
        auth.change({ userRevokeRole: request }, info),
      RoleAdd: (request: wire.AuthRoleAddRequest, info) => auth.change({ roleAdd: request }, info),
      RoleGet: (request: wire.AuthRoleGetRequest, info) => auth.role(request, info),
      RoleList: (_: unknown, info) => auth.roles(info),
      RoleDelete: (request: wire.AuthRoleDeleteRequest, info) =>
        auth.change({ roleDelete: request }, info),
      RoleGrantPermission: (request: wire.AuthRoleGrantPermissionRequest, info) =>
        auth.change({ roleGrantPermission: request }, info),
      RoleRevokePermission: (request: wire.AuthRoleRevokePermissionRequest, info) =>
        auth.change({ roleRevokePermission: request }, info),
    },
  });
}

function addClaims(door: Door, member: Member): void {
  const claims = new Claims(member);
  const locks = new LockService(member, claims);
  addService(door, 'v3lockpb.Lock', {
    unary: {
      Lock: (request: wire.LockRequest, info) => locks.lock(request, info),
      Unlock: (request: wire.UnlockRequest, info) => locks.unlock(request, info),
    },
  });
  const elections = new ElectionService(member, claims);
  addService(door, 'v3electionpb.Election', {
    unary: {
      Campaign: (request: wire.CampaignRequest, info) => elections.campaign(request, info),
      Proclaim: (request: wire.ProclaimRequest, info) => elections.proclaim(request, info),
      Leader: (request: wire.LeaderRequest, info) => elections.leader(request, info),
      Resign: (request: wire.ResignRequest, info) => elections.resign(request, info),
    },
    stream: {
      Observe: (call: StreamCall<wire.LeaderRequest, wire.LeaderResponse>) =>
        elections.observe(call),
    },
  });
}
