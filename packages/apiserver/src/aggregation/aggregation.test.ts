import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { type APIService, builtinKinds, type KubeObject } from '@kubets/api';
import { EmbeddedAuthority } from '../embedded/certificates.ts';
import { type EmbeddedApiServer, startApiServer } from '../index.ts';
import type { CacheChange } from '../ports.ts';
import { GVR } from '../resources.ts';

const GROUP = 'metrics.k8s.io';
const NAME = `v1beta1.${GROUP}`;
const BASE = `/apis/${GROUP}/v1beta1`;

interface Seen {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly peer: string;
}

/** An extension server as metrics-server is one. */
class MetricsServer {
  readonly seen: Seen[] = [];
  isWell = true;
  port = 0;
  readonly #server: Server;

  constructor(tls: { cert: Buffer; key: Buffer; ca: Buffer }) {
    this.#server = createServer({ ...tls, requestCert: true, rejectUnauthorized: true });
    this.#server.on('request', (request, response) => this.#answer(request, response));
    this.#server.on('upgrade', (request: IncomingMessage, socket) => {
      this.#note(request);
      socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhi');
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = (this.#server.address() as AddressInfo).port;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #note(request: IncomingMessage): void {
    const peer = String((request.socket as TLSSocket).getPeerCertificate().subject?.CN);
    this.seen.push({ url: request.url ?? '', headers: request.headers, peer });
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.#note(request);
    const path = (request.url ?? '').split('?')[0] ?? '';
    if (path.endsWith('/away')) {
      response.writeHead(302, { location: 'https://elsewhere.example/' }).end('go there');
      return;
    }
    const document = this.isWell ? DOCUMENTS[path] : undefined;
    response.statusCode = document === undefined ? 404 : 200;
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(document ?? { kind: 'Status', code: 404 }));
  }
}

const VERBS = ['get', 'list'];
const DOCUMENTS: Readonly<Record<string, object>> = {
  [BASE]: {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: `${GROUP}/v1beta1`,
    resources: [
      { name: 'nodes', singularName: '', namespaced: false, kind: 'NodeMetrics', verbs: VERBS },
      { name: 'pods', singularName: '', namespaced: true, kind: 'PodMetrics', verbs: VERBS },
    ],
  },
  '/openapi/v3': {
    paths: { [BASE.slice(1)]: { serverRelativeURL: `/openapi/v3${BASE}?hash=A1` } },
  },
  '/openapi/v2': {
    swagger: '2.0',
    paths: {
      '/version/': { get: { responses: {} } },
      [`${BASE}/nodes`]: {
        get: { responses: { 200: { schema: { $ref: '#/definitions/NodeMetricsList' } } } },
      },
    },
    definitions: { NodeMetricsList: { type: 'object' }, Info: { type: 'object' } },
  },
  [`/openapi/v3${BASE}`]: { openapi: '3.0.0', info: { title: 'metrics' } },
  [`${BASE}/nodes`]: { kind: 'NodeMetricsList', items: [{ metadata: { name: 'n' } }] },
};

let api: EmbeddedApiServer;
let metrics: MetricsServer;
let folder: string;
let ca: Buffer;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'aggregation-'));
  const authority = await EmbeddedAuthority.create(Date.now());
  const proxy = await authority.issue('CN=front-proxy-client');
  writeFileSync(join(folder, 'proxy.crt'), proxy.cert);
  writeFileSync(join(folder, 'proxy.key'), proxy.key);
  metrics = new MetricsServer(await authority.issue('CN=m', 'metrics.kube-system.svc'));
  ca = proxy.ca;
  await metrics.start();
  api = await startApiServer({
    tokens: { 'joe-token': { user: 'joe', groups: ['dev'] } },
    flags: [
      `--proxy-client-cert-file=${join(folder, 'proxy.crt')}`,
      `--proxy-client-key-file=${join(folder, 'proxy.key')}`,
    ],
  });
});
after(async () => {
  await api.stop();
  metrics.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly json: () => Record<string, unknown>;
}

function ask(path: string, o: { token?: string; accept?: string; headers?: object } = {}) {
  const { token = api.token, accept = 'application/json' } = o;
  const headers = { authorization: `Bearer ${token}`, accept, ...o.headers };
  return new Promise<Answer>((resolve, reject) => {
    const url = `${api.url}${path}`;
    const sent = httpsRequest(url, { headers, ca: api.ca, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      const json = (): Record<string, unknown> => JSON.parse(text);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, json }));
    });
    sent.on('error', reject);
    sent.on('upgrade', (response, socket) => {
      socket.on('data', (chunk: Buffer) => {
        resolve({ status: response.statusCode ?? 0, text: chunk.toString(), json: () => ({}) });
        socket.destroy();
      });
    });
    sent.end();
  });
}

