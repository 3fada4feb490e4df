import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { type Clock, networkText } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import { overTunnel, type PodWay } from '../../outbound/pod-way.ts';
import {
  type Address,
  NoBackendError,
  type ServiceRef,
  serviceBackend,
} from '../../outbound/service-backend.ts';
import type { ResourceStore } from '../../ports.ts';
import type { WebhookCredentials } from './credentials.ts';
import type { Webhook } from './match.ts';
import {
  type ReviewVersion,
  readResponse,
  WebhookCallError,
  type WebhookResponse,
} from './response.ts';
import { statusText } from './status-text.ts';

interface Target {
  /** As messages show it. */
  readonly url: URL;
  readonly host: string;
  readonly port: number;
  /** The name the certificate must carry. */
  readonly servername: string;
}

const DEFAULT_TIMEOUT_SECONDS = 10;

/** Posts an AdmissionReview; resolves with the response that belongs to it. @throws WebhookCallError */
export async function callWebhook(
  hook: Webhook,
  review: { request: { uid: string } },
  o: {
    store: ResourceStore;
    clock: Clock;
    version: ReviewVersion;
    mayPatch: boolean;
    credentials?: WebhookCredentials | undefined;
    way?: PodWay | undefined;
  },
): Promise<WebhookResponse> {
  const seconds = hook.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  const text = await askWebhook(hook.clientConfig, review, { ...o, seconds }).catch((error) => {
    if (!(error instanceof WebhookCallError)) throw error;
    throw new WebhookCallError(`failed to call webhook: ${error.message}`);
  });
  const { version, mayPatch } = o;
  return readResponse(text, { uid: review.request.uid, version, mayPatch });
}

/** How a webhook of any sort is reached. */
export interface ClientConfig {
  readonly url?: string | undefined;
  readonly service?:
    | {
        readonly namespace?: string | undefined;
        readonly name?: string | undefined;
        readonly port?: number | undefined;
        readonly path?: string | undefined;
      }
    | undefined;
  readonly caBundle?: string | undefined;
}

/** Posts a review; resolves with the text of the answer. @throws WebhookCallError */
export async function askWebhook(
  config: ClientConfig,
  review: object,
  o: {
    store: ResourceStore;
    clock: Clock;
    seconds: number;
    credentials?: WebhookCredentials | undefined;
    /** How pods are reached; absent: as everything else. */
    way?: PodWay | undefined;
  },
): Promise<string> {
  const target = targetOf(config, o.store, o.seconds);
  return post(target, JSON.stringify(review), { ca: config.caBundle, ...o });
}

function targetOf(config: ClientConfig, store: ResourceStore, seconds: number): Target {
  const { url: text, service } = config;
  if (text) {
    const url = withTimeout(new URL(text), seconds);
    const host = url.hostname.replace(/^\[|\]$/g, '');
    return { url, host, port: Number(url.port || 443), servername: host };
  }
  if (!service) throw new WebhookCallError('the webhook names neither a URL nor a service');
  const { namespace = '', name = '', port = 443 } = service;
  const servername = `${name}.${namespace}.svc`;
  const path = service.path ?? '/';
  const url = withTimeout(new URL(path, `https://${servername}:${port}`), seconds);
  return { url, ...addressOf(url, store, { namespace, name, port }), servername };
}

function addressOf(url: URL, store: ResourceStore, ref: ServiceRef): Address {
  try {
    return serviceBackend(store, ref);
  } catch (error) {
    if (error instanceof NoBackendError) {
      throw new WebhookCallError(`Post ${JSON.stringify(url.href)}: ${error.message}`);
    }
    throw error;
  }
}

function withTimeout(url: URL, seconds: number): URL {
  url.searchParams.set('timeout', `${seconds}s`);
  return url;
}

interface PostOptions {
  readonly ca: string | undefined;
  readonly seconds: number;
  readonly clock: Clock;
  readonly credentials?: WebhookCredentials | undefined;
  readonly way?: PodWay | undefined;
}

async function post(target: Target, body: string, o: PostOptions): Promise<string> {
  const prefix = `Post ${JSON.stringify(target.url.href)}`;
  const late = new AbortController();
  const timer = o.clock.setTimeout(() => late.abort(), o.seconds * 1000);
  try {
    const { host, port } = target;
    const tunnel = await o.way?.open(host, port, late.signal);
    return await send(target, body, { ...o, prefix, tunnel, late: late.signal });
  } catch (error) {
    if (error instanceof WebhookCallError) throw error;
    const why = late.signal.aborted
      ? 'context deadline exceeded'
      : networkText(error, target.host, target.port);
    throw new WebhookCallError(`${prefix}: ${why}`);
  } finally {
    timer.cancel();
  }
}

function send(
  target: Target,
  body: string,
  o: PostOptions & { prefix: string; tunnel: Duplex | undefined; late: AbortSignal },
): Promise<string> {
  const { url, host, port } = target;
  const { cert, key, headers } =
    o.credentials?.(url.hostname.replace(/^\[|\]$/g, ''), Number(url.port || 443)) ?? {};
  const servername = /^[\d.]+$|:/.test(target.servername) ? '' : target.servername;
  const tls = {
    ...{ servername, ...(cert && { cert }), ...(key && { key }) },
    ...(o.ca ? { ca: Buffer.from(o.ca, 'base64') } : {}),
  };
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new WebhookCallError(`${o.prefix}: ${why}`));
    const request = httpsRequest({
      ...{ host, port, method: 'POST', path: `${url.pathname}${url.search}`, signal: o.late },
      headers: {
        host: url.host,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
        ...headers,
      },
      ...tls,
      ...(o.tunnel && overTunnel(o.tunnel, tls, host)),
    });
    // Once it is late, whoever waits hears that, not what became of the connection.
    request.on('error', (error) =>
      o.late.aborted ? reject(error) : fail(networkText(error, host, port)),
    );
    request.on('response', (response) => {
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > LIMITS.webhookResponseBytes) {
          fail(`the response is larger than ${LIMITS.webhookResponseBytes} bytes`);
          request.destroy();
        }
      });
      response.on('end', () => {
        const code = response.statusCode ?? 0;
        const text = Buffer.concat(chunks).toString();
        if (code >= 200 && code < 300) resolve(text);
        else reject(new WebhookCallError(statusText(code, text)));
      });
    });
    request.end(body);
  });
}
