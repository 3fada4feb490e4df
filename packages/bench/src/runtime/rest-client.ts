/**
 * A client of any Kubernetes API server over HTTP/2: many requests and watches on few connections. Thousands of hollow nodes
 * share the machine with what is measured, so what a request costs here counts.
 */
import { isIP } from 'node:net';
import { connect } from 'node:tls';
import {
  ClientConnection,
  type HeaderFields,
  roomFor,
  type StreamEvents,
  type Ticket,
  writeBlock,
} from '@kubets/platform/http2';
import { RestFault } from '../errors.ts';
import { MAX_STREAMS, REQUEST_TIMEOUT_MS, REQUESTS_A_SESSION, WINDOW_BYTES } from '../limits.ts';
import type { Access } from '../rest/kubeconfig.ts';

export type Verb = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Call {
  readonly verb: Verb;
  readonly path: string;
  readonly body?: object;
  /** Of the body; JSON unless said otherwise. */
  readonly type?: string;
  readonly timeoutMs?: number;
}

export interface WatchEvent {
  readonly type: string;
  readonly object: Record<string, unknown>;
}

export interface Watch {
  /** Settles when the stream has ended, with the last status code seen; never rejects. */
  readonly done: Promise<number>;
  stop(): void;
}

/** Told about every answer: its request, milliseconds, status (0: none came). */
export type OnAnswer = (call: Call, ms: number, status: number) => void;

/** A request to be sent. */
interface Sending {
  readonly fields: HeaderFields;
  readonly payload: Buffer | undefined;
}

/** A connection, perhaps still to be made: what comes before it is open waits. */
class Connection {
  readonly #connection: ClientConnection;
  #waiting: (() => void)[] | undefined = [];
  streams = 0;
  isLost = false;

  constructor({ server, ca, cert, key }: Access) {
    const { hostname, port } = new URL(server);
    const host = hostname.replace(/^\[(.*)\]$/, '$1');
    const socket = connect({
      ...{ host, port: Number(port || 443), ALPNProtocols: ['h2'] },
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(isIP(host) === 0 && { servername: host }),
    });
    socket.setNoDelay(true);
    const events = {
      onReady: () => this.#go(),
      onGoAway: () => this.#lost(),
      onClosed: () => this.#lost(),
    };
    this.#connection = new ClientConnection(socket, events, { windowBytes: WINDOW_BYTES });
  }

  /** @returns gives the request up; its events are told nothing more then */
  send({ fields, payload }: Sending, events: StreamEvents): () => void {
    let ticket: Ticket | undefined;
    let isOver = false;
    const start = (): void => {
      if (isOver) return;
      const block = writeBlock(fields);
      const room = roomFor(block);
      const framed = Buffer.allocUnsafe(room + (payload?.length ?? 0));
      payload?.copy(framed, room);
      ticket = this.#connection.request({ block, framed }, events);
    };
    if (this.#waiting === undefined) start();
    else this.#waiting.push(start);
    return () => {
      isOver = true;
      if (ticket !== undefined) this.#connection.cancel(ticket);
    };
  }

  close(): void {
    this.#connection.destroy('the client is closed');
  }

  #lost(): void {
    this.isLost = true;
    this.#go();
  }

  /** What waits is sent, or told that there is no connection. */
  #go(): void {
    const waiting = this.#waiting ?? [];
    this.#waiting = undefined;
    for (const start of waiting) start();
  }
}

/** Connections of one use, opened as streams need them. */
class Pool {
  readonly #access: Access;
  readonly #most: number;
  #connections: Connection[] = [];

  constructor(access: Access, most: number) {
    this.#access = access;
    this.#most = most;
  }

