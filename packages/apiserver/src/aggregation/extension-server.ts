/** One extension server: asked for its discovery, and requests of users passed on to it. */
import type { IncomingMessage } from 'node:http';
import { type Duplex, Readable } from 'node:stream';
import { type APIService, parseExact } from '@kubets/api';
import type { Clock, Random } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import type { PodWay } from '../outbound/pod-way.ts';
import { type Address, serviceBackend } from '../outbound/service-backend.ts';
import type { AnyResponse, ResourceStore, StreamRequest, UserInfo } from '../ports.ts';
import { KubeletClient } from '../streaming/kubelet-client.ts';
import {
  bodyOf,
  copyAnswer,
  forwardedHeaders,
  type Headers,
  relayBody,
  relayUpgrade,
  upgradeHeaders,
} from '../streaming/relay.ts';
import { portOf } from './availability.ts';
import { identityHeaders } from './identity.ts';

/** How this server shows itself to extension servers. */
export interface ProxyIdentity {
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
}

export interface ExtensionServerOptions {
  readonly store: ResourceStore;
  readonly identity: ProxyIdentity;
  readonly clock: Clock;
  readonly random: Random;
  /** How pods are reached; absent: as everything else. */
  readonly way?: PodWay | undefined;
}

/** A request this server makes for one of its own clients. */
export interface Question {
  readonly user: UserInfo;
  readonly userAgent: string;
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly body?: Buffer | undefined;
  readonly contentType?: string | undefined;
  readonly signal: AbortSignal;
}

/** An answer that cannot be used. */
export class ProbeError extends Error {
  override readonly name = 'ProbeError';
}

export class ExtensionServer {
  readonly #o: ExtensionServerOptions;
  readonly #ref: { namespace: string; name: string; port: number };
  readonly #client: KubeletClient;

  /** @param api one that names a service */
  constructor(api: APIService, options: ExtensionServerOptions) {
    this.#o = options;
    const { namespace = '', name = '' } = api.spec?.service ?? {};
    this.#ref = { namespace, name, port: portOf(api) };
    const { caBundle, insecureSkipTLSVerify } = api.spec ?? {};
    const trust = {
      ...options.identity,
      ...(caBundle ? { ca: Buffer.from(caBundle, 'base64') } : {}),
      servername: `${name}.${namespace}.svc`,
      rejectUnauthorized: insecureSkipTLSVerify !== true,
    };
    this.#client = new KubeletClient(trust, options.way);
  }

  /** Where a path of the server is, as messages show it. */
  urlOf(path: string): string {
    const { host, port } = this.#address();
    return `https://${host.includes(':') ? `[${host}]` : host}:${port}${path}`;
  }

  /** Asks for a JSON document. @throws ProbeError for anything but that */
  async fetch(path: string): Promise<object> {
    const stop = new AbortController();
    const timer = this.#o.clock.setTimeout(() => stop.abort(), LIMITS.extensionProbeMs);
    try {
      const response = await this.#client.request({
        ...{ scheme: 'https', ...this.#address(), method: 'GET', path },
        headers: {
          accept: 'application/json',
          ...identityHeaders({ name: 'system:kube-aggregator', groups: ['system:masters'] }),
        },
        signal: stop.signal,
      });
      const code = response.statusCode ?? 0;
      if (code < 200 || code >= 300) {
        response.resume();
        throw new ProbeError(`bad status from ${this.urlOf(path)}: ${code}`);
      }
      return await readJson(response);
    } finally {
      timer.cancel();
    }
  }

  /**
   * Makes a request in a user's name. The answer's body is the caller's.
   * @throws ApiError when there is no answer
   */
  ask(o: Question): Promise<IncomingMessage> {
    const { user, method, path, signal, body } = o;
    return this.#client.request({
      ...{ scheme: 'https', ...this.#address(), method, path, signal },
      headers: {
        accept: 'application/json',
        'user-agent': o.userAgent,
        ...(body && { 'content-type': o.contentType, 'content-length': String(body.length) }),
        ...identityHeaders(user),
      },
      body: body && Readable.from([body]),
    });
  }

  /** Passes a request on and the answer back. @throws ApiError before anything is written */
  async handle(stream: StreamRequest, response: AnyResponse): Promise<void> {
    const { request, user } = stream;
    const method = request.method ?? 'GET';
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, stream.signal]);
    const hasBody = !['GET', 'HEAD'].includes(method);
    const answer = await this.#client.request({
      ...{ scheme: 'https', ...this.#address(), method, path: request.url ?? '/' },
      headers: { ...withoutIdentity(forwardedHeaders(stream)), ...identityHeaders(user) },
      body: hasBody ? bodyOf(request) : undefined,
      signal,
    });
    if (isRedirect(answer)) {
      answer.destroy();
      refuseRedirect(response);
      return;
    }
    copyAnswer(answer, response);
    await relayBody(answer, response, signal);
  }

  /** Passes an upgrade on. @throws ApiError before anything is written */
  async upgrade(stream: StreamRequest, socket: Duplex, head: Buffer): Promise<void> {
    const method = stream.request.method ?? 'GET';
    const backend = { scheme: 'https', ...this.#address(), method } as const;
    const headers = { ...withoutIdentity(upgradeHeaders(stream)), ...identityHeaders(stream.user) };
    await relayUpgrade(
      this.#client,
      { ...backend, path: stream.request.url ?? '/' },
      { stream, socket, head, headers },
    );
  }

  close(): void {
    this.#client.close();
  }

  #address(): Address {
    const { store, random } = this.#o;
    return serviceBackend(store, this.#ref, (count) => Math.floor(random.next() * count));
  }
}

/** Followed, it would lead clients of this server wherever the other one likes. */
function isRedirect({ statusCode = 0, headers }: IncomingMessage): boolean {
  return statusCode >= 300 && statusCode <= 399 && Boolean(headers.location);
}

function refuseRedirect(response: AnyResponse): void {
  const text = 'the backend attempted to redirect this request, which is not permitted';
  response.statusCode = 502;
  response.setHeader('content-type', 'text/plain; charset=utf-8');
  response.setHeader('content-length', String(Buffer.byteLength(text)));
  response.end(text);
}

/** Nobody but this server says whom it speaks for. */
function withoutIdentity(headers: Headers): Headers {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith('x-remote-')),
  );
}

/** Reads an answer to its end. @throws ProbeError when it is larger than the limit or no JSON object */
export async function readJson(
  response: AsyncIterable<unknown>,
  limitBytes: number = LIMITS.extensionDocumentBytes,
): Promise<object> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > limitBytes) throw new ProbeError('the answer is too large');
  }
  try {
    const value: unknown = parseExact(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Said below, for whatever is no object.
  }
  throw new ProbeError('the answer is no JSON object');
}
