/** What a member needs of the network. The simulator and the gRPC transport implement it. */
import type { MemberInfo } from '../ports.ts';
import type { LogPoint, Message, PeerId } from '../raft/types.ts';

/** A proposal on its way from a follower to the leader. */
export interface Forward {
  readonly type: 'forward';
  readonly from: PeerId;
  readonly to: PeerId;
  /** The leader takes it in this term or not at all. */
  readonly term: number;
  /** Ascending for each sender. */
  readonly requestId: number;
  readonly kind: 'normal' | 'conf';
  readonly data: Uint8Array;
}

/** The leader's answer: `accepted`, or the code of a refusal. */
export interface ForwardReply {
  readonly type: 'forwardReply';
  readonly from: PeerId;
  readonly to: PeerId;
  /** As asked. */
  readonly term: number;
  readonly requestId: number;
  readonly result: string;
}

export type PeerMessage = Message | Forward | ForwardReply;

/** Goes ahead of a snapshot's bytes. */
export interface SnapshotHeader {
  readonly from: PeerId;
  readonly to: PeerId;
  readonly term: number;
  readonly point: LogPoint;
  /** The membership as of the snapshot, encoded (see membership.ts). */
  readonly conf: Uint8Array;
}

/** Where a member can be reached. */
export interface PeerAddress {
  readonly id: PeerId;
  readonly peerUrls: readonly string[];
}

export interface TransportHandlers {
  /** Messages in the order they arrived; they may be lost, late, repeated or out of order. */
  onMessages(messages: readonly PeerMessage[]): void;
  /** Takes a snapshot; resolves once it is installed. A rejection tells the sender that it failed. */
  onSnapshot(header: SnapshotHeader, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  /** A member can be reached, for the first time or again. */
  onPeerUp(id: PeerId): void;
  /** The connection to a member has just broken: its process is probably gone. */
  onPeerDown(id: PeerId): void;
  /** Messages to a member were dropped. */
  onUnreachable(id: PeerId): void;
  /** For a member that is about to join. */
  members(): readonly MemberInfo[];
}

/** The network between members. Best effort: nothing is promised but order within one connection. */
export interface Transport {
  start(handlers: TransportHandlers): Promise<void>;
  /** Whom messages may be addressed to from now on; connections to others are closed. */
  setPeers(peers: readonly PeerAddress[]): void;
  /** Never blocks: what does not fit into a member's queue is dropped and reported unreachable. */
  send(messages: readonly PeerMessage[]): void;
  /** Resolves when the other side has installed it. */
  sendSnapshot(header: SnapshotHeader, chunks: AsyncIterable<Uint8Array>): Promise<void>;
  stop(): Promise<void>;
}
