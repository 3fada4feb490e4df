/**
 * Port-forward for client libraries that speak channels instead of SPDY: `v4.channel.k8s.io` as upstream's kubelet serves it.
 * The nth port of the request has channel 2n for its data and 2n+1 for what went wrong; the first message on each is the
 * port, two bytes, little-endian. Behind it is the runtime's own protocol: two SPDY streams a port.
 */
import type { RawData, WebSocket } from 'ws';
import { type Frame, FrameReader, FrameWriter } from '../cri/spdy/frames.ts';
import { DoorError } from '../errors.ts';
import {
  MAX_FORWARDED_PORTS,
  SPDY_CHUNK_BYTES,
  SPDY_MAX_FRAME_BYTES,
  STREAM_BUFFER_BYTES,
} from '../limits.ts';
import type { RawTunnel } from '../ports.ts';
import { PacedSender } from './paced-sender.ts';

export const CHANNEL_PROTOCOL = 'v4.channel.k8s.io';

const NORMAL_CLOSURE = 1_000;

/** The ports a request asks for. @throws DoorError 400 */
export function forwardedPorts(query: URLSearchParams): number[] {
  const texts = query.getAll('port');
  if (texts.length === 0) throw new DoorError(400, 'query parameter "port" is required');
  if (texts.length > MAX_FORWARDED_PORTS) {
    throw new DoorError(400, `at most ${MAX_FORWARDED_PORTS} ports`);
  }
  return texts.map((text) => {
    const port = Number(text);
    if (/^\d{1,5}$/.test(text) && port > 0 && port < 65_536) return port;
    throw new DoorError(400, `unable to parse ${JSON.stringify(text)} as a port`);
  });
}

interface Channel {
  readonly number: number;
  readonly streamId: number;
  accepted: boolean;
  ended: boolean;
}

class PortChannels {
  readonly #client: WebSocket;
  readonly #tunnel: RawTunnel;
  readonly #sender: PacedSender;
  readonly #writer = new FrameWriter();
  readonly #reader = new FrameReader(SPDY_MAX_FRAME_BYTES);
  /** By SPDY stream; the runtime wants the error stream of a port opened first. */
  readonly #channels = new Map<number, Channel>();
  /** What came before the runtime took the streams: it drops what it gets sooner. The client is paused meanwhile. */
  readonly #early: Buffer[] = [];
  #earlyBytes = 0;

  constructor(client: WebSocket, tunnel: RawTunnel, ports: readonly number[]) {
    this.#client = client;
    this.#tunnel = tunnel;
    this.#sender = new PacedSender(client, (paused) => {
      if (paused) tunnel.socket.pause();
      else tunnel.socket.resume();
    });
    client.pause();
    client.on('message', (data: RawData) => this.#onMessage(bytesOf(data)));
    client.on('close', () => tunnel.socket.destroy());
    client.on('error', () => tunnel.socket.destroy());
    tunnel.socket.on('data', (chunk: Buffer) => this.#onBytes(chunk));
    tunnel.socket.on('drain', () => client.resume());
    tunnel.socket.on('error', () => this.#close());
    tunnel.socket.on('close', () => this.#close());
    for (const [i, port] of ports.entries()) this.#open(i, port);
    if (tunnel.head.length > 0) this.#onBytes(tunnel.head);
  }

  #open(index: number, port: number): void {
    const first = Buffer.alloc(2);
    first.writeUInt16LE(port);
    const headers = { port: String(port), requestid: String(index) };
    for (const [streamtype, number] of [
      ['error', 2 * index + 1],
      ['data', 2 * index],
    ] as const) {
      const streamId = 2 * this.#channels.size + 1;
      this.#channels.set(streamId, { number, streamId, accepted: false, ended: false });
      this.#tunnel.socket.write(this.#writer.synStream(streamId, { streamtype, ...headers }));
      this.#send(number, first);
    }
  }

  #onMessage(message: Buffer): void {
    if (!this.#isReady()) {
      this.#earlyBytes += message.length;
      if (this.#earlyBytes > STREAM_BUFFER_BYTES) this.#close();
      else this.#early.push(message);
      return;
    }
    const channel = this.#all().find((one) => one.number === message[0]);
    if (channel === undefined || channel.number % 2 === 1 || channel.ended) return;
    const { socket } = this.#tunnel;
    let isFlowing = true;
    for (let at = 1; at < message.length; at += SPDY_CHUNK_BYTES) {
      const piece = message.subarray(at, at + SPDY_CHUNK_BYTES);
      isFlowing = socket.write(this.#writer.data(channel.streamId, piece, false));
    }
    if (!isFlowing) this.#client.pause();
  }

  #all(): Channel[] {
    return [...this.#channels.values()];
  }

  #isReady(): boolean {
    return this.#all().every((one) => one.accepted);
  }

  #onBytes(chunk: Buffer): void {
    try {
      for (const frame of this.#reader.push(chunk)) this.#onFrame(frame);
    } catch {
      this.#close(); // The runtime broke its protocol.
    }
  }

  #onFrame(frame: Frame): void {
    if (frame.kind === 'ping') {
      if (frame.id % 2 === 0) this.#tunnel.socket.write(this.#writer.ping(frame.id));
      return;
    }
    if (frame.kind === 'goaway') return;
    const channel = this.#channels.get(frame.streamId);
    if (channel === undefined) return;
    if (frame.kind === 'reply' && !channel.accepted) this.#accept(channel);
    if (frame.kind === 'data' && frame.data.length > 0) this.#send(channel.number, frame.data);
    if (frame.kind === 'reset' || frame.fin) channel.ended = true;
    if (this.#all().every((one) => one.ended)) this.#close();
  }

  #accept(channel: Channel): void {
    channel.accepted = true;
    if (!this.#isReady()) return;
    for (const message of this.#early.splice(0)) this.#onMessage(message);
    this.#client.resume();
  }

  #send(channel: number, data: Buffer): void {
    this.#sender.send(Buffer.concat([Buffer.from([channel]), data]));
  }

  #close(): void {
    this.#tunnel.socket.destroy();
    this.#sender.close(NORMAL_CLOSURE);
  }
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** Joins a WebSocket of channels to ports of a pod. Ends when the client goes or every port's streams have ended. */
export function joinChannels(client: WebSocket, tunnel: RawTunnel, ports: readonly number[]): void {
  new PortChannels(client, tunnel, ports);
}
