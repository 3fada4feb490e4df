/**
 * Keys on disk. All but one are: generation (4 bytes), kind (1 byte), then what names the record; numbers are big endian, so
 * that versions lie in the order they were made.
 */

import type { Version } from '../mvcc/index.ts';
import type { Alarm } from '../state/alarms.ts';

export const KIND = {
  ...{ alarm: 0x61, lease: 0x6c, meta: 0x6d, revision: 0x72 },
  ...{ auth: 0x41, user: 0x55, role: 0x52 },
} as const;

const GENERATION_BYTES = 4;

/** The directory's one key outside of a generation: the number of the generation in use. */
export const CURRENT_KEY: Buffer = Buffer.from('\xff\xff\xff\xffcurrent', 'latin1');

function keyOf(generation: number, kind: number, nameBytes: number): Buffer {
  const key = Buffer.allocUnsafe(GENERATION_BYTES + 1 + nameBytes);
  key.writeUInt32BE(generation, 0);
  key.writeUInt8(kind, GENERATION_BYTES);
  return key;
}

const MOD_AT = GENERATION_BYTES + 1;
const SUB_AT = MOD_AT + 8;
const TWO_32 = 2 ** 32;

type Place = Pick<Version, 'modRevision' | 'sub'>;

export function versionKey(generation: number, version: Place): Buffer {
  return writePlace(keyOf(generation, KIND.revision, 12), version);
}

function writePlace(key: Buffer, { modRevision, sub }: Place): Buffer {
  key.writeUInt32BE(Math.floor(modRevision / TWO_32), MOD_AT);
  key.writeUInt32BE(modRevision % TWO_32, MOD_AT + 4);
  key.writeUInt32BE(sub, SUB_AT);
  return key;
}

/** The keys of versions one after the other, in one buffer: there may be millions of them. */
export class VersionKey {
  private readonly key: Buffer;
  private last: Place = { modRevision: -1, sub: 0 };
  /** Whether the last key asked for is greater than the one before it. */
  ascends = true;

  constructor(generation: number) {
    this.key = versionKey(generation, { modRevision: 0, sub: 0 });
  }

  /** Good until the next one is asked for. @throws RangeError for numbers that no key holds */
  of(version: Place): Buffer {
    const { last } = this;
    const later = version.modRevision > last.modRevision;
    this.ascends = later || (version.modRevision === last.modRevision && version.sub > last.sub);
    this.last = version;
    return writePlace(this.key, version);
  }
}

export function leaseKey(generation: number, id: bigint): Buffer {
  const key = keyOf(generation, KIND.lease, 8);
  key.writeBigInt64BE(id, 5);
  return key;
}

export function alarmKey(generation: number, { memberID, alarm }: Alarm): Buffer {
  const key = keyOf(generation, KIND.alarm, 12);
  key.writeBigUInt64BE(memberID, 5);
  key.writeUInt32BE(alarm, 13);
  return key;
}

/** @param name of a user or role; empty for the record about authentication itself */
export function authKey(generation: number, kind: 'auth' | 'user' | 'role', name: string): Buffer {
  const bytes = Buffer.from(name);
  const key = keyOf(generation, KIND[kind], bytes.length);
  bytes.copy(key, GENERATION_BYTES + 1);
  return key;
}

export function metaKey(generation: number): Buffer {
  return keyOf(generation, KIND.meta, 0);
}

export function kindOf(key: Buffer): number {
  return key[GENERATION_BYTES] ?? 0;
}

/** The keys of one kind in a generation: from `gte`, below `lt`. */
export function kindRange(generation: number, kind: number): { gte: Buffer; lt: Buffer } {
  return { gte: keyOf(generation, kind, 0), lt: keyOf(generation, kind + 1, 0) };
}

/** The keys of one generation: from `gte`, below `lt`. */
export function generationRange(generation: number): { gte: Buffer; lt: Buffer } {
  const gte = Buffer.alloc(GENERATION_BYTES);
  gte.writeUInt32BE(generation);
  const lt = Buffer.alloc(GENERATION_BYTES);
  lt.writeUInt32BE(generation + 1);
  return { gte, lt };
}
