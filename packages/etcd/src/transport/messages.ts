/** The gRPC service between members: its methods, its messages, and the frames they travel in. */
import { invariant } from '@kubets/platform';
import {
  type Loose,
  type MessageType,
  type MethodPlan,
  messageType,
  Reader,
  serviceMethods,
} from '../codec/index.ts';
import type { PeerMessage } from '../host/ports.ts';
import type { MemberInfo } from '../ports.ts';
import { FRAME_HEAD_BYTES, sealFrame } from '../server/frames.ts';
import { encodeMessages } from './codec.ts';

/** Who speaks, and to whom it believes to speak. */
export interface Hello {
  version: number;
  clusterId: bigint;
  from: bigint;
  to: bigint;
  peerUrls: string[];
}

export interface SnapshotHeaderPart {
  hello?: Hello | undefined;
  term: bigint;
  index: bigint;
  indexTerm: bigint;
  membership: Buffer;
}

/** One of them. */
export interface SnapshotPart {
  header?: SnapshotHeaderPart | undefined;
  chunk?: Uint8Array | undefined;
  end?: { totalBytes: bigint; crc32: number } | undefined;
}

export interface MembersReply {
  clusterId: bigint;
  members: readonly MemberInfo[];
}

const methods = serviceMethods('kubets.raft.v1.Peers');

function method(name: string): MethodPlan {
  const plan = methods[name];
  invariant(plan !== undefined, 'the service between members has this method', { name });
  return plan;
}

export const STREAM = method('Stream');
export const SNAPSHOT = method('Snapshot');
export const MEMBERS = method('Members');

const BATCH = messageType<{ hello?: Hello; messages: Buffer }>('kubets.raft.v1.Batch');
const HELLO = messageType<Hello>('kubets.raft.v1.Hello');
export const SNAPSHOT_PART = messageType<SnapshotPart>('kubets.raft.v1.SnapshotPart');

/** A message as gRPC sends it. */
export function frameOf<T>(type: MessageType<T>, value: Loose<T>): Buffer {
  return sealFrame(type.encode(value, FRAME_HEAD_BYTES));
}

export function helloFrame(hello: Hello): Buffer {
  return frameOf(BATCH, { hello });
}

const HELLO_TAG = (1 << 3) | 2;
const MESSAGES_TAG = (2 << 3) | 2;
/** Room in front of messages for gRPC's head, the field's tag and its length. */
const HEAD_ROOM = FRAME_HEAD_BYTES + 1 + 5;

/** Raft messages as one gRPC frame. The head is put in front of them where they are, so nothing is copied. */
export function messagesFrame(messages: readonly PeerMessage[]): Buffer {
  const frame = encodeMessages(messages, HEAD_ROOM);
  let length = frame.length - HEAD_ROOM;
  let size = 1;
  for (let rest = length; rest >= 0x80; rest >>>= 7) size += 1;
  const start = HEAD_ROOM - size - 1;
  frame[start] = MESSAGES_TAG;
  for (let at = start + 1; at < HEAD_ROOM; at += 1) {
    frame[at] = at === HEAD_ROOM - 1 ? length : (length & 0x7f) | 0x80;
    length >>>= 7;
  }
  return sealFrame(frame.subarray(start - FRAME_HEAD_BYTES));
}

/**
 * Takes a batch apart without copying it.
 * @throws CodecError
 */
export function readBatch(bytes: Buffer): { hello?: Hello; messages?: Buffer } {
  const input = new Reader(bytes);
  const batch: { hello?: Hello; messages?: Buffer } = {};
  while (input.pos < input.end) {
    const tag = input.uint32();
    if (tag === MESSAGES_TAG) batch.messages = input.bytes();
    else if (tag === HELLO_TAG) batch.hello = HELLO.decode(input.bytes());
    else input.skip(tag & 7);
  }
  return batch;
}
