/**
 * Encoding and decoding by plan: a message's fields, in order, each with its kind. Plans come from the `.proto` files
 * (`schema.ts`); this file only runs them.
 */

import { LIMITS } from '../limits.ts';
import { CodecError, Reader, Writer } from './wire.ts';

/** How a field is written. Enums are numbers. */
export type FieldKind =
  | 'int64'
  | 'uint64'
  | 'uint32'
  | 'fixed64'
  | 'enum'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'message';

export interface FieldPlan {
  readonly id: number;
  /** The name in camel case. */
  readonly name: string;
  readonly kind: FieldKind;
  readonly repeated: boolean;
  /** Set for members of a `oneof`: presence is kept, zero values are written. */
  readonly oneof: boolean;
  /** For `message`. Filled after all plans exist, as messages may contain themselves. */
  type: MessageType<unknown> | undefined;
}

/**
 * What may be given to be encoded: every field optional, 64-bit integers as bigint or safe number, and an already
 * encoded nested message as its bytes.
 */
export type Loose<T> = T extends bigint
  ? bigint | number
  : T extends Uint8Array
    ? Uint8Array
    : T extends readonly (infer U)[]
      ? readonly Loose<U>[]
      : T extends object
        ? { readonly [K in keyof T]?: Loose<T[K]> | undefined } | Uint8Array
        : T;

type Values = Record<string, unknown>;

const scratch = new Writer(LIMITS.codecScratchBytes);

/** One message type: encodes and decodes it. */
export class MessageType<T> {
  readonly name: string;
  readonly fields: readonly FieldPlan[];
  private readonly byId: (FieldPlan | undefined)[] = [];
  private template: Values | undefined;
  private readonly repeatedNames: readonly string[];

  constructor(name: string, fields: readonly FieldPlan[]) {
    this.name = name;
    this.fields = fields;
    for (const field of fields) this.byId[field.id] = field;
    this.repeatedNames = fields.filter((f) => f.repeated).map((f) => f.name);
  }

  /** @returns the bytes, after `head` free bytes (room for a frame's prefix), to be sent or written soon */
  encode(value: Loose<T>, head: number = 0): Buffer {
    scratch.reset(LIMITS.codecScratchBytes);
    this.writeTo(scratch, value);
    return scratch.finish(head);
  }

  /** @returns the bytes in memory of their own, for keeping */
  encodeToKeep(value: Loose<T>): Buffer {
    scratch.reset(LIMITS.codecScratchBytes);
    this.writeTo(scratch, value);
    return scratch.finish(0, true);
  }

  /**
   * @param maxDepth how deep messages may be nested; what was accepted from a client and wrapped must be given more room
   * @throws CodecError when the bytes are not such a message
   */
  decode(bytes: Uint8Array, maxDepth: number = LIMITS.messageDepth): T {
    const buf = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return this.read(new Reader(buf), maxDepth);
  }

  /** The message with every field at its zero. */
  private zero(): Values {
    this.template ??= Object.fromEntries(this.fields.map((f) => [f.name, zeroOf(f)]));
    const made: Values = { ...this.template };
    for (const name of this.repeatedNames) made[name] = [];
    return made;
  }

  writeTo(w: Writer, value: Loose<T>): void {
    if (value instanceof Uint8Array) {
      w.raw(value);
      return;
    }
    const values = value as Values;
    for (let i = this.fields.length - 1; i >= 0; i--) {
      const field = this.fields[i] as FieldPlan;
      const v = values[field.name];
      if (v === undefined) continue;
      if (field.repeated) writeRepeated(w, field, v as readonly unknown[]);
      else writeField(w, field, v);
    }
  }

  private read(r: Reader, depthLeft: number): T {
    if (depthLeft < 0) throw new CodecError('message is nested too deeply');
    const out = this.zero();
    while (r.pos < r.end) {
      const tag = r.uint32();
      const field = this.byId[tag >>> 3];
      if (tag >>> 3 === 0) throw new CodecError('field number 0');
      if (field === undefined) r.skip(tag & 7);
      else if (field.repeated && (tag & 7) === 2 && isVarint(field.kind)) readPacked(r, field, out);
      else if ((tag & 7) !== wireTypeOf(field.kind))
        throw new CodecError(`bad wire type in ${field.name}`);
      else readField(r, field, out, depthLeft);
    }
    return out as T;
  }

