import {
  badRequest,
  type Endpoints,
  goQuote,
  type Pod,
  type Service,
  serviceUnavailable,
} from '@kubets/api';
import type { AnyResponse, ResourceStore, StreamHandler, StreamRequest } from '../ports.ts';
import { GVR } from '../resources.ts';
import { decodedSegment } from '../rest/request-info.ts';
import type { BackendRequest, KubeletClient } from './kubelet-client.ts';
import { adapted } from './proxied-answer.ts';
import { bodyOf, copyAnswer, forwardedHeaders, relayBody, relayUpgrade } from './relay.ts';
import type { LinkView } from './rewrite.ts';
import { findPod, type KubeletLookup, kubeletOfNode, type StreamingDeps } from './target.ts';

type Backend = Pick<BackendRequest, 'scheme' | 'host' | 'port' | 'isWorkload'>;

/** A name as proxy paths write it: `[scheme:]name[:port]`. */
export interface ProxyName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  readonly port: string;
}

/** @throws ApiError 400 when the text is no such name of a `pod`, `node` or `service` */
export function parseProxyName(text: string, what: string): ProxyName {
  const parts = text.split(':');
  if (parts.length < 3) parts.unshift('');
  const [scheme = '', name = '', port = '', ...more] = parts;
  if (name === '' || more.length > 0 || !['http', 'https', ''].includes(scheme)) {
    throw badRequest(`invalid ${what} request ${goQuote(text)}`);
  }
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}

/** Tells whether users may be connected to an address of a pod. */
export type AddressRule = (address: string) => boolean;

/**
 * Not this machine and not its link: whoever can write a pod's address must not be able to point the apiserver
 * at services that trust it.
 */
export const isRoutable: AddressRule = (address) => {
  const plain = address.toLowerCase();
  if (plain === '::' || plain === '::1' || plain.startsWith('fe80:')) return false;
  return !/^(::ffff:)?(0|127|169\.254|22[4-9]|2[3-5]\d)\./.test(plain);
};

/** `nodes/NAME/proxy`, `pods/NAME/proxy` and `services/NAME/proxy`: plain HTTP passed through. */
export function proxies(deps: StreamingDeps, isAllowed: AddressRule = isRoutable): StreamHandler[] {
  const { store, client } = deps;
  const backends: Record<string, (stream: StreamRequest) => Promise<Backend>> = {
    nodes: (stream) => nodeBackend(deps, stream),
    pods: async (stream) => checked(await podBackend(store, stream), isAllowed),
    services: async (stream) => checked(await serviceBackend(store, stream), isAllowed),
  };
  return Object.entries(backends).map(([resource, find]) => ({
    group: '',
    resource,
    subresource: 'proxy',
    async handle(stream, response) {
      const backend = await find(stream);
      if (redirected(stream, response)) return;
      await relayRequest(client, backend, { stream, response });
    },
    async upgrade(stream, socket, head) {
      const backend = await find(stream);
      const method = stream.request.method ?? 'GET';
      await relayUpgrade(
        client,
        { ...backend, method, path: proxyPath(stream) },
        { stream, socket, head },
      );
    },
  }));
}

function checked(backend: Backend, isAllowed: AddressRule): Backend {
  if (!isAllowed(backend.host)) throw badRequest('address not allowed');
  return { ...backend, isWorkload: true };
}

async function nodeBackend(lookup: KubeletLookup, { info }: StreamRequest): Promise<Backend> {
  const { name, port } = parseProxyName(info.name, 'node');
  const address = await kubeletOfNode(lookup, name);
  const wanted = port === '' ? address.port : Number(port);
  // Any other port of a node would let API users reach whatever listens there with the apiserver's identity.
  if (wanted !== address.port) throw badRequest(`port ${port} is not the kubelet's`);
  return { scheme: 'https', ...address };
}

async function podBackend(store: ResourceStore, { info }: StreamRequest): Promise<Backend> {
  const { scheme, name, port } = parseProxyName(info.name, 'pod');
  const pod = await findPod(store, info.namespace, name);
  const host = pod.status?.podIP;
  if (!host) throw badRequest('address not allowed');
  return { scheme, host, port: podPort(pod, port) };
}

function podPort(pod: Pod, port: string): number {
  const ports = (pod.spec?.containers ?? []).flatMap((container) => container.ports ?? []);
  if (port === '') return ports[0]?.containerPort ?? 80;
  if (/^\d+$/.test(port)) return Number(port);
  const named = ports.find((one) => one.name === port);
  if (!named) throw badRequest(`pod has no port named "${port}"`);
  return named.containerPort;
}

