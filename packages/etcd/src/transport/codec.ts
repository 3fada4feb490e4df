/**
 * Messages as bytes. By hand, because every entry of the store passes here twice: no object is built per field, entry data
 * is a view into the received frame. Little-endian; a frame is a sequence of messages:
 *
 * ```
 *  | type u8 | from u64 | to u64 | term u64 | … fields of the type, in the order written below
 *  entries: | count u32 | (index u64, term u64, kind u8, length u32, data) …
 * ```
 */
import type { PeerMessage } from '../host/ports.ts';
import { ENTRY_OVERHEAD_BYTES, type Entry, type LogPoint } from '../raft/types.ts';

/** The bytes are not a sequence of messages: the other side speaks another language. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

const TYPES = [
  'vote',
  'voteResponse',
  'append',
  'appendResponse',
  'heartbeat',
  'heartbeatResponse',
  'timeoutNow',
  'readIndex',
  'readIndexResponse',
  'transfer',
  'snapshotOffer',
  'forward',
  'forwardReply',
] as const satisfies readonly PeerMessage['type'][];

const CODE = new Map<PeerMessage['type'], number>(TYPES.map((type, code) => [type, code]));
const TWO_32 = 0x1_0000_0000;

/** Appends fields to a growing buffer. */
class Writer {
  #buffer: Buffer;
  #size: number;

  /**
   * @param head bytes left free in front
   * @param expected bytes that will be written, so that the buffer need not grow
   */
  constructor(head: number, expected: number) {
    this.#buffer = Buffer.allocUnsafe(head + expected);
    this.#size = head;
  }

  #room(bytes: number): number {
    const at = this.#size;
    this.#size += bytes;
    if (this.#size > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(this.#size, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    return at;
  }

  u8(value: number): void {
    const at = this.#room(1);
    this.#buffer[at] = value;
  }

  bool(value: boolean): void {
    this.u8(value ? 1 : 0);
  }

  u32(value: number): void {
    const at = this.#room(4);
    this.#buffer.writeUInt32LE(value, at);
  }

  number(value: number): void {
    const at = this.#room(8);
    this.#buffer.writeUInt32LE(value % TWO_32, at);
    this.#buffer.writeUInt32LE(Math.floor(value / TWO_32), at + 4);
  }

  id(value: bigint): void {
    const at = this.#room(8);
    this.#buffer.writeBigUInt64LE(value, at);
  }

  point(value: LogPoint): void {
    this.number(value.index);
    this.number(value.term);
  }

  bytes(value: Uint8Array): void {
    this.u32(value.byteLength);
    const at = this.#room(value.byteLength);
    this.#buffer.set(value, at);
  }

  entries(entries: readonly Entry[]): void {
    this.u32(entries.length);
    for (const entry of entries) {
      this.number(entry.index);
      this.number(entry.term);
      this.bool(entry.kind === 'conf');
      this.bytes(entry.data);
    }
  }

  finish(): Buffer {
    return this.#buffer.subarray(0, this.#size);
  }
}

