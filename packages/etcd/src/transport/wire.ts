/** The gRPC service between members, with types for what the loaded `.proto` yields. */
import type {
  ClientWritableStream,
  Metadata,
  ServerReadableStream,
  ServiceClientConstructor,
  ServiceDefinition,
  ServiceError,
  sendUnaryData,
} from '@grpc/grpc-js';
import { loadProto, serviceOf } from '@kubets/platform';

export interface HelloWire {
  version: number;
  cluster_id: string;
  from: string;
  to: string;
  peer_urls: string[];
}

export interface BatchWire {
  hello?: HelloWire | null;
  messages?: Buffer;
}

export interface SnapshotHeaderWire {
  hello: HelloWire | null;
  term: string;
  index: string;
  index_term: string;
  membership: Buffer;
}

export interface SnapshotPartWire {
  header?: SnapshotHeaderWire | null;
  chunk?: Uint8Array;
  end?: { total_bytes: string; crc32: number } | null;
  /** Which of them it is. */
  part?: 'header' | 'chunk' | 'end';
}

export interface MemberWire {
  id: string;
  name: string;
  peer_urls: string[];
  client_urls: string[];
  is_learner: boolean;
}

export interface MembersReplyWire {
  cluster_id: string;
  members: MemberWire[];
}

export type Empty = Record<string, never>;
type Done<T> = (err: ServiceError | null, reply?: T) => void;

/** What a client of the service can call. */
export interface PeersClient {
  Stream(done: Done<Empty>): ClientWritableStream<BatchWire>;
  Snapshot(done: Done<Empty>): ClientWritableStream<SnapshotPartWire>;
  Members(request: Empty, options: { deadline: number }, done: Done<MembersReplyWire>): void;
  close(): void;
}

export type StreamCall = ServerReadableStream<BatchWire, Empty>;
export type SnapshotCall = ServerReadableStream<SnapshotPartWire, Empty>;
export type Reply<T> = sendUnaryData<T>;
export type { Metadata };

let loaded: ServiceClientConstructor | undefined;

function peersConstructor(): ServiceClientConstructor {
  loaded ??= serviceOf(loadProto('raft/raft.proto'), 'kubets.raft.v1.Peers');
  return loaded;
}

export function peersService(): ServiceDefinition {
  return peersConstructor().service;
}

/** @param options channel options */
export function peersClient(
  target: string,
  channel: Parameters<typeof Reflect.construct>[1][1],
  options: Record<string, number | string>,
): PeersClient {
  const client: unknown = Reflect.construct(peersConstructor(), [target, channel, options]);
  return client as PeersClient;
}

/** `https://host:port` as gRPC's `host:port`. @throws TypeError for anything that is not a URL */
export function targetOf(url: string): { target: string; secure: boolean } {
  const parsed = new URL(url);
  const port = parsed.port || (parsed.protocol === 'https:' ? '443' : '80');
  return { target: `${parsed.hostname}:${port}`, secure: parsed.protocol === 'https:' };
}
