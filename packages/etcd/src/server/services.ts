/** Puts the services on the door: which method is whose. */

import type * as wire from '../codec/index.ts';
import { serviceMethods } from '../codec/index.ts';
import { CODE, etcdError, statusError } from '../errors.ts';
import type { StreamCall, StreamHandler, UnaryHandler } from './calls.ts';
import { Claims } from './claims.ts';
import { ClusterService } from './cluster-service.ts';
import type { Door } from './door.ts';
import { ElectionService } from './election-service.ts';
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
}

/** Adds all services of the etcd v3 API. */
export function addServices(door: Door, services: Services): void {
  addKvAndWatch(door, services);
  addLease(door, new LeaseService(services.member, services.guard));
  addCluster(door, new ClusterService(services.member));
  addMaintenance(door, new MaintenanceService(services.member));
  addClaims(door, services.member);
  addAccess(door, services.member);
}

function addKvAndWatch(door: Door, { member, quota, guard }: Services): void {
  const kv = new KvService(member, quota);
  addService(door, 'etcdserverpb.KV', {
    unary: {
      Range: (request: wire.RangeRequest) => kv.range(request),
      Put: (request: wire.PutRequest, info) => kv.put(request, info),
      DeleteRange: (request: wire.DeleteRangeRequest, info) => kv.deleteRange(request, info),
      Txn: (request: wire.TxnRequest, info) => kv.txn(request, info),
      Compact: (request: wire.CompactionRequest, info) => kv.compact(request, info),
    },
  });
  addService(door, 'etcdserverpb.Watch', {
    stream: {
      Watch: (call: StreamCall<wire.WatchRequest, wire.WatchResponse>) =>
        serveWatch(member.parts.hub, guard, call),
    },
  });
}

function addLease(door: Door, lease: LeaseService): void {
  addService(door, 'etcdserverpb.Lease', {
    unary: {
      LeaseGrant: (request: wire.LeaseGrantRequest) => lease.grant(request),
      LeaseRevoke: (request: wire.LeaseRevokeRequest) => lease.revoke(request),
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
      MemberAdd: (request: wire.MemberAddRequest) => cluster.add(request),
      MemberRemove: (request: wire.MemberRemoveRequest) => cluster.remove(request),
      MemberUpdate: (request: wire.MemberUpdateRequest) => cluster.update(request),
      MemberPromote: (request: wire.MemberPromoteRequest) => cluster.promote(request),
    },
  });
}

function addMaintenance(door: Door, maintenance: MaintenanceService): void {
  addService(door, 'etcdserverpb.Maintenance', {
    unary: {
      Alarm: (request: wire.AlarmRequest) => maintenance.alarm(request),
      Status: () => maintenance.status(),
      Defragment: () => maintenance.defragment(),
      Hash: () => maintenance.hash(),
      HashKV: (request: wire.HashKVRequest) => maintenance.hashKv(request),
      MoveLeader: (request: wire.MoveLeaderRequest) => maintenance.moveLeader(request),
    },
    stream: {
      Snapshot: (call: StreamCall<unknown, wire.SnapshotResponse>) => maintenance.snapshot(call),
    },
  });
}

/** Users and roles are not kept: whoever may connect (by client certificate, with TLS) may do everything. */
function addAccess(door: Door, member: Member): void {
  addService(door, 'etcdserverpb.Auth', {
    unary: {
      AuthStatus: () => ({ header: member.currentHeader(), enabled: false, authRevision: 1 }),
      AuthDisable: () => ({ header: member.currentHeader() }),
      Authenticate: () => {
        throw etcdError('authNotEnabled');
      },
    },
  });
}

function addClaims(door: Door, member: Member): void {
  const claims = new Claims(member);
  const locks = new LockService(member, claims);
  addService(door, 'v3lockpb.Lock', {
    unary: {
      Lock: (request: wire.LockRequest, info) => locks.lock(request, info),
      Unlock: (request: wire.UnlockRequest) => locks.unlock(request),
    },
  });
  const elections = new ElectionService(member, claims);
  addService(door, 'v3electionpb.Election', {
    unary: {
      Campaign: (request: wire.CampaignRequest, info) => elections.campaign(request, info),
      Proclaim: (request: wire.ProclaimRequest) => elections.proclaim(request),
      Leader: (request: wire.LeaderRequest) => elections.leader(request),
      Resign: (request: wire.ResignRequest) => elections.resign(request),
    },
    stream: {
      Observe: (call: StreamCall<wire.LeaderRequest, wire.LeaderResponse>) =>
        elections.observe(call),
    },
  });
}
