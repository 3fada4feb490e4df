/**
 * The answer to a range with many keys, encoded as it is sent. Its length goes first, so it is worked out beforehand; then pairs
 * are written straight from where the store keeps them into the buffers that are sent, as fast as the client reads. No more of
 * it exists at a time than those buffers.
 */

import { type KeyValue, type Loose, messageType, type RangeResponse } from '../codec/index.ts';
import { LIMITS } from '../limits.ts';
import type { Version } from '../mvcc/index.ts';
import type { ChunkedAnswer } from './calls.ts';
import { takeFrameBuffer } from './frame-buffers.ts';

const RESPONSE = messageType<RangeResponse>('etcdserverpb.RangeResponse');
const KEY_VALUE = messageType<KeyValue>('mvccpb.KeyValue');

/** Tags: `kvs` of the response; `key`, `create_revision`, `mod_revision`, `version` and `value` of a pair. */
const TAG = { kvs: 0x12, key: 0x0a, create: 0x10, mod: 0x18, version: 0x20, value: 0x2a } as const;
const NO_LEASE = Buffer.alloc(0);

export interface ManyPairs {
  readonly header: RangeResponse['header'] | Loose<NonNullable<RangeResponse['header']>>;
  readonly kvs: readonly Version[];
  readonly more: boolean;
  readonly count: number;
}

export class RangeAnswer implements ChunkedAnswer {
  readonly bytes: number;
  private readonly kvs: readonly Version[];
  private readonly front: Buffer;
  private readonly rest: Buffer;
  /** Few leases have many keys: each is encoded once. */
  private readonly leases = new Map<bigint, Buffer>();

  constructor({ header, kvs, more, count }: ManyPairs) {
    this.kvs = kvs;
    this.front = RESPONSE.encode({ header });
    this.rest = RESPONSE.encode({ more, count });
    let bytes = this.front.length + this.rest.length;
    for (const version of kvs) bytes += delimited(this.pairBytes(version));
    this.bytes = bytes;
  }

  *chunks(): Generator<Buffer> {
    yield this.front;
    let chunk = takeFrameBuffer(LIMITS.frameBufferBytes);
    let at = 0;
    for (const version of this.kvs) {
      const size = this.pairBytes(version);
      if (at > 0 && at + delimited(size) > chunk.length) {
        yield chunk.subarray(0, at);
        at = 0;
        chunk = takeFrameBuffer(Math.max(delimited(size), LIMITS.frameBufferBytes));
      } else if (delimited(size) > chunk.length) chunk = takeFrameBuffer(delimited(size));
      at = this.writePair(chunk, at, { version, size });
    }
    if (at > 0) yield chunk.subarray(0, at);
    yield this.rest;
  }

  private leaseOf({ lease }: Version): Buffer {
    if (lease === 0n) return NO_LEASE;
    const known = this.leases.get(lease);
    if (known !== undefined) return known;
    const encoded = KEY_VALUE.encode({ lease });
    this.leases.set(lease, encoded);
    return encoded;
  }

  /** Without its tag and length. */
  private pairBytes(version: Version): number {
    return (
      bytesField(version.name.length) +
      numberField(version.createRevision) +
      numberField(version.modRevision) +
      numberField(version.version) +
      bytesField(version.valueBytes) +
      this.leaseOf(version).length
    );
  }

  /** @returns where the next one goes */
  private writePair(
    to: Buffer,
    start: number,
    { version, size }: { version: Version; size: number },
  ): number {
    let at = writeVarint(to, start, TAG.kvs, size);
    if (version.name.length > 0) {
      at = writeVarint(to, at, TAG.key, version.name.length);
      at += to.write(version.name, at, version.name.length, 'latin1');
    }
    if (version.createRevision > 0) at = writeVarint(to, at, TAG.create, version.createRevision);
    if (version.modRevision > 0) at = writeVarint(to, at, TAG.mod, version.modRevision);
    if (version.version > 0) at = writeVarint(to, at, TAG.version, version.version);
    if (version.valueBytes > 0) {
      at = writeVarint(to, at, TAG.value, version.valueBytes);
      version.copyValue(to, at);
      at += version.valueBytes;
    }
    const lease = this.leaseOf(version);
    return at + lease.copy(to, at);
  }
}

function varintBytes(value: number): number {
  let size = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) size++;
  return size;
}

/** A field is as its zero when it is not there. */
function numberField(value: number): number {
  return value === 0 ? 0 : 1 + varintBytes(value);
}

function bytesField(length: number): number {
  return length === 0 ? 0 : delimited(length);
}

function delimited(length: number): number {
  return 1 + varintBytes(length) + length;
}

function writeVarint(to: Buffer, start: number, tag: number, value: number): number {
  let at = start;
  to[at++] = tag;
  let rest = value;
  for (; rest > 0x7fffffff; rest = Math.floor(rest / 0x80)) to[at++] = (rest % 0x80) | 0x80;
  for (; rest >= 0x80; rest >>>= 7) to[at++] = (rest & 0x7f) | 0x80;
  to[at++] = rest;
  return at;
}