  /** `onOver` is called once, with whether an answer came to its end. */
  send(
    sending: Sending,
    events: Omit<StreamEvents, 'onEnd' | 'onReset'> & { onOver(isWhole: boolean): void },
  ): () => void {
    const connection = this.#take();
    connection.streams += 1;
    let isOver = false;
    const finish = (isWhole: boolean): void => {
      if (isOver) return;
      isOver = true;
      connection.streams -= 1;
      events.onOver(isWhole);
    };
    const cancel = connection.send(sending, {
      onHeaders: (fields) => events.onHeaders(fields),
      onData: (bytes) => events.onData(bytes),
      onEnd: () => finish(true),
      onReset: () => finish(false),
    });
    return () => {
      if (isOver) return;
      cancel();
      finish(false);
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  #take(): Connection {
    this.#connections = this.#connections.filter(({ isLost }) => !isLost);
    const free = this.#connections.find(({ streams }) => streams < this.#most);
    if (free !== undefined) return free;
    const made = new Connection(this.#access);
    this.#connections.push(made);
    return made;
  }
}

export class RestClient {
  readonly #requests: Pool;
  readonly #watches: Pool;
  readonly #headers: HeaderFields;
  readonly #onAnswer: OnAnswer;

  constructor(access: Access, onAnswer: OnAnswer = () => undefined) {
    this.#requests = new Pool(access, REQUESTS_A_SESSION);
    this.#watches = new Pool(access, MAX_STREAMS);
    this.#onAnswer = onAnswer;
    const { server, token } = access;
    this.#headers = {
      ':scheme': 'https',
      ':authority': new URL(server).host,
      accept: 'application/json',
      'user-agent': 'kubets-bench',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    };
  }

  /** @throws RestFault for every status that is not 2xx, and when no answer came */
  async call<T = Record<string, unknown>>(call: Call): Promise<T> {
    const startMs = performance.now();
    const { status, body } = await this.#exchange(call);
    this.#onAnswer(call, performance.now() - startMs, status);
    if (status >= 200 && status < 300) return JSON.parse(body.toString()) as T;
    throw new RestFault(`${call.verb} ${call.path}: ${status} ${messageIn(body)}`, status);
  }

  /** As {@link call}, for its time alone: the answer is read and thrown away. */
  async drop(call: Call): Promise<void> {
    const startMs = performance.now();
    const { status } = await this.#exchange(call, false);
    this.#onAnswer(call, performance.now() - startMs, status);
    if (status < 200 || status >= 300) {
      throw new RestFault(`${call.verb} ${call.path}: ${status}`, status);
    }
  }

  /** The answer as it came, for what is not JSON. @throws RestFault as {@link call} does */
  async text(path: string): Promise<string> {
    const { status, body } = await this.#exchange({ verb: 'GET', path });
    if (status === 200) return body.toString();
    throw new RestFault(`GET ${path}: ${status} ${messageIn(body)}`, status);
  }

  /** @param onEvent undefined: events are received, as somebody has to who watches, but not looked at */
  watch(path: string, onEvent: ((event: WatchEvent) => void) | undefined): Watch {
    const { promise: done, resolve } = Promise.withResolvers<number>();
    let status = 0;
    let rest = '';
    const decoder = new TextDecoder();
    const take = (line: string): void => {
      if (line === '' || status !== 200) return;
      const event = JSON.parse(line) as WatchEvent;
      if (event.type === 'ERROR') status = Number(event.object.code ?? 500);
      else onEvent?.(event);
    };
    const fields = { ':method': 'GET', ':path': path, ...this.#headers };
    const stop = this.#watches.send(
      { fields, payload: undefined },
      {
        onHeaders: (answer) => {
          status = Number(answer[':status'] ?? 0);
        },
        onData: (bytes) => {
          if (onEvent === undefined) return;
          const lines = (rest + decoder.decode(bytes, { stream: true })).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) take(line);
        },
        onOver: () => resolve(status),
      },
    );
    return { done, stop };
  }

  close(): void {
    this.#requests.close();
    this.#watches.close();
  }

  #exchange(call: Call, keep = true): Promise<{ status: number; body: Buffer }> {
    const payload = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body));
    const fields = {
      ...{ ':method': call.verb, ':path': call.path },
      ...this.#headers,
      ...(payload !== undefined && {
        'content-type': call.type ?? 'application/json',
        'content-length': String(payload.length),
      }),
    };
    return new Promise((resolve) => {
      let status = 0;
      const chunks: Buffer[] = [];
      const stop = this.#requests.send(
        { fields, payload },
        {
          onHeaders: (answer) => {
            status = Number(answer[':status'] ?? 0);
          },
          onData: (bytes) => {
            if (keep) chunks.push(bytes);
          },
          onOver: (isWhole) => {
            clearTimeout(timeout);
            resolve({ status: isWhole ? status : 0, body: Buffer.concat(chunks) });
          },
        },
      );
      const timeout = setTimeout(stop, call.timeoutMs ?? REQUEST_TIMEOUT_MS);
    });
  }
}

/** The message of a Status, or the beginning of whatever came. */
function messageIn(body: Buffer): string {
  const text = body.toString();
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    if (typeof message === 'string') return message;
  } catch {
    // Not a Status: shown as it is.
  }
  return text.slice(0, 200);
}
