/**
 * kubectl's WebSocket protocols for exec and attach: each message is one byte of channel and its data.
 * `v4.channel.k8s.io` and, with half-closing of stdin, `v5.channel.k8s.io`.
 */

import { errorMessage, type Logger } from '@kubets/platform';
import type { RawData, WebSocket } from 'ws';
import { STREAM_BUFFER_BYTES } from '../limits.ts';
import type { ContainerRuntime, ExecHandlers, ExecSession, StreamRequest } from '../ports.ts';

export const EXEC_PROTOCOLS: readonly string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
const CLOSE = 255;
const NORMAL_CLOSURE = 1_000;

const framed = (channel: number, data: Buffer): Buffer =>
  Buffer.concat([Buffer.from([channel]), data]);

function failure(message: string): Buffer {
  const status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    reason: 'InternalError',
    code: 500,
  };
  return Buffer.from(JSON.stringify(status));
}

function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** One client's conversation. */
class ExecSocket implements ExecHandlers {
  readonly #socket: WebSocket;
  #session: ExecSession | undefined;
  readonly #early: Buffer[] = [];
  #outputPaused = false;
  #ended = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', (data: RawData) => this.#onMessage(bytesOf(data)));
    socket.on('close', () => this.#session?.close());
    socket.on('error', () => this.#session?.close());
  }

  begin(session: ExecSession): void {
    this.#session = session;
    if (this.#outputPaused) session.setPaused(true);
    for (const message of this.#early.splice(0)) this.#onMessage(message);
    if (this.#socket.readyState !== this.#socket.OPEN) session.close();
  }

  onStdout(data: Buffer): void {
    this.#send(STDOUT, data);
  }

  onStderr(data: Buffer): void {
    this.#send(STDERR, data);
  }

  onDrain(): void {
    this.#socket.resume();
  }

  onEnd(statusJson: Buffer | undefined): void {
    if (this.#ended) return;
    this.#ended = true;
    const verdict = statusJson ?? failure('the container runtime closed the connection');
    this.#socket.send(framed(ERROR, verdict), () => this.#socket.close(NORMAL_CLOSURE));
  }

  fail(message: string): void {
    this.onEnd(failure(message));
  }

  #send(channel: number, data: Buffer): void {
    this.#socket.send(framed(channel, data), () => this.#relieve());
    if (this.#socket.bufferedAmount > STREAM_BUFFER_BYTES && !this.#outputPaused) {
      this.#outputPaused = true;
      this.#session?.setPaused(true);
    }
  }

  #relieve(): void {
    if (!this.#outputPaused || this.#socket.bufferedAmount > STREAM_BUFFER_BYTES / 2) return;
    this.#outputPaused = false;
    this.#session?.setPaused(false);
  }

  #onMessage(message: Buffer): void {
    if (this.#session === undefined) {
      this.#early.push(message);
      this.#socket.pause();
      return;
    }
    const data = message.subarray(1);
    const [channel] = message;
    if (channel === STDIN && data.length > 0 && !this.#session.writeStdin(data)) {
      this.#socket.pause();
    }
    if (channel === RESIZE) this.#resize(data);
    if (channel === CLOSE && data[0] === STDIN) this.#session.closeStdin();
  }

  #resize(data: Buffer): void {
    try {
      const size: unknown = JSON.parse(data.toString('utf8'));
      if (typeof size !== 'object' || size === null) return;
      const columns = Number(Reflect.get(size, 'Width'));
      const rows = Number(Reflect.get(size, 'Height'));
      if (columns > 0 && rows > 0) this.#session?.resize(columns, rows);
    } catch {
      // Not a size: a terminal that stays as it was is the lesser evil.
    }
  }
}

/** Joins a client's WebSocket to a process in a container. */
export async function bridgeExec(
  socket: WebSocket,
  request: StreamRequest,
  runtime: ContainerRuntime,
  log: Logger,
): Promise<void> {
  const bridge = new ExecSocket(socket);
  try {
    bridge.begin(await runtime.openStream(request, bridge));
    socket.resume();
  } catch (error) {
    log.debug({ error: errorMessage(error) }, 'cannot open exec session');
    bridge.fail(errorMessage(error));
  }
}