class Reader {
  readonly #buffer: Buffer;
  #at = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get done(): boolean {
    return this.#at >= this.#buffer.length;
  }

  #take(bytes: number): number {
    const at = this.#at;
    if (at + bytes > this.#buffer.length) throw new MalformedMessageError('a message is cut short');
    this.#at += bytes;
    return at;
  }

  u8(): number {
    return this.#buffer[this.#take(1)] ?? 0;
  }

  bool(): boolean {
    return this.u8() !== 0;
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  number(): number {
    const at = this.#take(8);
    const value = this.#buffer.readUInt32LE(at + 4) * TWO_32 + this.#buffer.readUInt32LE(at);
    if (!Number.isSafeInteger(value)) throw new MalformedMessageError('a number is out of range');
    return value;
  }

  id(): bigint {
    return this.#buffer.readBigUInt64LE(this.#take(8));
  }

  point(): LogPoint {
    return { index: this.number(), term: this.number() };
  }

  bytes(): Uint8Array {
    const length = this.u32();
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  entries(): Entry[] {
    const count = this.u32();
    const entries: Entry[] = [];
    for (let n = 0; n < count; n += 1) {
      const { index, term } = this.point();
      entries.push({ index, term, kind: this.bool() ? 'conf' : 'normal', data: this.bytes() });
    }
    return entries;
  }
}

function writeBody(out: Writer, message: PeerMessage): void {
  switch (message.type) {
    case 'vote':
      out.bool(message.pre);
      out.bool(message.forced);
      out.point(message.last);
      break;
    case 'voteResponse':
      out.bool(message.pre);
      out.bool(message.granted);
      break;
    case 'append':
      out.point(message.prev);
      out.number(message.commit);
      out.entries(message.entries);
      break;
    case 'appendResponse':
      out.bool(message.rejected);
      out.number(message.index);
      out.point(message.hint);
      break;
    case 'heartbeat':
      out.number(message.commit);
      out.number(message.readSeq);
      break;
    case 'heartbeatResponse':
      out.number(message.readSeq);
      break;
    case 'timeoutNow':
      break;
    case 'readIndex':
      out.number(message.context);
      break;
    case 'readIndexResponse':
      out.number(message.context);
      out.number(message.index);
      break;
    case 'transfer':
      out.id(message.target);
      break;
    case 'snapshotOffer':
      out.point(message.point);
      break;
    case 'forward':
      out.number(message.requestId);
      out.bool(message.kind === 'conf');
      out.bytes(message.data);
      break;
    case 'forwardReply':
      out.number(message.requestId);
      out.bytes(Buffer.from(message.result));
      break;
  }
}

function readMessage(input: Reader): PeerMessage {
  const type = TYPES[input.u8()];
  if (type === undefined) throw new MalformedMessageError('unknown type of message');
  const ends = { from: input.id(), to: input.id() };
  const base = { ...ends, term: input.number() };
  switch (type) {
    case 'vote': {
      const pre = input.bool();
      const forced = input.bool();
      return { type, ...base, pre, forced, last: input.point() };
    }
    case 'voteResponse':
      return { type, ...base, pre: input.bool(), granted: input.bool() };
    case 'append': {
      const prev = input.point();
      const commit = input.number();
      return { type, ...base, prev, commit, entries: input.entries() };
    }
    case 'appendResponse': {
      const rejected = input.bool();
      const index = input.number();
      return { type, ...base, rejected, index, hint: input.point() };
    }
    case 'heartbeat':
      return { type, ...base, commit: input.number(), readSeq: input.number() };
    case 'heartbeatResponse':
      return { type, ...base, readSeq: input.number() };
    case 'timeoutNow':
      return { type, ...base };
    case 'readIndex':
      return { type, ...base, context: input.number() };
    case 'readIndexResponse':
      return { type, ...base, context: input.number(), index: input.number() };
    case 'transfer':
      return { type, ...base, target: input.id() };
    case 'snapshotOffer':
      return { type, ...base, point: input.point() };
    case 'forward': {
      const requestId = input.number();
      const kind = input.bool() ? 'conf' : 'normal';
      return { type, ...base, requestId, kind, data: input.bytes() };
    }
    case 'forwardReply': {
      const requestId = input.number();
      return { type, ...base, requestId, result: Buffer.from(input.bytes()).toString('utf8') };
    }
  }
}

/**
 * @param head bytes left free in front, for what the frame travels in
 * @returns messages as one frame
 */
export function encodeMessages(messages: readonly PeerMessage[], head = 0): Buffer {
  let expected = 0;
  for (const message of messages) expected += messageBytes(message);
  const out = new Writer(head, expected);
  for (const message of messages) {
    out.u8(CODE.get(message.type) ?? 255);
    out.id(message.from);
    out.id(message.to);
    out.number(message.term);
    writeBody(out, message);
  }
  return out.finish();
}

/** @throws MalformedMessageError */
export function decodeMessages(frame: Buffer): PeerMessage[] {
  const input = new Reader(frame);
  const messages: PeerMessage[] = [];
  while (!input.done) messages.push(readMessage(input));
  return messages;
}

/** About how many bytes a message takes: nearly always a few more than it does. */
export function messageBytes(message: PeerMessage): number {
  if (message.type === 'forward') return 64 + message.data.byteLength;
  if (message.type !== 'append') return 64;
  let bytes = 64;
  for (const entry of message.entries) bytes += ENTRY_OVERHEAD_BYTES + entry.data.byteLength;
  return bytes;
}
