/** The receiving side of the door between members. */
import {
  Metadata,
  type ServerUnaryCall,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import type { Logger } from '@kubets/platform';
import { SnapshotStreamError } from '../host/errors.ts';
import type { PeerAddress, TransportHandlers } from '../host/ports.ts';
import { decodeMessages } from './codec.ts';
import { PROTOCOL_VERSION } from './limits.ts';
import { headerFromWire, receivedChunks } from './snapshot-stream.ts';
import type {
  BatchWire,
  Empty,
  HelloWire,
  MembersReplyWire,
  Reply,
  SnapshotCall,
  SnapshotPartWire,
  StreamCall,
} from './wire.ts';

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

interface Refusal {
  readonly code: number;
  readonly details: string;
}

const NOT_READY: Refusal = { code: status.UNAVAILABLE, details: 'the member is starting' };

function refused(details: string): Refusal {
  return { code: status.FAILED_PRECONDITION, details };
}

/** @returns why a peer is not let in, or undefined */
export function helloProblem(
  hello: HelloWire | null | undefined,
  own: Identity,
): string | undefined {
  if (!hello) return 'the peer did not say hello';
  if (hello.version !== PROTOCOL_VERSION) {
    return `protocol version ${hello.version} is not ${PROTOCOL_VERSION}; run the same release on all members`;
  }
  if (BigInt(hello.cluster_id) !== own.clusterId) {
    return 'the peer belongs to another cluster; check --initial-cluster and --initial-cluster-token';
  }
  if (BigInt(hello.to) !== own.memberId) {
    return 'another member listens here than the peer thinks; check the peer URLs';
  }
  return undefined;
}

export class PeerService {
  readonly #options: PeerServiceOptions;

  constructor(options: PeerServiceOptions) {
    this.#options = options;
  }

  implementation(): UntypedServiceImplementation {
    return {
      Stream: (call: StreamCall, reply: Reply<Empty>) => this.#stream(call, reply),
      Snapshot: (call: SnapshotCall, reply: Reply<Empty>) => {
        this.#snapshot(call).then(
          () => reply(null, {}),
          (err: unknown) => {
            this.#options.log.warn({ err }, 'a snapshot was not taken');
            reply({
              code: status.ABORTED,
              details: err instanceof Error ? err.message : String(err),
            });
          },
        );
      },
      Members: (_call: ServerUnaryCall<Empty, MembersReplyWire>, reply: Reply<MembersReplyWire>) =>
        this.#members(reply),
    };
  }

  #stream(call: StreamCall, reply: Reply<Empty>): void {
    let from: bigint | undefined;
    let over = false;
    const finish = (refusal?: Refusal): void => {
      if (over) return;
      over = true;
      if (from !== undefined) this.#options.handlers()?.onPeerDown(from);
      if (refusal === undefined) reply(null, {});
      else reply(refusal);
    };
    call.on('data', (batch: BatchWire) => {
      if (over) return;
      if (from === undefined) {
        const greeting = this.#greet(batch.hello);
        if ('code' in greeting) {
          finish(greeting);
          return;
        }
        from = greeting.id;
        call.sendMetadata(new Metadata());
        return;
      }
      try {
        this.#options.handlers()?.onMessages(decodeMessages(batch.messages ?? Buffer.alloc(0)));
      } catch (err) {
        this.#options.log.error(
          { err, from: from.toString(16) },
          'unreadable messages from a peer',
        );
        finish(refused('unreadable messages'));
      }
    });
    call.on('end', () => finish());
    call.on('cancelled', () => finish());
    call.on('error', () => finish());
  }

  #greet(hello: HelloWire | null | undefined): PeerAddress | Refusal {
    const identity = this.#options.identity();
    if (this.#options.handlers() === undefined || identity === undefined) return NOT_READY;
    const problem = helloProblem(hello, identity);
    if (problem !== undefined || !hello) return refused(problem ?? '');
    const peer = { id: BigInt(hello.from), peerUrls: hello.peer_urls };
    this.#options.onHello(peer);
    return peer;
  }

  async #snapshot(call: SnapshotCall): Promise<void> {
    const handlers = this.#options.handlers();
    const identity = this.#options.identity();
    if (handlers === undefined || identity === undefined) throw new Error(NOT_READY.details);
    // gRPC only tells; the reader would wait for ever for a sender that has gone.
    call.on('cancelled', () => call.destroy(new SnapshotStreamError('the sender is gone')));
    const parts: AsyncIterator<SnapshotPartWire> = call[Symbol.asyncIterator]();
    const first = await parts.next();
    const header = first.done === true ? undefined : first.value.header;
    const problem = helloProblem(header?.hello, identity);
    if (problem !== undefined || !header) throw new Error(problem ?? 'no header');
    await handlers.onSnapshot(headerFromWire(header), receivedChunks(parts));
  }

  #members(reply: Reply<MembersReplyWire>): void {
    const handlers = this.#options.handlers();
    const identity = this.#options.identity();
    if (handlers === undefined || identity === undefined) {
      reply(NOT_READY);
      return;
    }
    const members = handlers.members().map((member) => ({
      id: member.id.toString(),
      name: member.name,
      peer_urls: [...member.peerUrls],
      client_urls: [...member.clientUrls],
      is_learner: member.isLearner,
    }));
    reply(null, { cluster_id: identity.clusterId.toString(), members });
  }
}
