import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { joinStreams } from '@kubets/platform';
import type { AnyRequest, AnyResponse, StreamRequest } from '../ports.ts';
import { sinkOf } from '../rest/respond.ts';
import type { BackendRequest, KubeletClient } from './kubelet-client.ts';

/** Headers that belong to one connection, not to the message. */
const HOP_HEADERS = new Set([
  'connection',
  'host',
  'http2-settings',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Of answers, the headers that belong to one connection. */
const CONNECTION_HEADERS = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade']);

/** Credentials of the client are for this server alone, whatever is behind it. */
const PRIVATE_HEADERS = new Set(['authorization', 'cookie']);

/** Headers as Node.js takes them. */
export type Headers = Record<string, string | string[]>;

/** The client's headers as the backend may see them. */
export function forwardedHeaders(stream: StreamRequest): Headers {
  const headers: Headers = {};
  for (const [name, value] of Object.entries(stream.request.headers)) {
    if (value === undefined || name.startsWith(':') || name.startsWith('impersonate-')) continue;
    if (HOP_HEADERS.has(name) || PRIVATE_HEADERS.has(name)) continue;
    headers[name] = value;
  }
  return headers;
}

const BEARER_PROTOCOL = 'base64url.bearer.authorization.k8s.io.';

/** Headers of an upgrade to pass on; a token sent as a subprotocol is taken out. */
export function upgradeHeaders(stream: StreamRequest): Headers {
  const headers = forwardedHeaders(stream);
  const protocols = String(headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !one.startsWith(BEARER_PROTOCOL));
  delete headers['sec-websocket-protocol'];
  if (protocols.length > 0) headers['sec-websocket-protocol'] = protocols.join(', ');
  headers.connection = 'Upgrade';
  headers.upgrade = String(stream.request.headers.upgrade ?? 'websocket');
  return headers;
}

/** The client's body, to be read at the backend's pace. */
export function bodyOf(request: AnyRequest): Readable {
  return 'listen' in request ? request.readable() : request;
}

/**
 * Status and headers of a backend's answer.
 * @param replaced headers that are other than the backend sent them
 */
export function copyAnswer(
  from: IncomingMessage,
  to: AnyResponse,
  replaced: Readonly<Record<string, string | undefined>> = {},
): void {
  to.statusCode = from.statusCode ?? 502;
  for (const [name, value] of Object.entries({ ...from.headers, ...replaced })) {
    if (value === undefined || CONNECTION_HEADERS.has(name)) continue;
    to.setHeader(name, value);
  }
}

/**
 * Sends a response body on as it comes, at the client's pace. Resolves when it is through or the client is gone.
 * @param through what the body passes on its way
 */
export async function relayBody(
  from: IncomingMessage,
  to: AnyResponse,
  signal: AbortSignal,
  through: readonly Duplex[] = [],
): Promise<void> {
  to.flushHeaders();
  try {
    await pipeline([from, ...through, sinkOf(to)], { signal });
  } catch (error) {
    // The status line is out: all that is left is to end the stream, which pipeline has done.
    if (!signal.aborted && !isStreamEnd(error)) throw error;
  }
}

const END_CODES = new Set(['ERR_STREAM_PREMATURE_CLOSE', 'ECONNRESET', 'EPIPE', 'ABORT_ERR']);

function isStreamEnd(error: unknown): boolean {
  return END_CODES.has(String((error as { code?: unknown } | undefined)?.code));
}

/**
 * Upgrades at the backend, then joins the two sockets byte by byte until either ends.
 * @throws ApiError before anything is written to the client
 */
export async function relayUpgrade(
  client: KubeletClient,
  backend: Omit<BackendRequest, 'headers' | 'signal'>,
  o: { stream: StreamRequest; socket: Duplex; head: Buffer; headers?: Headers },
): Promise<void> {
  const headers = o.headers ?? upgradeHeaders(o.stream);
  const gone = new AbortController();
  const onClose = (): void => gone.abort();
  o.socket.once('close', onClose);
  o.socket.on('error', () => o.socket.destroy());
  // Once upgraded, the request's own signal must not tear the connection: draining lets sessions end by themselves.
  const upgraded = await client.upgrade({ ...backend, headers, signal: gone.signal });
  o.socket.removeListener('close', onClose);
  o.socket.write(responseHead(upgraded.response));
  if (upgraded.head.length > 0) o.socket.write(upgraded.head);
  if (o.head.length > 0) upgraded.socket.write(o.head);
  await joinStreams(o.socket, upgraded.socket);
}

/** The 101 answer as the backend gave it. */
function responseHead(response: IncomingMessage): string {
  const lines = [`HTTP/1.1 ${response.statusCode} ${response.statusMessage ?? ''}`];
  for (let i = 0; i + 1 < response.rawHeaders.length; i += 2) {
    lines.push(`${response.rawHeaders[i]}: ${response.rawHeaders[i + 1]}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}