/** Resolves once the object of the name is as wanted. */
function seen(name: string, isWanted: (api: APIService | undefined) => boolean): Promise<void> {
  return new Promise((resolve) => {
    const view = api.objects.cache<APIService>(GVR.apiServices);
    let undo: () => void = () => undefined;
    const look = ({ type, object }: CacheChange<APIService>): void => {
      if (object.metadata.name !== name) return;
      if (!isWanted(type === 'DELETED' ? undefined : object)) return;
      undo();
      resolve();
    };
    undo = view.onChange(look);
  });
}

const reasonOf = (object: APIService | undefined): string =>
  object?.status?.conditions?.find(({ type }) => type === 'Available')?.reason ?? '';

describe('versions of this server', () => {
  it('have an APIService each, always available', async () => {
    await seen('v1.apps', (object) => reasonOf(object) === 'Local');
    const { spec, metadata } = await api.objects.get<APIService>({
      ...GVR.apiServices,
      namespace: '',
      name: 'v1.apps',
    });
    const { groupPriorityMinimum, versionPriority } = spec ?? {};
    assert.deepEqual([groupPriorityMinimum, versionPriority], [17_800, 15]);
    assert.deepEqual(metadata.labels, { 'kube-aggregator.kubernetes.io/automanaged': 'onstart' });
    const groups = new Set(builtinKinds.all().map(({ apiVersion }) => apiVersion));
    groups.delete('apiregistration.k8s.io/v1');
    await seen('v1.flowcontrol.apiserver.k8s.io', (object) => reasonOf(object) === 'Local');
    const { items } = await api.objects.list(GVR.apiServices);
    assert.equal(items.length, groups.size);
  });
});

