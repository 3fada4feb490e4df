import type { ClientRequest, IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request as httpRequest } from 'node:http';
import { Agent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { Duplex, Readable } from 'node:stream';
import {
  ApiError,
  badRequest,
  fromStatus,
  internal,
  isJsonObject,
  notFound,
  serviceUnavailable,
  unclassified,
} from '@kubets/api';
import { endedUnderneath, networkText } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { overTunnel, type PodWay } from '../outbound/pod-way.ts';
import type { KubeletAddress } from './target.ts';

/** How the apiserver shows itself to kubelets, and whom it believes. */
export interface KubeletTls {
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  /** CA of the kubelets' serving certificates; the system's CAs when absent. */
  readonly ca?: Buffer | undefined;
  /** The name the certificate must carry, if not the address. */
  readonly servername?: string;
  /** False: any certificate will do. */
  readonly rejectUnauthorized?: boolean;
}

/** One request to a kubelet (`https`), or through the proxy subresources to a pod (`http`). */
export interface BackendRequest extends KubeletAddress {
  readonly scheme: 'http' | 'https';
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body?: Readable | undefined;
  readonly signal: AbortSignal;
  /** A pod or Service: it may show any certificate, and is shown none. */
  readonly isWorkload?: boolean;
  /** Passed on for somebody who asked for a server behind us. */
  readonly isProxied?: boolean;
}

/** An upgraded connection. */
export interface Upgraded {
  readonly response: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** Talks to kubelets with the apiserver's client certificate. */
export class KubeletClient {
  readonly #agent: Agent;
  readonly #tls: KubeletTls;
  readonly #way: PodWay | undefined;

  /** @param way how pods are reached; absent: as everything else */
  constructor(tls: KubeletTls, way?: PodWay) {
    this.#tls = tls;
    this.#way = way;
    this.#agent = new Agent({ keepAlive: true, maxSockets: LIMITS.kubeletSockets, ...tls });
  }

  /**
   * Resolves with the response's head; its body is the caller's. A kept connection that ends as it is used again is no
   * answer: what has no body is asked once more over another.
   * @throws ApiError when there is no answer
   */
  async request(o: BackendRequest): Promise<IncomingMessage> {
    const tunnel = await this.#tunnel(o);
    return new Promise((resolve, reject) => {
      const request = this.#open(o, tunnel, (error) => {
        if (isReplayable(o) && endedUnderneath(request, error))
          this.request(o).then(resolve, reject);
        else reject(unreachable(o, error));
      });
      request.on('response', resolve);
      if (o.body) o.body.pipe(request);
      else request.end();
    });
  }

  /** Resolves with the upgraded connection. @throws ApiError when the kubelet refuses or does not answer */
  async upgrade(o: BackendRequest): Promise<Upgraded> {
    const tunnel = await this.#tunnel(o);
    return new Promise((resolve, reject) => {
      const request = this.#open(o, tunnel, (error) => reject(unreachable(o, error)));
      request.on('upgrade', (response, socket, head) => resolve({ response, socket, head }));
      request.on('response', (response) => {
        refusal(response).then(reject, reject);
      });
      request.end();
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  async #tunnel(o: BackendRequest): Promise<Duplex | undefined> {
    try {
      return await this.#way?.open(o.host, o.port, o.signal);
    } catch (error) {
      throw unreachable(o, error);
    }
  }

  /** The apiserver's identity is for kubelets alone; what workloads show, nobody here could check. */
  #trust(
    { isWorkload }: BackendRequest,
    isUpgrade: boolean,
  ): KubeletTls & Pick<RequestOptions, 'agent'> {
    if (isWorkload) return { rejectUnauthorized: false, agent: false };
    return { ...this.#tls, agent: isUpgrade ? false : this.#agent };
  }

  #open(
    o: BackendRequest,
    tunnel: Duplex | undefined,
    onError: (error: Error) => void,
  ): ClientRequest {
    const { host, port, method, path, headers, signal } = o;
    const common = { host, port, method, path, headers, signal };
    const isUpgrade = headers.upgrade !== undefined;
    const isPlain = o.scheme === 'http';
    const trust = isPlain ? {} : this.#trust(o, isUpgrade);
    const way = tunnel && overTunnel(tunnel, isPlain ? undefined : trust, host);
    const send = isPlain ? httpRequest : httpsRequest;
    const request = send({ ...common, ...trust, ...way });
    request.setNoDelay(true);
    request.on('socket', (socket) => {
      // Only connecting is bounded: what follows (a followed log, a shell) may be silent for hours.
      if (!socket.connecting) return;
      socket.setTimeout(LIMITS.kubeletConnectMs, () => {
        request.destroy(new Error('i/o timeout'));
      });
      socket.once('connect', () => socket.setTimeout(0));
    });
    request.on('error', onError);
    return request;
  }
}

const REPLAYABLE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

const isReplayable = ({ method, body, signal }: BackendRequest): boolean =>
  REPLAYABLE.has(method) && body === undefined && !signal.aborted;

function unreachable(o: BackendRequest, error: unknown): Error {
  if (o.signal.aborted) return serviceUnavailable('the request was ended');
  const text = networkText(error, o.host, o.port);
  if (o.isProxied) return serviceUnavailable(`error trying to reach service: ${text}`);
  const verb = o.method.charAt(0) + o.method.slice(1).toLowerCase();
  const url = `${o.scheme}://${o.host}:${o.port}${o.path}`;
  return unclassified(`${verb} ${JSON.stringify(url)}: ${text}`);
}

/** What a kubelet's error answer means for the client: its own Status if it sent one, else one made of its text. */
export async function refusal(
  response: IncomingMessage,
  about?: { resource: string; name: string },
): Promise<ApiError> {
  const text = (await readText(response)).trim();
  const code = response.statusCode ?? 500;
  const status = parseStatus(text);
  if (status) return fromStatus(status);
  if (code === 400) return badRequest(text);
  if (code === 404 && text === '' && about) {
    return notFound({ group: '', resource: about.resource }, about.name);
  }
  if (code < 400 || code === 500) return internal(text || `the kubelet answered ${code}`);
  return statusFor(code, text || response.statusMessage || `the kubelet answered ${code}`);
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  405: 'MethodNotAllowed',
  409: 'Conflict',
  429: 'TooManyRequests',
  503: 'ServiceUnavailable',
  504: 'Timeout',
};

function statusFor(code: number, message: string): ApiError {
  const reason = REASONS[code];
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message,
    ...(reason ? { reason } : {}),
    code,
  });
}

function parseStatus(text: string): object | undefined {
  if (!text.startsWith('{')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) && value.kind === 'Status' ? value : undefined;
  } catch {
    // Not JSON after all: the text itself is the message.
    return undefined;
  }
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response) {
    const piece = chunk as Buffer;
    chunks.push(piece.subarray(0, LIMITS.kubeletErrorBytes - size));
    size += piece.length;
    if (size >= LIMITS.kubeletErrorBytes) break;
  }
  return Buffer.concat(chunks).toString();
}