async function serviceBackend(store: ResourceStore, { info }: StreamRequest): Promise<Backend> {
  const { namespace } = info;
  const { scheme, name, port } = parseProxyName(info.name, 'service');
  const place = { namespace, name };
  const portName = isInteger(port) ? await nameOfPort(store, place, port) : port;
  const { subsets = [] } = await store.get<Endpoints>({ ...GVR.endpoints, ...place });
  for (const subset of subsets) {
    const target = subset.ports?.find((one) => (one.name ?? '') === portName);
    const host = subset.addresses?.[0]?.ip;
    if (target && host) return { scheme, host, port: target.port };
  }
  const asked = subsets.length === 0 ? name : info.name;
  throw serviceUnavailable(`no endpoints available for service ${goQuote(asked)}`);
}

const isInteger = (text: string): boolean => /^[-+]?\d+$/.test(text);

/** Endpoints know ports by their names; who names a number means the Service's port. */
async function nameOfPort(
  store: ResourceStore,
  place: { readonly namespace: string; readonly name: string },
  port: string,
): Promise<string> {
  const service = await store.get<Service>({ ...GVR.services, ...place });
  const found = service.spec?.ports?.find((one) => one.port === Number(port));
  if (found) return found.name ?? '';
  throw serviceUnavailable(
    `no service port ${Number(port)} found for service ${goQuote(place.name)}`,
  );
}

interface ProxyPath {
  /** Up to `/proxy`. */
  readonly prefix: string;
  /** What comes after it: empty, or begins with a slash. */
  readonly rest: string;
  /** With its question mark; empty without one. */
  readonly query: string;
}

function splitPath(stream: StreamRequest): ProxyPath {
  const url = stream.request.url ?? '/';
  const end = url.indexOf('?');
  const [path, query] = end < 0 ? [url, ''] : [url.slice(0, end), url.slice(end)];
  const segments = path.split('/');
  const { name } = stream.info;
  // Which characters are escaped is the client's choice.
  const isName = (one: string): boolean => decodedSegment(one) === name;
  const at = segments.findIndex((one, i) => segments[i + 1] === 'proxy' && isName(one));
  if (at < 0) throw badRequest(`cannot find the proxied path in ${path}`);
  const prefix = segments.slice(0, at + 2).join('/');
  return { prefix, rest: path.slice(prefix.length), query };
}

/** What comes after `/proxy`, query included. */
export function proxyPath(stream: StreamRequest): string {
  const { rest, query } = splitPath(stream);
  return (rest || '/') + query;
}

/** Relative links of a page only lead below `/proxy/` if that is where the browser is. */
function redirected(stream: StreamRequest, response: AnyResponse): boolean {
  const { prefix, rest, query } = splitPath(stream);
  if (rest !== '' || !['GET', 'HEAD'].includes(stream.request.method ?? 'GET')) return false;
  response.statusCode = 301;
  response.setHeader('location', `${prefix}/${query}`);
  response.end();
  return true;
}

async function relayRequest(
  client: KubeletClient,
  backend: Backend,
  o: { stream: StreamRequest; response: AnyResponse },
): Promise<void> {
  const { stream, response } = o;
  const method = stream.request.method ?? 'GET';
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, stream.signal]);
  const hasBody = !['GET', 'HEAD'].includes(method);
  const view = linkView(stream, backend);
  const answer = await client.request({
    ...backend,
    method,
    path: proxyPath(stream),
    headers: { ...forwardedHeaders(stream), ...originHeaders(stream, view) },
    body: hasBody ? bodyOf(stream.request) : undefined,
    signal,
    isProxied: true,
  });
  const { replaced, through } = adapted(answer, view);
  copyAnswer(answer, response, replaced);
  await relayBody(answer, response, signal, method === 'HEAD' ? [] : through);
}

function linkView(stream: StreamRequest, backend: Backend): LinkView {
  const { headers } = stream.request;
  const host = String(headers.host ?? headers[':authority'] ?? '');
  const plain = backend.host.includes(':') ? `[${backend.host}]` : backend.host;
  const { prefix } = splitPath(stream);
  return { backend: `${plain}:${backend.port}`, prefix, host, scheme: 'https' };
}

/** How the client asked, for servers that write whole addresses. */
function originHeaders(stream: StreamRequest, view: LinkView): Record<string, string> {
  return {
    'x-forwarded-uri': view.prefix + (splitPath(stream).rest || '/'),
    'x-forwarded-host': view.host,
    'x-forwarded-proto': view.scheme,
  };
}