describe('an extension server', () => {
  const service: KubeObject = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'metrics', namespace: 'kube-system' },
    ...{ spec: { type: 'ExternalName', externalName: 'localhost' } },
  };

  it('is unavailable before its service is there', async () => {
    const object: APIService = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: NAME },
      spec: {
        ...{ group: GROUP, version: 'v1beta1', groupPriorityMinimum: 100, versionPriority: 10 },
        service: { namespace: 'kube-system', name: 'metrics', port: metrics.port },
        caBundle: ca.toString('base64'),
      },
    };
    await api.objects.create(GVR.apiServices, object);
    await seen(NAME, (one) => reasonOf(one) === 'ServiceNotFound');
    const { status, text } = await ask(`${BASE}/nodes`);
    assert.deepEqual([status, text], [503, 'service unavailable\n']);
    assert.match((await ask(`/apis/${GROUP}`)).text, /"preferredVersion"/);
  });

  it('is shown in discovery once it answers', async () => {
    await api.objects.create(GVR.services, service);
    await seen(NAME, (one) => reasonOf(one) === 'Passed');
    const { groups } = (await ask('/apis')).json() as { groups: { name: string }[] };
    assert.equal(groups.at(-1)?.name, GROUP);
    const accept =
      'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json';
    const { items } = (await ask('/apis', { accept })).json() as {
      items: { metadata: { name: string }; versions: { resources: { resource: string }[] }[] }[];
    };
    const mine = items.find(({ metadata }) => metadata.name === GROUP);
    const names = mine?.versions[0]?.resources.map(({ resource }) => resource);
    assert.deepEqual(names, ['nodes', 'pods']);
    const list = (await ask(BASE)).json() as { resources: unknown[] };
    assert.equal(list.resources.length, 2);
  });

  it('describes itself', async () => {
    const { paths } = (await ask('/openapi/v3')).json() as { paths: Record<string, unknown> };
    assert.deepEqual(paths[BASE.slice(1)], { serverRelativeURL: `/openapi/v3${BASE}?hash=A1` });
    const v2 = (await ask('/openapi/v2')).json() as {
      paths: Record<string, unknown>;
      definitions: Record<string, unknown>;
    };
    assert.ok(v2.paths[`${BASE}/nodes`] && v2.definitions.NodeMetricsList);
    assert.ok(v2.paths['/api/v1/pods'] && v2.definitions.Info === undefined);
    const { info } = (await ask(`/openapi/v3${BASE}`)).json() as { info: { title: string } };
    assert.equal(info.title, 'metrics');
  });

  it('is told who asks, by us alone', async () => {
    const headers = { 'x-remote-user': 'root', 'x-remote-extra-a': 'b' };
    const { json } = await ask(`${BASE}/nodes?limit=1`, { headers });
    assert.equal(json().kind, 'NodeMetricsList');
    const last = metrics.seen.at(-1);
    assert.equal(last?.peer, 'front-proxy-client');
    assert.equal(last?.url, `${BASE}/nodes?limit=1`);
    assert.equal(last?.headers['x-remote-user'], 'kubernetes-admin');
    assert.match(String(last?.headers['x-remote-group']), /system:masters.*system:authenticated/);
    assert.equal(last?.headers['x-remote-extra-a'], undefined);
    assert.equal(last?.headers.authorization, undefined);
  });

  it('leads nobody elsewhere', async () => {
    const { status, text } = await ask(`${BASE}/away`);
    assert.equal(status, 502);
    const why = 'the backend attempted to redirect this request, which is not permitted';
    assert.equal(text, why);
  });

  it('gets no requests of those who may not', async () => {
    const before = metrics.seen.length;
    assert.equal((await ask(`${BASE}/nodes`, { token: 'joe-token' })).status, 403);
    assert.equal(metrics.seen.length, before);
  });

  it('may be upgraded to', async () => {
    const headers = { connection: 'Upgrade', upgrade: 'x' };
    const { status, text } = await ask(`${BASE}/nodes`, { headers });
    assert.deepEqual([status, text], [101, 'hi']);
  });

  it('that stops answering is unavailable when it is next asked', async () => {
    metrics.isWell = false;
    const failed = seen(NAME, (one) => reasonOf(one) === 'FailedDiscoveryCheck');
    const found = await api.objects.get<KubeObject>({
      ...GVR.services,
      namespace: 'kube-system',
      name: 'metrics',
    });
    await api.objects.update(GVR.services, {
      ...found,
      metadata: { ...found.metadata, labels: { a: 'b' } },
    });
    await failed;
    assert.equal((await ask(`${BASE}/nodes`)).status, 503);
    const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';
    const { items } = (await ask('/apis', { accept })).json() as {
      items: { metadata: { name: string }; versions: object[] }[];
    };
    const mine = items.find(({ metadata }) => metadata.name === GROUP);
    assert.deepEqual(mine?.versions, [{ version: 'v1beta1', freshness: 'Stale' }]);
    metrics.isWell = true;
    await seen(NAME, (one) => reasonOf(one) === 'Passed');
    assert.equal((await ask(`${BASE}/nodes`)).status, 200);
  });

  it('that is taken back is gone', async () => {
    const gone = seen(NAME, (one) => one === undefined);
    await api.objects.delete({ ...GVR.apiServices, namespace: '', name: NAME });
    await gone;
    assert.equal((await ask(`${BASE}/nodes`)).status, 404);
    assert.doesNotMatch((await ask('/apis')).text, /metrics/);
  });
});
