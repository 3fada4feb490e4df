/** A snapshot as a stream of parts: header, chunks, and an end with length and checksum. */
import { once } from 'node:events';
import { crc32 } from 'node:zlib';
import { SnapshotStreamError } from '../host/errors.ts';
import type { SnapshotHeader } from '../host/ports.ts';
import { SNAPSHOT_CHUNK_BYTES } from './limits.ts';
import type { HelloWire, PeersClient, SnapshotHeaderWire, SnapshotPartWire } from './wire.ts';

function headerToWire(header: SnapshotHeader, hello: HelloWire): SnapshotHeaderWire {
  return {
    hello,
    term: String(header.term),
    index: String(header.point.index),
    index_term: String(header.point.term),
    membership: Buffer.from(header.conf),
  };
}

/** @throws SnapshotStreamError when the hello is missing */
export function headerFromWire(wire: SnapshotHeaderWire): SnapshotHeader {
  if (!wire.hello) throw new SnapshotStreamError('the snapshot does not say who sends it');
  return {
    from: BigInt(wire.hello.from),
    to: BigInt(wire.hello.to),
    term: Number(wire.term),
    point: { index: Number(wire.index), term: Number(wire.index_term) },
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
  client: PeersClient,
  hello: HelloWire,
  header: SnapshotHeader,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  const gone = new AbortController();
  let finish: (err: unknown) => void = () => undefined;
  const answered = new Promise<void>((resolve, reject) => {
    finish = (err) => (err ? reject(err) : resolve());
  });
  // Looked at again at the end; a failure in between is noticed through the signal.
  answered.catch(() => gone.abort());
  const call = client.Snapshot((err) => finish(err));
  call.on('error', () => undefined);
  const write = async (part: SnapshotPartWire): Promise<void> => {
    if (gone.signal.aborted) return;
    if (!call.write(part)) {
      await once(call, 'drain', { signal: gone.signal }).catch(() => undefined);
    }
  };
  try {
    await write({ header: headerToWire(header, hello) });
    let total = 0;
    let crc = 0;
    for await (const chunk of chunks) {
      if (gone.signal.aborted) break;
      for (const piece of pieces(chunk)) {
        total += piece.byteLength;
        crc = crc32(piece, crc);
        await write({ chunk: piece });
      }
    }
    await write({ end: { total_bytes: String(total), crc32: crc } });
    call.end();
  } catch (err) {
    call.cancel();
    throw err;
  }
  await answered;
}

/** The bytes of a received snapshot; throws at the end when they are not what was sent. */
export async function* receivedChunks(
  parts: AsyncIterator<SnapshotPartWire>,
): AsyncGenerator<Uint8Array> {
  let total = 0;
  let crc = 0;
  for (;;) {
    const { value: part, done } = await parts.next();
    if (done === true) throw new SnapshotStreamError('the snapshot ended early');
    if (part.part === 'chunk' && part.chunk !== undefined) {
      total += part.chunk.byteLength;
      crc = crc32(part.chunk, crc);
      yield part.chunk;
    } else if (part.part === 'end' && part.end) {
      if (Number(part.end.total_bytes) === total && part.end.crc32 === crc) return;
      throw new SnapshotStreamError('the snapshot does not match its checksum');
    } else {
      throw new SnapshotStreamError('unexpected part in a snapshot');
    }
  }
}
