/** What administrators ask of a cluster: its members, their hashes, alarms and snapshots. */

import { Metadata } from '@grpc/grpc-js';
import {
  type ClientTls,
  type Clock,
  silentLogger,
  systemClock,
  systemRandom,
} from '@kubets/platform';
import type * as wire from '../codec/index.ts';
import { serviceMethods } from '../codec/index.ts';
import { CODE, EtcdError, statusError } from '../errors.ts';
import { Endpoints } from './endpoints.ts';
import type { ClusterMember } from './types.ts';

export interface AdminClientOptions {
  readonly endpoints: readonly string[];
  readonly tls?: ClientTls;
  readonly clock?: Clock;
  /** A call's whole time. */
  readonly timeoutMs: number;
}

const SERVICES = {
  auth: serviceMethods('etcdserverpb.Auth'),
  cluster: serviceMethods('etcdserverpb.Cluster'),
  maintenance: serviceMethods('etcdserverpb.Maintenance'),
} as const;

interface AdminCall {
  readonly service: keyof typeof SERVICES;
  readonly method: string;
  readonly request: object;
  readonly read?: boolean;
  readonly endpoint?: string | undefined;
}

function memberOf(m: wire.Member): ClusterMember {
  const { ID: id, name, peerURLs: peerUrls, clientURLs: clientUrls, isLearner } = m;
  return { id, name, peerUrls, clientUrls, isLearner };
}

/** Works with a stock etcd, too. Rejects as `EtcdClient` does. */
export class AdminClient {
  private readonly endpoints: Endpoints;
  private readonly timeoutMs: number;
  private readonly metadata = new Metadata();

  constructor(options: AdminClientOptions) {
    const { endpoints, tls, clock = systemClock, timeoutMs } = options;
    const common = { log: silentLogger, clock, random: systemRandom };
    this.endpoints = new Endpoints({ endpoints, ...(tls && { tls }), ...common });
    this.timeoutMs = timeoutMs;
  }

  /** Further calls are this user's. */
  async login(name: string, password: string): Promise<void> {
    const request = { name, password };
    const call: AdminCall = { service: 'auth', method: 'Authenticate', request, read: true };
    const { token } = await this.call<wire.AuthenticateResponse>(call);
    this.metadata.set('token', token);
  }

  async members(): Promise<readonly ClusterMember[]> {
    const request = { linearizable: true };
    const call: AdminCall = { service: 'cluster', method: 'MemberList', request, read: true };
    return (await this.call<wire.MemberListResponse>(call)).members.map(memberOf);
  }

  /**
   * @returns the new member, which has no name until it starts, and all members. The cluster may not be able to tell that
   * again before the new one runs: of two voters both are needed
   */
  async addMember(
    peerUrls: readonly string[],
    isLearner: boolean,
  ): Promise<{ member: ClusterMember; members: readonly ClusterMember[] }> {
    const request = { peerURLs: peerUrls, isLearner };
    const call: AdminCall = { service: 'cluster', method: 'MemberAdd', request };
    const { member, members } = await this.call<wire.MemberAddResponse>(call);
    if (member === undefined) throw statusError(CODE.internal, 'the answer names no member');
    return { member: memberOf(member), members: members.map(memberOf) };
  }

  async removeMember(id: bigint): Promise<void> {
    await this.call({ service: 'cluster', method: 'MemberRemove', request: { ID: id } });
  }

  /** Makes a learner a voter. @throws EtcdError `learnerNotReady` */
  async promoteMember(id: bigint): Promise<void> {
    await this.call({ service: 'cluster', method: 'MemberPromote', request: { ID: id } });
  }

  /** One member about itself. */
  status(endpoint?: string): Promise<wire.StatusResponse> {
    return this.call({
      ...{ service: 'maintenance', method: 'Status', request: {}, read: true, endpoint },
    });
  }

  /** A member's hash of its history up to a revision. */
  hashKv(endpoint: string, revision: bigint): Promise<wire.HashKVResponse> {
    const request = { revision };
    return this.call({
      ...{ service: 'maintenance', method: 'HashKV', request, read: true, endpoint },
    });
  }

  /** Raises, or clears, an alarm for a member. */
  async alarm(request: wire.AlarmRequest): Promise<void> {
    await this.call({ service: 'maintenance', method: 'Alarm', request });
  }

  /** A member's snapshot as it comes, its checksum last. */
  async *snapshot(endpoint?: string): AsyncGenerator<wire.SnapshotResponse> {
    // Finds an endpoint that answers, and waits for the connection.
    await this.status(endpoint);
    const { client } =
      endpoint === undefined ? this.endpoints.active() : this.endpoints.pick(endpoint);
    const method = methodOf('maintenance', 'Snapshot');
    const stream = client.makeServerStreamRequest(
      method.path,
      (value: object) => method.request.encode(value as never),
      (bytes: Buffer) => method.response.decode(bytes) as wire.SnapshotResponse,
      {},
      this.metadata,
    );
    // An error after the last message was asked for has nobody else to hear it.
    stream.on('error', () => undefined);
    try {
      for await (const message of stream) yield message as wire.SnapshotResponse;
    } catch (error) {
      throw fromStream(error);
    } finally {
      stream.cancel();
    }
  }

  close(): void {
    this.endpoints.close();
  }

  private async call<T>({ service, method: name, request, ...rest }: AdminCall): Promise<T> {
    const { endpoint, read = false } = rest;
    const { metadata, timeoutMs } = this;
    const method = methodOf(service, name);
    const call = { method, request, read, metadata, ...(endpoint !== undefined && { endpoint }) };
    return (await this.endpoints.unary(call, { timeoutMs })) as T;
  }
}

function methodOf(service: keyof typeof SERVICES, name: string) {
  const method = SERVICES[service][name];
  if (method === undefined) throw new TypeError(`no method ${name}`);
  return method;
}

function fromStream(error: unknown): unknown {
  const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  if (!(error instanceof Error) || typeof code !== 'number') return error;
  return EtcdError.fromWire(code, String(Reflect.get(error, 'details') ?? error.message));
}