  /** Reads a nested message of this type. */
  readNested(r: Reader, depthLeft: number): T {
    const outer = r.enter();
    const value = this.read(r, depthLeft - 1);
    r.leave(outer);
    return value;
  }
}

function isVarint(kind: FieldKind): boolean {
  return kind !== 'string' && kind !== 'bytes' && kind !== 'message' && kind !== 'fixed64';
}

function wireTypeOf(kind: FieldKind): number {
  if (kind === 'fixed64') return 1;
  return isVarint(kind) ? 0 : 2;
}

const EMPTY = Buffer.alloc(0);

function zeroOf(field: FieldPlan): unknown {
  if (field.oneof || field.repeated) return undefined;
  switch (field.kind) {
    case 'int64':
    case 'uint64':
    case 'fixed64':
      return 0n;
    case 'uint32':
    case 'enum':
      return 0;
    case 'bool':
      return false;
    case 'string':
      return '';
    case 'bytes':
      return EMPTY;
    case 'message':
      return undefined;
  }
}

function readValue(r: Reader, field: FieldPlan, depthLeft: number): unknown {
  switch (field.kind) {
    case 'int64':
      return BigInt.asIntN(64, r.varint64());
    case 'uint64':
      return r.varint64();
    case 'uint32':
      return r.uint32();
    case 'fixed64':
      return r.fixed64();
    case 'enum':
      return r.uint32() | 0;
    case 'bool':
      return r.varint64() !== 0n;
    case 'string':
      return r.bytes().toString('utf8');
    case 'bytes':
      return r.bytes();
    case 'message':
      return field.type?.readNested(r, depthLeft);
  }
}

function readField(r: Reader, field: FieldPlan, out: Values, depthLeft: number): void {
  const value = readValue(r, field, depthLeft);
  if (field.repeated) (out[field.name] as unknown[]).push(value);
  else out[field.name] = value;
}

function readPacked(r: Reader, field: FieldPlan, out: Values): void {
  const outer = r.enter();
  while (r.pos < r.end) readField(r, field, out, 0);
  r.leave(outer);
}

function writeRepeated(w: Writer, field: FieldPlan, values: readonly unknown[]): void {
  if (isVarint(field.kind)) {
    if (values.length === 0) return;
    const before = w.length;
    for (let i = values.length - 1; i >= 0; i--) writeScalar(w, field.kind, values[i]);
    w.varint(w.length - before);
    w.varint((field.id << 3) | 2);
    return;
  }
  for (let i = values.length - 1; i >= 0; i--) writeDelimited(w, field, values[i]);
}

function writeField(w: Writer, field: FieldPlan, v: unknown): void {
  if (isVarint(field.kind)) {
    if (!field.oneof && (v === 0 || v === 0n || v === false)) return;
    writeScalar(w, field.kind, v);
    w.varint(field.id << 3);
    return;
  }
  if (field.kind === 'fixed64') {
    if (!field.oneof && (v === 0 || v === 0n)) return;
    w.fixed64(BigInt(v as bigint | number));
    w.varint((field.id << 3) | 1);
    return;
  }
  if (!field.oneof && field.kind !== 'message' && (v as string | Uint8Array).length === 0) return;
  writeDelimited(w, field, v);
}

function writeScalar(w: Writer, kind: FieldKind, v: unknown): void {
  if (kind === 'bool') w.varint(v === true ? 1 : 0);
  else w.varint64(v as bigint | number);
}

function writeDelimited(w: Writer, field: FieldPlan, v: unknown): void {
  const before = w.length;
  if (field.kind === 'message') field.type?.writeTo(w, v as Loose<unknown>);
  else if (field.kind === 'string') w.utf8(v as string);
  else w.raw(v as Uint8Array);
  w.varint(w.length - before);
  w.varint((field.id << 3) | 2);
}
