/** The receiving side of the door between members. */
import { errorMessage, type Logger } from '@kubets/platform';
import type { ServerStream } from '@kubets/platform/http2';
import { CODE } from '../errors.ts';
import { SnapshotStreamError } from '../host/errors.ts';
import type { PeerAddress, TransportHandlers } from '../host/ports.ts';
import { FrameReader } from '../server/frames.ts';
import { decodeMessages } from './codec.ts';
import { MAX_FRAME_BYTES, PROTOCOL_VERSION } from './limits.ts';
import {
  frameOf,
  type Hello,
  MEMBERS,
  type MembersReply,
  readBatch,
  SNAPSHOT,
  SNAPSHOT_PART,
  type SnapshotPart,
  STREAM,
} from './messages.ts';
import { accept, answer, OK } from './peer-answer.ts';
import type { CallHandler } from './peer-door.ts';
import type { CallStatus } from './peer-link.ts';
import { headerFromWire, receivedChunks } from './snapshot-stream.ts';

export interface Identity {
  readonly clusterId: bigint;
  readonly memberId: bigint;
}

export interface PeerServiceOptions {
  readonly log: Logger;
  /** Undefined until the member knows who it is. */
  identity(): Identity | undefined;
  handlers(): TransportHandlers | undefined;
  /** A member said where it can be reached. */
  onHello(peer: PeerAddress): void;
}

const NOT_READY: CallStatus = { code: CODE.unavailable, details: 'the member is starting' };

function refused(details: string): CallStatus {
  return { code: CODE.failedPrecondition, details };
}

/** @returns why a peer is not let in, or undefined */
export function helloProblem(hello: Hello | undefined, own: Identity): string | undefined {
  if (!hello) return 'the peer did not say hello';
  if (hello.version !== PROTOCOL_VERSION) {
    return `protocol version ${hello.version} is not ${PROTOCOL_VERSION}; run the same release on all members`;
  }
  if (hello.clusterId !== own.clusterId) {
    return 'the peer belongs to another cluster; check --initial-cluster and --initial-cluster-token';
  }
  if (hello.to !== own.memberId) {
    return 'another member listens here than the peer thinks; check the peer URLs';
  }
  return undefined;
}

export class PeerService {
  readonly #options: PeerServiceOptions;

  constructor(options: PeerServiceOptions) {
    this.#options = options;
  }

  /** The handler of each method, by path. */
  methods(): ReadonlyMap<string, CallHandler> {
    return new Map<string, CallHandler>([
      [STREAM.path, (stream) => this.#stream(stream)],
      [SNAPSHOT.path, (stream) => void this.#takeSnapshot(stream)],
      [MEMBERS.path, (stream) => this.#members(stream)],
    ]);
  }

  #stream(stream: ServerStream): void {
    const reader = new FrameReader(MAX_FRAME_BYTES);
    let from: bigint | undefined;
    let over = false;
    const finish = (status: CallStatus): void => {
      if (over) return;
      over = true;
      answer(stream, status);
      if (from !== undefined) this.#options.handlers()?.onPeerDown(from);
    };
    const take = (frame: Buffer): void => {
      const { hello, messages } = readBatch(frame);
      if (from !== undefined) {
        if (messages !== undefined) this.#options.handlers()?.onMessages(decodeMessages(messages));
        return;
      }
      const greeting = this.#greet(hello);
      if ('code' in greeting) {
        finish(greeting);
        return;
      }
      from = greeting.id;
      accept(stream);
    };
    const onData = (chunk: Buffer): void => {
      if (over) return;
      try {
        for (const frame of reader.push(chunk)) if (!over) take(frame);
      } catch (err) {
        const who = from?.toString(16);
        this.#options.log.error({ err, from: who }, 'unreadable messages from a peer');
        finish(refused('unreadable messages'));
      }
    };
    stream.onClose(() => finish(OK));
    stream.listen({ onData, onEnd: () => finish(OK) });
  }

  #greet(hello: Hello | undefined): PeerAddress | CallStatus {
    const identity = this.#options.identity();
    if (this.#options.handlers() === undefined || identity === undefined) return NOT_READY;
    const problem = helloProblem(hello, identity);
    if (problem !== undefined || !hello) return refused(problem ?? '');
    const peer = { id: hello.from, peerUrls: hello.peerUrls };
    this.#options.onHello(peer);
    return peer;
  }

  async #takeSnapshot(stream: ServerStream): Promise<void> {
    try {
      await this.#snapshot(stream);
      answer(stream, OK);
    } catch (err) {
      this.#options.log.warn({ err }, 'a snapshot was not taken');
      answer(stream, { code: CODE.aborted, details: errorMessage(err) });
    }
  }

  async #snapshot(stream: ServerStream): Promise<void> {
    const handlers = this.#options.handlers();
    const identity = this.#options.identity();
    if (handlers === undefined || identity === undefined) throw new Error(NOT_READY.details);
    const parts = partsOf(stream);
    const first = await parts.next();
    const header = first.done === true ? undefined : first.value.header;
    const problem = helloProblem(header?.hello, identity);
    if (problem !== undefined || !header) throw new Error(problem ?? 'no header');
    await handlers.onSnapshot(headerFromWire(header), receivedChunks(parts));
  }

  #members(stream: ServerStream): void {
    // The question says nothing.
    stream.listen({ onData: () => undefined, onEnd: () => undefined });
    const handlers = this.#options.handlers();
    const identity = this.#options.identity();
    if (handlers === undefined || identity === undefined) {
      answer(stream, NOT_READY);
      return;
    }
    const { clusterId } = identity;
    const reply: MembersReply = { clusterId, members: handlers.members() };
    answer(stream, OK, frameOf(MEMBERS.response, reply));
  }
}

/** What arrives of a snapshot, read as fast as it is taken. */
async function* partsOf(stream: ServerStream): AsyncGenerator<SnapshotPart> {
  const reader = new FrameReader(MAX_FRAME_BYTES);
  for await (const chunk of piecesOf(stream)) {
    for (const frame of reader.push(chunk)) yield SNAPSHOT_PART.decode(frame);
  }
}

/** The body of a request at its reader's pace. @throws SnapshotStreamError when it breaks off */
async function* piecesOf(stream: ServerStream): AsyncGenerator<Buffer> {
  const pieces: Buffer[] = [];
  let end: 'whole' | 'broken' | undefined;
  let wake = (): void => undefined;
  stream.listen({
    onData(piece) {
      pieces.push(piece);
      stream.pause();
      wake();
    },
    onEnd() {
      end = 'whole';
      wake();
    },
  });
  stream.onClose(() => {
    end ??= 'broken';
    wake();
  });
  for (;;) {
    for (let piece = pieces.shift(); piece !== undefined; piece = pieces.shift()) yield piece;
    if (end === 'whole') return;
    if (end === 'broken') throw new SnapshotStreamError('the snapshot broke off');
    stream.resume();
    if (pieces.length > 0 || end !== undefined) continue;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
}
