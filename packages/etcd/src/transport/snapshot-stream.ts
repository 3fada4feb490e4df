/** A snapshot as a stream of parts: header, chunks, and an end with length and checksum. */
import { crc32 } from 'node:zlib';
import { CODE } from '../errors.ts';
import { SnapshotStreamError } from '../host/errors.ts';
import type { SnapshotHeader } from '../host/ports.ts';
import { SNAPSHOT_CHUNK_BYTES } from './limits.ts';
import {
  frameOf,
  type Hello,
  SNAPSHOT,
  SNAPSHOT_PART,
  type SnapshotHeaderPart,
  type SnapshotPart,
} from './messages.ts';
import type { CallStatus, PeerLink } from './peer-link.ts';

function headerToWire(header: SnapshotHeader, hello: Hello): SnapshotHeaderPart {
  return {
    hello,
    term: BigInt(header.term),
    index: BigInt(header.point.index),
    indexTerm: BigInt(header.point.term),
    membership: Buffer.from(header.conf),
  };
}

/** @throws SnapshotStreamError when the hello is missing */
export function headerFromWire(wire: SnapshotHeaderPart): SnapshotHeader {
  if (!wire.hello) throw new SnapshotStreamError('the snapshot does not say who sends it');
  return {
    from: wire.hello.from,
    to: wire.hello.to,
    term: Number(wire.term),
    point: { index: Number(wire.index), term: Number(wire.indexTerm) },
    conf: wire.membership,
  };
}

function* pieces(chunk: Uint8Array): Iterable<Uint8Array> {
  for (let at = 0; at < chunk.byteLength; at += SNAPSHOT_CHUNK_BYTES) {
    yield chunk.subarray(at, at + SNAPSHOT_CHUNK_BYTES);
  }
}

/** Sends a snapshot and waits until it is installed. */
export async function sendSnapshot(
  link: PeerLink,
  hello: Hello,
  header: SnapshotHeader,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const over = Promise.withResolvers<CallStatus>();
  let status: CallStatus | undefined;
  const call = link.call(SNAPSHOT.path, {
    onOpen: () => undefined,
    onOver: (how) => {
      status = how;
      over.resolve(how);
    },
  });
  const write = async (part: SnapshotPart): Promise<void> => {
    const taken = new Promise<void>((resolve) => {
      call.write(frameOf(SNAPSHOT_PART, part), resolve);
    });
    await Promise.race([taken, over.promise]);
  };
  try {
    await write({ header: headerToWire(header, hello) });
    let total = 0;
    let crc = 0;
    for await (const chunk of chunks) {
      for (const piece of pieces(chunk)) {
        if (status !== undefined) break;
        total += piece.byteLength;
        crc = crc32(piece, crc);
        await write({ chunk: piece });
      }
      if (status !== undefined) break;
    }
    await write({ end: { totalBytes: BigInt(total), crc32: crc } });
    call.end();
  } catch (err) {
    call.cancel();
    throw err;
  }
  const { code, details } = await over.promise;
  if (code !== CODE.ok) throw new SnapshotStreamError(details);
}

/** The bytes of a received snapshot; throws at the end when they are not what was sent. */
export async function* receivedChunks(
  parts: AsyncIterator<SnapshotPart>,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  let crc = 0;
  for (;;) {
    const { value: part, done } = await parts.next();
    if (done === true) throw new SnapshotStreamError('the snapshot ended early');
    if (part.chunk !== undefined) {
      total += part.chunk.byteLength;
      crc = crc32(part.chunk, crc);
      yield part.chunk;
    } else if (part.end !== undefined) {
      if (Number(part.end.totalBytes) === total && part.end.crc32 === crc) return;
      throw new SnapshotStreamError('the snapshot does not match its checksum');
    } else {
      throw new SnapshotStreamError('unexpected part in a snapshot');
    }
  }
}
