/** Calls to services outside the cluster's own: webhooks, identity providers. Bounded in time and size. */
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { type Clock, networkText } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';

/** The service could not be asked, or gave no answer that can be used. */
export class OutboundError extends Error {
  override readonly name = 'OutboundError';
  /** Whether asking again may help. */
  readonly retriable: boolean;

  constructor(message: string, o: { retriable: boolean }) {
    super(message);
    this.retriable = o.retriable;
  }
}

/** How one service is reached. */
export interface OutboundTarget {
  readonly url: URL;
  readonly ca?: Buffer | string | undefined;
  readonly cert?: Buffer | string | undefined;
  readonly key?: Buffer | string | undefined;
  /** The name the certificate must carry, if not the host's. */
  readonly servername?: string | undefined;
  readonly insecure?: boolean | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
}

export interface OutboundAsk {
  readonly method: 'GET' | 'POST';
  readonly url?: URL;
  readonly body?: string;
  /** Beside those of the target, and before them. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** A service that is asked again and again over kept connections. */
export class OutboundClient {
  readonly #target: OutboundTarget;
  readonly #clock: Clock;
  readonly #agent: HttpAgent;

  constructor(target: OutboundTarget, clock: Clock) {
    this.#target = target;
    this.#clock = clock;
    const { ca, cert, key, servername, insecure } = target;
    const kept = { keepAlive: true, maxSockets: LIMITS.outboundSockets };
    const tls = {
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
      ...(servername && { servername }),
      rejectUnauthorized: insecure !== true,
    };
    const isPlain = target.url.protocol === 'http:';
    this.#agent = isPlain ? new HttpAgent(kept) : new HttpsAgent({ ...kept, ...tls });
  }

  /** Resolves with the text of a 2xx answer. @throws OutboundError */
  ask(o: OutboundAsk): Promise<string> {
    const url = o.url ?? this.#target.url;
    const prefix = `${o.method === 'GET' ? 'Get' : 'Post'} ${JSON.stringify(url.href)}`;
    const send = url.protocol === 'http:' ? httpRequest : httpsRequest;
    const { body } = o;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const fail = (why: string, retriable = true): void =>
      reject(new OutboundError(`${prefix}: ${why}`, { retriable }));
    const request = send(url, {
      method: o.method,
      agent: this.#agent,
      headers: {
        accept: 'application/json',
        ...(body !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
        ...this.#target.headers,
        ...o.headers,
      },
    });
    const timer = this.#clock.setTimeout(() => {
      fail('context deadline exceeded');
      request.destroy();
    }, o.timeoutMs);
    request.on('close', () => timer.cancel());
    request.on('error', (error) => fail(networkText(error, url.hostname, Number(url.port || 443))));
    request.on('response', (response) => {
      readText(response).then(({ code, text }) => {
        if (code >= 200 && code < 300) resolve(text);
        else fail(`the server answered ${code}`, code === 429 || code >= 500);
      }, fail);
    });
    request.end(body);
    return promise;
  }

  close(): void {
    this.#agent.destroy();
  }
}

function readText(response: IncomingMessage): Promise<{ code: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ code: number; text: string }>();
  const chunks: Buffer[] = [];
  let size = 0;
  response.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size <= LIMITS.webhookResponseBytes) return;
    reject(`the response is larger than ${LIMITS.webhookResponseBytes} bytes`);
    response.destroy();
  });
  response.on('error', () => reject('the connection broke off'));
  response.on('end', () => {
    resolve({ code: response.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
  });
  return promise;
}
