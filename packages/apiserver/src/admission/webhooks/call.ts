import { request as httpsRequest } from 'node:https';
import { isJsonObject } from '@kubets/api';
import type { Clock } from '@kubets/platform';
import { LIMITS } from '../../edge-limits.ts';
import { networkText } from '../../network-text.ts';
import {
  type Address,
  NoBackendError,
  type ServiceRef,
  serviceBackend,
} from '../../outbound/service-backend.ts';
import type { ResourceStore } from '../../ports.ts';
import type { Webhook } from './match.ts';

/** The webhook could not be asked, or gave no answer that can be used. */
export class WebhookCallError extends Error {
  override readonly name = 'WebhookCallError';
}

/** The part of an answer that counts. */
export interface WebhookResponse {
  readonly allowed: boolean;
  readonly status?: { code?: number; message?: string; reason?: string; status?: string };
  readonly patch?: string;
  readonly patchType?: string;
  readonly warnings?: readonly string[];
}

interface Target {
  /** As messages show it. */
  readonly url: URL;
  readonly host: string;
  readonly port: number;
  /** The name the certificate must carry. */
  readonly servername: string;
}

const DEFAULT_TIMEOUT_SECONDS = 10;

/** Posts an AdmissionReview; resolves with the response that belongs to it. */
export async function callWebhook(
  hook: Webhook,
  review: { request: { uid: string } },
  o: { store: ResourceStore; clock: Clock },
): Promise<WebhookResponse> {
  const seconds = hook.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
  const text = await askWebhook(hook.clientConfig, review, { ...o, seconds });
  return readResponse(text, review.request.uid);
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
  o: { store: ResourceStore; clock: Clock; seconds: number },
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

function post(
  target: Target,
  body: string,
  o: { ca: string | undefined; seconds: number; clock: Clock },
): Promise<string> {
  const { url, host, port, servername } = target;
  const { ca } = o;
  const prefix = `Post ${JSON.stringify(url.href)}`;
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new WebhookCallError(`${prefix}: ${why}`));
    const request = httpsRequest({
      host,
      port,
      method: 'POST',
      path: `${url.pathname}${url.search}`,
      servername: /^[\d.]+$|:/.test(servername) ? '' : servername,
      headers: {
        host: url.host,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      },
      ...(ca ? { ca: Buffer.from(ca, 'base64') } : {}),
    });
    const timer = o.clock.setTimeout(() => {
      fail('context deadline exceeded');
      request.destroy();
    }, o.seconds * 1000);
    request.on('close', () => timer.cancel());
    request.on('error', (error) => fail(networkText(error, host, port)));
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
        if (code >= 200 && code < 300) resolve(Buffer.concat(chunks).toString());
        else fail(`the server answered ${code}`);
      });
    });
    request.end(body);
  });
}

function readResponse(text: string, uid: string): WebhookResponse {
  const review = parse(text);
  const response = isJsonObject(review) ? review.response : undefined;
  if (!isJsonObject(review) || review.kind !== 'AdmissionReview' || !isJsonObject(response)) {
    throw new WebhookCallError(
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview',
    );
  }
  if (response.uid !== uid) {
    const got = JSON.stringify(response.uid ?? '');
    throw new WebhookCallError(`expected response.uid=${JSON.stringify(uid)}, got ${got}`);
  }
  return response as unknown as WebhookResponse;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new WebhookCallError('the response is no JSON');
  }
}
