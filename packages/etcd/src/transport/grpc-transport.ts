/** The network between members over gRPC: one stream out to each member, one in from each. */
import {
  type Clock,
  channelCredentials,
  clientChannelOptions,
  GrpcHost,
  type Logger,
  type Random,
  type TlsMaterial,
} from '@kubets/platform';
import { SnapshotStreamError } from '../host/errors.ts';
import type {
  PeerAddress,
  PeerMessage,
  SnapshotHeader,
  Transport,
  TransportHandlers,
} from '../host/ports.ts';
import type { PeerId } from '../raft/types.ts';
import { MAX_FRAME_BYTES, MAX_MET, PROTOCOL_VERSION } from './limits.ts';
import { type Identity, PeerService } from './peer-service.ts';
import { PeerStream } from './peer-stream.ts';
import { sendSnapshot } from './snapshot-stream.ts';
import { type HelloWire, peersClient, peersService, targetOf } from './wire.ts';

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

const CHANNEL_OPTIONS = {
  ...clientChannelOptions,
  // Members speak to each other directly, whatever the environment says of proxies.
  'grpc.enable_http_proxy': 0,
  'grpc.max_receive_message_length': MAX_FRAME_BYTES,
  'grpc.max_send_message_length': MAX_FRAME_BYTES,
  // Every peer stream has a connection of its own: when it breaks, that peer's process is gone, no other's.
  'grpc.use_local_subchannel_pool': 1,
};

const DRAIN_MS = 100;

interface Peer {
  readonly url: string;
  readonly stream: PeerStream;
}

export class GrpcTransport implements Transport {
  readonly #options: GrpcTransportOptions;
  readonly #hosts: GrpcHost[] = [];
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
    const { log, tls, requireClientCert = true } = this.#options;
    const { target, secure } = targetOf(url);
    const security = secure && tls !== undefined ? { tls: { ...tls, requireClientCert } } : {};
    const host = new GrpcHost({ log, maxMessageBytes: MAX_FRAME_BYTES, ...security });
    const service = new PeerService({
      log,
      identity: () => this.#identity,
      handlers: () => this.#handlers,
      onHello: (peer) => this.#meet(peer),
    });
    host.addService(peersService(), service.implementation());
    this.#hosts.push(host);
    return host.listen(target);
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

  #hello(to: PeerId): HelloWire {
    return {
      version: PROTOCOL_VERSION,
      cluster_id: String(this.#identity?.clusterId ?? 0),
      from: String(this.#identity?.memberId ?? 0),
      to: String(to),
      peer_urls: [...this.#advertised],
    };
  }

  #connect(address: PeerAddress): void {
    const url = address.peerUrls[0];
    if (url === undefined || this.#stopped) return;
    const { clock, random, log, tls } = this.#options;
    const { target, secure } = targetOf(url);
    const credentials = channelCredentials(secure ? tls : undefined);
    const { id } = address;
    const stream = new PeerStream({
      makeClient: () => peersClient(target, credentials, CHANNEL_OPTIONS),
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
    const client = this.#peers.get(header.to)?.stream.client;
    if (client === undefined) throw new SnapshotStreamError('the member is not known here');
    await sendSnapshot(client, this.#hello(header.to), header, chunks);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#handlers = undefined;
    for (const [id, peer] of this.#peers) this.#drop(id, peer);
    await Promise.all(this.#hosts.map((host) => host.drain(DRAIN_MS)));
  }
}
