/**
 * The WebSocket protocols for exec and attach: each message is one byte of channel and its data.
 * `v4.channel.k8s.io` and, with half-closing of stdin, `v5.channel.k8s.io` end with a Status on the error channel;
 * `channel.k8s.io`, which was there before them, tells failures only, as plain text. Of the forms with `base64` the
 * channel is a digit and the data text.
 */

import { errorMessage, type Logger } from '@kubets/platform';
import type { RawData, WebSocket } from 'ws';
import type { ContainerRuntime, ExecHandlers, ExecSession, StreamRequest } from '../ports.ts';
import { PacedSender } from './paced-sender.ts';

/** The preferred first. */
export const EXEC_PROTOCOLS: readonly string[] = [
  'v5.channel.k8s.io',
  'v4.channel.k8s.io',
  'v4.base64.channel.k8s.io',
  'channel.k8s.io',
  'base64.channel.k8s.io',
];

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;
const ERROR = 3;
const RESIZE = 4;
const CLOSE = 255;
const NORMAL_CLOSURE = 1_000;

/** `0` of a channel's digit. */
const FIRST_DIGIT = 0x30;

/** How messages look, by the protocol that was agreed on. */
interface Codec {
  encode(channel: number, data: Buffer): Buffer | string;
  decode(message: Buffer): { channel: number | undefined; data: Buffer };
  /** What the error channel says in the end; `undefined`: nothing. */
  verdict(statusJson: Buffer): Buffer | undefined;
}

const PLAIN: Pick<Codec, 'encode' | 'decode'> = {
  encode: (channel, data) => Buffer.concat([Buffer.from([channel]), data]),
  decode: (message) => ({ channel: message[0], data: message.subarray(1) }),
};

const BASE64: Pick<Codec, 'encode' | 'decode'> = {
  encode: (channel, data) => `${channel}${data.toString('base64')}`,
  decode: (message) => ({
    channel: (message[0] ?? FIRST_DIGIT) - FIRST_DIGIT,
    data: Buffer.from(message.subarray(1).toString('latin1'), 'base64'),
  }),
};

function codecOf(protocol: string): Codec {
  const form = protocol.includes('base64') ? BASE64 : PLAIN;
  const tellsStatus = /^v[45]\./.test(protocol);
  return { ...form, verdict: tellsStatus ? (status) => status : textOfFailure };
}

/** Of a Status its message, if it is a failure. */
function textOfFailure(statusJson: Buffer): Buffer | undefined {
  const status: unknown = JSON.parse(statusJson.toString('utf8'));
  if (typeof status !== 'object' || status === null) return undefined;
  if (Reflect.get(status, 'status') === 'Success') return undefined;
  return Buffer.from(String(Reflect.get(status, 'message') ?? ''));
}

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
  readonly #codec: Codec;
  readonly #sender: PacedSender;
  #session: ExecSession | undefined;
  readonly #early: Buffer[] = [];
  #outputPaused = false;
  #ended = false;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    this.#codec = codecOf(socket.protocol);
    this.#sender = new PacedSender(socket, (paused) => {
      this.#outputPaused = paused;
      this.#session?.setPaused(paused);
    });
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
    const said = statusJson ?? failure('the container runtime closed the connection');
    const verdict = this.#codec.verdict(said);
    if (verdict !== undefined) this.#send(ERROR, verdict);
    this.#sender.close(NORMAL_CLOSURE);
  }

  fail(message: string): void {
    this.onEnd(failure(message));
  }

  #send(channel: number, data: Buffer): void {
    this.#sender.send(this.#codec.encode(channel, data));
  }

  #onMessage(message: Buffer): void {
    if (this.#session === undefined) {
      this.#early.push(message);
      this.#socket.pause();
      return;
    }
    const { channel, data } = this.#codec.decode(message);
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
