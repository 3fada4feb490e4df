/**
 * As much of protobuf and gRPC framing as the load needs. Requests are built once and sent many times; of answers only what
 * is counted is looked at, so that the client costs as little as possible beside the server under test.
 */
import { BenchError } from './errors.ts';

const FRAME_HEAD_BYTES = 5;

/** Encodes a non-negative safe integer. */
export function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) out.push((rest % 128) | 0x80);
  out.push(rest);
  return Buffer.from(out);
}

/** A field of bytes, text or a nested message. */
export function bytesField(id: number, value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return Buffer.concat([varint(id * 8 + 2), varint(bytes.length), bytes]);
}

/** A field with a number. */
export function numberField(id: number, value: number): Buffer {
  return Buffer.concat([varint(id * 8), varint(value)]);
}

/** A gRPC message frame, not compressed. */
export function frame(message: Uint8Array): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_BYTES);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

/** One field of a message: its number, and its value (a number, or the bytes of anything delimited). */
export interface Field {
  readonly id: number;
  readonly value: number | Buffer;
}

function readVarint(bytes: Buffer, from: number): { value: number; next: number } {
  let value = 0;
  let scale = 1;
  for (let at = from; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return { value, next: at + 1 };
    scale *= 128;
  }
  throw new BenchError('the server sent a broken message: a number does not end');
}

/** The fields of a message in order; numbers beyond 2^53 lose their last digits. */
export function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  while (at < message.length) {
    const tag = readVarint(message, at);
    const id = Math.floor(tag.value / 8);
    const { value, next } = readVarint(message, tag.next);
    if (tag.value % 8 === 0) {
      yield { id, value };
      at = next;
    } else if (tag.value % 8 === 2) {
      yield { id, value: message.subarray(next, next + value) };
      at = next + value;
    } else throw new BenchError(`the server sent a field of an unknown kind, ${tag.value % 8}`);
  }
}

/** How many fields of this number a message has. */
export function countFields(message: Buffer, id: number): number {
  let count = 0;
  for (const field of fieldsOf(message)) if (field.id === id) count += 1;
  return count;
}

/** The number in a field, 0 when it is not there. */
export function numberIn(message: Buffer, id: number): number {
  for (const field of fieldsOf(message)) {
    if (field.id === id && typeof field.value === 'number') return field.value;
  }
  return 0;
}

/** The bytes in a field, empty when it is not there. */
export function bytesIn(message: Buffer, id: number): Buffer {
  for (const field of fieldsOf(message)) {
    if (field.id === id && typeof field.value !== 'number') return field.value;
  }
  return Buffer.alloc(0);
}

/** Cuts a stream of bytes into gRPC messages. */
export class FrameSplitter {
  #rest: Buffer = Buffer.alloc(0);
  /** Chunks of a message that is not complete yet: joined once, however many they are. */
  #chunks: Buffer[] = [];
  #have = 0;
  #need = FRAME_HEAD_BYTES;

  push(chunk: Buffer, onMessage: (message: Buffer) => void): void {
    this.#chunks.push(chunk);
    this.#have += chunk.length;
    if (this.#have < this.#need) return;
    this.#rest = this.#chunks.length === 1 ? chunk : Buffer.concat(this.#chunks);
    let at = 0;
    this.#need = FRAME_HEAD_BYTES;
    while (this.#rest.length - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + this.#rest.readUInt32BE(at + 1);
      this.#need = end - at;
      if (end > this.#rest.length) break;
      onMessage(this.#rest.subarray(at + FRAME_HEAD_BYTES, end));
      at = end;
      this.#need = FRAME_HEAD_BYTES;
    }
    const rest = this.#rest.subarray(at);
    this.#chunks = rest.length > 0 ? [rest] : [];
    this.#have = rest.length;
  }
}
