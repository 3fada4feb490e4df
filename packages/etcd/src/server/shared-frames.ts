/** One message for many watchers, as frames ready to be written. */

import { messageType, type WatchResponse } from '../codec/index.ts';
import type { SharedMessage } from '../watch/index.ts';
import { takeFrameBuffer } from './frame-buffers.ts';
import { FRAME_HEAD_BYTES } from './frames.ts';

const RESPONSE = messageType<WatchResponse>('etcdserverpb.WatchResponse');
/** Field 2, a varint. */
const WATCH_ID_TAG = 0x10;
/** Ids below it are written by hand: the tag and at most four bytes. */
const SMALL_IDS = 1n << 28n;

/** @returns the frames of all of them, in their order, in a buffer to be given back when it was written */
export function framesForEach({ front, rest }: SharedMessage, watchIds: readonly bigint[]): Buffer {
  const common = FRAME_HEAD_BYTES + front.length + rest.length;
  let bytes = 0;
  for (const id of watchIds) bytes += common + idFieldBytes(id);
  const out = takeFrameBuffer(bytes);
  let at = 0;
  let before = -1;
  for (const id of watchIds) {
    const length = common + idFieldBytes(id);
    // A frame as long as the one before it differs from it by the id only.
    if (length === before) out.copyWithin(at, at - length, at);
    else {
      out[at] = 0;
      out.writeUInt32BE(length - FRAME_HEAD_BYTES, at + 1);
      front.copy(out, at + FRAME_HEAD_BYTES);
      rest.copy(out, at + length - rest.length);
    }
    writeIdField(out, at + FRAME_HEAD_BYTES + front.length, id);
    at += length;
    before = length;
  }
  return out.subarray(0, bytes);
}

const isSmall = (id: bigint): boolean => id >= 0n && id < SMALL_IDS;

/** 0 for an id of 0, which is not written. */
function idFieldBytes(id: bigint): number {
  if (!isSmall(id)) return RESPONSE.encode({ watchId: id }).length;
  const n = Number(id);
  if (n === 0) return 0;
  return n < 0x80 ? 2 : n < 0x4000 ? 3 : n < 0x200000 ? 4 : 5;
}

function writeIdField(out: Buffer, at: number, id: bigint): void {
  if (!isSmall(id)) {
    RESPONSE.encode({ watchId: id }).copy(out, at);
    return;
  }
  let rest = Number(id);
  if (rest === 0) return;
  let to = at;
  out[to++] = WATCH_ID_TAG;
  for (; rest >= 0x80; rest >>>= 7) out[to++] = (rest & 0x7f) | 0x80;
  out[to] = rest;
}
