import type { Socket } from 'node:net';
import { SPDY_CHUNK_BYTES, SPDY_MAX_FRAME_BYTES } from '../../limits.ts';
import type { ExecHandlers, ExecSession, RawTunnel, StreamRequest } from '../../ports.ts';
import { type Frame, FrameReader, FrameWriter } from './frames.ts';
import { openSpdyUpgrade } from './upgrade.ts';

type StreamType = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

interface SpdyStream {
  readonly id: number;
  readonly type: StreamType;
  /** The peer drops data it gets before it has accepted the stream, so ours waits. */
  accepted: boolean;
  readonly waiting: { readonly data: Buffer; readonly fin: boolean }[];
  remoteClosed: boolean;
  localClosed: boolean;
}

/** The order in which clients open the streams; the runtime waits for all of them. */
function streamTypes(request: StreamRequest): StreamType[] {
  const types: StreamType[] = ['error'];
  if (request.stdin) types.push('stdin');
  if (request.stdout) types.push('stdout');
  if (request.stderr && !request.tty) types.push('stderr');
  if (request.tty) types.push('resize');
  return types;
}

/** One exec or attach conversation in the protocol `v4.channel.k8s.io` over SPDY/3.1. */
class RemoteCommand implements ExecSession {
  readonly #socket: Socket;
  readonly #handlers: ExecHandlers;
  readonly #writer = new FrameWriter();
  readonly #reader = new FrameReader(SPDY_MAX_FRAME_BYTES);
  readonly #streams = new Map<number, SpdyStream>();
  readonly #verdict: Buffer[] = [];
  #ended = false;

  constructor(tunnel: RawTunnel, request: StreamRequest, handlers: ExecHandlers) {
    this.#socket = tunnel.socket;
    this.#handlers = handlers;
    let id = 1;
    for (const type of streamTypes(request)) {
      const blank = { accepted: false, waiting: [], remoteClosed: false, localClosed: false };
      this.#streams.set(id, { id, type, ...blank });
      this.#socket.write(this.#writer.synStream(id, { streamtype: type }));
      id += 2;
    }
    this.#socket.on('data', (chunk: Buffer) => this.#onBytes(chunk));
    this.#socket.on('drain', () => this.#handlers.onDrain());
    this.#socket.on('error', () => this.#end());
    this.#socket.on('close', () => this.#end());
    if (tunnel.head.length > 0) this.#onBytes(tunnel.head);
  }

  writeStdin(data: Buffer): boolean {
    const stream = this.#find('stdin');
    if (stream === undefined || stream.localClosed) return true;
    let flowing = true;
    for (let at = 0; at < data.length; at += SPDY_CHUNK_BYTES) {
      flowing = this.#send(stream, data.subarray(at, at + SPDY_CHUNK_BYTES), false);
    }
    return flowing;
  }

  closeStdin(): void {
    const stream = this.#find('stdin');
    if (stream === undefined || stream.localClosed) return;
    stream.localClosed = true;
    this.#send(stream, Buffer.alloc(0), true);
  }

  resize(columns: number, rows: number): void {
    const stream = this.#find('resize');
    if (stream === undefined) return;
    const size = Buffer.from(`${JSON.stringify({ Width: columns, Height: rows })}\n`);
    this.#send(stream, size, false);
  }

  setPaused(paused: boolean): void {
    if (paused) this.#socket.pause();
    else this.#socket.resume();
  }

  close(): void {
    this.#end();
  }

  #find(type: StreamType): SpdyStream | undefined {
    return [...this.#streams.values()].find((stream) => stream.type === type);
  }

  #send(stream: SpdyStream, data: Buffer, fin: boolean): boolean {
    if (this.#ended) return true;
    if (!stream.accepted) {
      stream.waiting.push({ data, fin });
      return false;
    }
    return this.#socket.write(this.#writer.data(stream.id, data, fin));
  }

  #onBytes(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      for (const frame of this.#reader.push(chunk)) this.#onFrame(frame);
    } catch {
      this.#end(); // The peer broke the protocol: there is no verdict to report.
    }
  }

  #onFrame(frame: Frame): void {
    if (frame.kind === 'ping') {
      if (frame.id % 2 === 0) this.#socket.write(this.#writer.ping(frame.id));
      return;
    }
    if (frame.kind === 'goaway') return;
    const stream = this.#streams.get(frame.streamId);
    if (stream === undefined) return;
    if (frame.kind === 'reply') this.#accept(stream);
    if (frame.kind === 'data') this.#deliver(stream, frame.data);
    if (frame.kind === 'reset' || frame.fin) stream.remoteClosed = true;
    this.#endIfDone();
  }

  #accept(stream: SpdyStream): void {
    stream.accepted = true;
    for (const { data, fin } of stream.waiting.splice(0)) this.#send(stream, data, fin);
    if (stream.type === 'stdin') this.#handlers.onDrain();
  }

  #deliver(stream: SpdyStream, data: Buffer): void {
    if (data.length === 0) return;
    if (stream.type === 'stdout') this.#handlers.onStdout(data);
    if (stream.type === 'stderr') this.#handlers.onStderr(data);
    if (stream.type === 'error') this.#verdict.push(data);
  }

  /** Over when the process's output and the verdict have ended; what we send does not matter any more then. */
  #endIfDone(): void {
    const reading = [...this.#streams.values()].filter(
      (one) => one.type !== 'stdin' && one.type !== 'resize',
    );
    if (reading.every((stream) => stream.remoteClosed)) this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    const verdict = Buffer.concat(this.#verdict);
    this.#handlers.onEnd(verdict.length === 0 ? undefined : verdict);
  }
}

/**
 * Connects to an exec or attach address of the runtime.
 * @throws RuntimeFault when the connection is refused
 */
export async function openRemoteCommand(
  url: string,
  request: StreamRequest,
  handlers: ExecHandlers,
): Promise<ExecSession> {
  const tunnel = await openSpdyUpgrade(url, 'v4.channel.k8s.io');
  return new RemoteCommand(tunnel, request, handlers);
}
