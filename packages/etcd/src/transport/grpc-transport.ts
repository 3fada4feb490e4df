/** The network between members, gRPC over HTTP/2: one stream out to each member, one in from each. */
import type { Clock, Logger, Random, TlsMaterial } from '@kubets/platform';
import { SnapshotStreamError } from '../host/errors.ts';
import type {
  PeerAddress,
  PeerMessage,
  SnapshotHeader,
  Transport,
  TransportHandlers,
} from '../host/ports.ts';
import type { PeerId } from '../raft/types.ts';
import { DRAIN_MS, MAX_MET, PROTOCOL_VERSION } from './limits.ts';
import type { Hello } from './messages.ts';
import { PeerDoor } from './peer-door.ts';
import { linkTo } from './peer-link.ts';
import { type Identity, PeerService } from './peer-service.ts';
import { PeerStream } from './peer-stream.ts';
import { targetOf } from './peer-url.ts';
import { sendSnapshot } from './snapshot-stream.ts';

export interface GrpcTransportOptions {
  /** URLs to listen on; port 0 takes a free one. */
  readonly listenUrls: readonly string[];
  /** This member's certificate, shown to and demanded from peers. Needed for https URLs. */
  readonly tls?: TlsMaterial | undefined;
  readonly requireClientCert?: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

interface Peer {
  readonly url: string;
  readonly stream: PeerStream;
}

export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;
  readonly #doors: PeerDoor[] = [];
  readonly #peers = new Map<PeerId, Peer>();
  /** Where those who have spoken to this member can be reached. */
  readonly #met = new Map<PeerId, PeerAddress>();
  #identity: Identity | undefined;
  #advertised: readonly string[] = [];
  #handlers: TransportHandlers | undefined;
  #stopped = false;

  private constructor(options: GrpcTransportOptions) {
    this.#options = options;
  }

  /**
   * Takes the addresses; refuses callers until `start`.
   * @returns the transport and the ports, in the order of the URLs
   * @throws ConfigError when an address cannot be taken
   */
  static async listen(
    options: GrpcTransportOptions,
  ): Promise<{ transport: GrpcTransport; ports: number[] }> {
    const transport = new GrpcTransport(options);
    const ports: number[] = [];
    try {
      for (const url of options.listenUrls) ports.push(await transport.#listen(url));
    } catch (err) {
      await transport.stop();
      throw err;
    }
    return { transport, ports };
  }

  #listen(url: string): Promise<number> {
    const { log, clock, tls, requireClientCert = true } = this.#options;
    const { target, secure } = targetOf(url);
    const service = new PeerService({
      log,
      identity: () => this.#identity,
      handlers: () => this.#handlers,
      onHello: (peer) => this.#meet(peer),
    });
    const door = new PeerDoor({
      tls: secure && tls !== undefined ? { ...tls, requireClientCert } : undefined,
      clock,
      log,
      methods: service.methods(),
    });
    this.#doors.push(door);
    return door.listen(target);
  }

  /** Tells who this member is and where it can be reached. Before `start`. */
  identify(identity: Identity, peerUrls: readonly string[]): void {
    this.#identity = identity;
    this.#advertised = peerUrls;
  }

  async start(handlers: TransportHandlers): Promise<void> {
    this.#handlers = handlers;
    for (const id of this.connected()) handlers.onPeerUp(id);
  }

  setPeers(peers: readonly PeerAddress[]): void {
    const wanted = new Map(peers.map((peer) => [peer.id, peer]));
    for (const [id, peer] of this.#peers) {
      const address = wanted.get(id);
      if (address?.peerUrls.includes(peer.url)) wanted.delete(id);
      else this.#drop(id, peer);
    }
    for (const peer of wanted.values()) this.#connect(peer);
  }

  /**
   * Somebody speaks to this member. It may not have heard of it yet (a later entry will tell), or have heard that it was
   * removed, while the other has not: it is answered in any case.
   */
  #meet(peer: PeerAddress): void {
    this.#met.delete(peer.id);
    this.#met.set(peer.id, peer);
    if (this.#met.size > MAX_MET) this.#met.delete(this.#met.keys().next().value ?? 0n);
    const known = this.#peers.get(peer.id);
    if (known === undefined) this.#connect(peer);
    else known.stream.hurry();
  }

  #hello(to: PeerId): Hello {
    return {
      version: PROTOCOL_VERSION,
      clusterId: this.#identity?.clusterId ?? 0n,
      from: this.#identity?.memberId ?? 0n,
      to,
      peerUrls: [...this.#advertised],
    };
  }

  #connect(address: PeerAddress): void {
    const url = address.peerUrls[0];
    if (url === undefined || this.#stopped) return;
    const { clock, random, log, tls } = this.#options;
    const { id } = address;
    const stream = new PeerStream({
      // A connection of its own for each: when it breaks, that peer's process is gone, no other's.
      connect: () => linkTo(url, clock, tls),
      hello: this.#hello(id),
      clock,
      random,
      log,
      onUp: () => this.#handlers?.onPeerUp(id),
      onDown: () => this.#handlers?.onPeerDown(id),
      onUnreachable: () => this.#handlers?.onUnreachable(id),
    });
    this.#peers.set(id, { url, stream });
  }

  #drop(id: PeerId, peer: Peer): void {
    this.#peers.delete(id);
    peer.stream.close();
  }

  /** Members whose stream is open. */
  connected(): PeerId[] {
    return [...this.#peers].filter(([, peer]) => peer.stream.connected).map(([id]) => id);
  }

  send(messages: readonly PeerMessage[]): void {
    const touched = new Set<PeerStream>();
    for (const message of messages) {
      const met = this.#met.get(message.to);
      if (met !== undefined && !this.#peers.has(message.to)) this.#connect(met);
      const peer = this.#peers.get(message.to);
      if (peer === undefined) {
        this.#handlers?.onUnreachable(message.to);
        continue;
      }
      peer.stream.send(message);
      touched.add(peer.stream);
    }
    for (const stream of touched) stream.flush();
  }

  async sendSnapshot(header: SnapshotHeader, chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const link = this.#peers.get(header.to)?.stream.link;
    if (link === undefined) throw new SnapshotStreamError('no connection to the member');
    await sendSnapshot(link, this.#hello(header.to), header, chunks);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#handlers = undefined;
    for (const [id, peer] of this.#peers) this.#drop(id, peer);
    await Promise.all(this.#doors.map((door) => door.close(DRAIN_MS)));
  }
}
