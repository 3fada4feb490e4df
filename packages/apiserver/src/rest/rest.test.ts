import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { ApiError, builtinKinds, unauthorized } from '@kubets/api';
import { Metrics, seededRandom, silentLogger, systemClock } from '@kubets/platform';
import { Inflight } from '../inflight.ts';
import type {
  AnyRequest,
  PathHandler,
  StreamHandler,
  UserInfo,
  VirtualResource,
} from '../ports.ts';
import { configMap, make, type TestRegistry, testMetrics, testRegistry } from '../testing/index.ts';
import { RestHandler } from './handler.ts';
import { ResourceHandler } from './resource-handler.ts';

const ADMIN: UserInfo = { name: 'admin', uid: '', groups: ['system:masters'], extra: {} };
const JOE: UserInfo = { name: 'joe', uid: '', groups: [], extra: {} };

interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  readonly json: Record<string, unknown>;
}

let t: TestRegistry;
let figures: Metrics;
let server: Server;
let port: number;
let stop: AbortController;

const whoami: VirtualResource = {
  group: 'authentication.k8s.io',
  version: 'v1',
  resource: 'selfsubjectreviews',
  subresource: '',
  verbs: ['create'],
  handle: ({ user }) =>
    Promise.resolve({ code: 201, object: { kind: 'SelfSubjectReview', user: user.name } }),
};

const etcdHealth = {
  metadata: { name: 'etcd-0' },
  conditions: [{ type: 'Healthy', status: 'True', message: 'ok' }],
};
const components: VirtualResource = {
  group: '',
  version: 'v1',
  resource: 'componentstatuses',
  subresource: '',
  verbs: ['get', 'list'],
  warning: 'going away',
  handle: ({ info }) => {
    const object = info.verb === 'list' ? { items: [etcdHealth] } : etcdHealth;
    return Promise.resolve({ code: 200, object });
  },
};

const logs: StreamHandler = {
  group: '',
  resource: 'pods',
  subresource: 'log',
  async handle({ info }, response) {
    if (info.name === 'nope')
      throw new ApiError({ code: 404, reason: 'NotFound', message: 'no pod' } as never);
    response.end(`log of ${info.name}`);
  },
};

const health: PathHandler = {
  name: 'health',
  handle: ({ info }) =>
    Promise.resolve(
      info.path === '/healthz'
        ? { status: 200, headers: { 'content-type': 'text/plain' }, body: 'ok' }
        : undefined,
    ),
};

function handler(): RestHandler {
  const clock = systemClock;
  const random = seededRandom(1);
  figures = new Metrics();
  const metrics = testMetrics(figures);
  const resources = new ResourceHandler({
    registry: t.registry,
    clock,
    random,
    watchEvents: metrics.watchEvents,
    minWatchMs: 1_800_000,
  });
  return new RestHandler({
    authenticator: {
      authenticate: ({ authorization }) => {
        if (authorization === 'Bearer wrong') throw unauthorized();
        return Promise.resolve(authorization === 'Bearer joe' ? JOE : ADMIN);
      },
    },
    impersonator: { impersonate: (user) => Promise.resolve(user) },
    authorizer: {
      authorize: ({ user }) => Promise.resolve({ allowed: user.name !== 'joe', reason: '' }),
    },
    kinds: builtinKinds,
    resources,
    ...{ virtuals: [whoami, components], streams: [logs], paths: [health], longestMs: 60_000 },
    metrics,
    gate: new Inflight({ reads: 0, writes: 0 }),
    clock,
    log: silentLogger,
    signal: stop.signal,
    newId: () => 'id',
  });
}

beforeEach(async () => {
  t = testRegistry();
  stop = new AbortController();
  const rest = handler();
  server = createServer(
    (request, response) => void rest.handle(request as AnyRequest, response, { peer: undefined }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(() => {
  t.caches.close();
  server.close();
  server.closeAllConnections();
});

interface Ask {
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

function open(method: string, path: string, ask: Ask = {}): Promise<IncomingMessage> {
  const isRaw = typeof ask.body === 'string' || ask.body === undefined;
  const headers = {
    'user-agent': 'kubectl',
    ...(isRaw ? {} : { 'content-type': 'application/json' }),
    ...ask.headers,
  };
  return new Promise((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers }, resolve);
    request.on('error', reject);
    request.end(isRaw ? ask.body : JSON.stringify(ask.body));
  });
}

async function send(method: string, path: string, ask: Ask = {}): Promise<Answer> {
  const response = await open(method, path, ask);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  let bytes = Buffer.concat(chunks);
  if (response.headers['content-encoding'] === 'gzip') bytes = gunzipSync(bytes);
  const text = bytes.toString('utf8');
  const isJson = String(response.headers['content-type']).startsWith('application/json');
  const json = isJson && text !== '' ? (JSON.parse(text) as Record<string, unknown>) : {};
  return { status: response.statusCode ?? 0, headers: response.headers, text, json };
}

const MAPS = '/api/v1/namespaces/default/configmaps';

describe('the life of an object over HTTP', () => {
  it('create, read, replace, patch, delete', async () => {
    const created = await send('POST', MAPS, { body: configMap('a') });
    assert.equal(created.status, 201);
    const read = await send('GET', `${MAPS}/a`);
    assert.equal(read.status, 200);
    assert.deepEqual(read.json, created.json);
    const replaced = await send('PUT', `${MAPS}/a`, { body: configMap('a', { n: 1 }) });
    assert.deepEqual([replaced.status, replaced.json.data], [200, { n: '1' }]);
    const patched = await send('PATCH', `${MAPS}/a`, {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: { data: { x: 'y' } },
    });
    assert.deepEqual([patched.status, patched.json.data], [200, { n: '1', x: 'y' }]);
    const removed = await send('DELETE', `${MAPS}/a`);
    assert.deepEqual([removed.status, removed.json.status], [200, 'Success']);
    assert.equal((await send('GET', `${MAPS}/a`)).status, 404);
  });

  it('a delete that has to wait is accepted, for who asks for it in the old way', async () => {
    const held = { finalizers: ['example.com/f'] };
    const ways = [
      ['', 200],
      ['?propagationPolicy=Background', 200],
      ['?orphanDependents=false', 202],
    ] as const;
    for (const [query, status] of ways) {
      const object = configMap('a');
      const metadata = { ...object.metadata, ...held };
      await send('POST', MAPS, { body: { ...object, metadata } });
      assert.equal((await send('DELETE', `${MAPS}/a${query}`)).status, status);
      const headers = { 'content-type': 'application/merge-patch+json' };
      await send('PATCH', `${MAPS}/a`, { headers, body: { metadata: { finalizers: null } } });
    }
    await send('POST', MAPS, { body: configMap('a') });
    assert.equal((await send('DELETE', `${MAPS}/a?orphanDependents=false`)).status, 200);
  });

  it('lists with the kind of the list, and items without one', async () => {
    await make(t, configMap('a'));
    const { json } = await send('GET', MAPS);
    assert.equal(json.kind, 'ConfigMapList');
    const [item] = json.items as Record<string, unknown>[];
    assert.deepEqual(Object.keys(item ?? {}).sort(), ['data', 'metadata']);
  });

  it('takes YAML and gives YAML', async () => {
    const body = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: y}\ndata: {n: "1"}\n';
    const headers = { 'content-type': 'application/yaml', accept: 'application/yaml' };
    const made = await send('POST', MAPS, { headers, body });
    assert.equal(made.status, 201);
    assert.equal(made.headers['content-type'], 'application/yaml');
    assert.match(made.text, /^kind: ConfigMap$/m);
  });

  it('shows only metadata to those who ask for it', async () => {
    await make(t, configMap('a'));
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';
    const { json } = await send('GET', MAPS, { headers: { accept } });
    assert.equal(json.kind, 'PartialObjectMetadataList');
    const [item] = json.items as Record<string, unknown>[];
    assert.deepEqual(Object.keys(item ?? {}).sort(), ['apiVersion', 'kind', 'metadata']);
  });

  it('has no routes for HEAD, and indents when asked', async () => {
    await make(t, configMap('a'));
    const head = await send('HEAD', `${MAPS}/a`);
    assert.deepEqual([head.status, head.text], [405, '']);
    assert.match((await send('GET', `${MAPS}/a?pretty=true`)).text, /\n {2}"kind"/);
  });

  it('compresses large lists for clients that take gzip', async () => {
    for (let i = 0; i < 200; i += 1) {
      await make(t, {
        ...configMap(`c${String(i).padStart(3, '0')}`),
        ...{ data: { v: 'x'.repeat(2_000) } },
      });
    }
    const plain = await send('GET', MAPS);
    const packed = await send('GET', MAPS, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(packed.headers['content-encoding'], 'gzip');
    assert.equal(plain.headers['content-encoding'], undefined);
    assert.deepEqual(packed.json, plain.json);
    assert.equal((plain.json.items as unknown[]).length, 200);
  });
});

describe('versions and bodies that are none', () => {
  it('a version that is no number, in a query and in an object', async () => {
    await make(t, configMap('a'));
    const why = 'strconv.ParseUint: parsing "abc": invalid syntax';
    const listed = await send('GET', `${MAPS}?resourceVersion=abc`);
    assert.equal(listed.json.message, `resourceVersion: Invalid value: "abc": ${why}`);
    const metadata = { ...configMap('a').metadata, resourceVersion: 'abc' };
    const put = await send('PUT', `${MAPS}/a`, { body: { ...configMap('a'), metadata } });
    assert.deepEqual([put.status, put.json.message, put.json.reason], [500, why, undefined]);
  });

  it('the very state of a version that is not yet', async () => {
    const path = `${MAPS}?resourceVersion=999999&resourceVersionMatch=Exact`;
    const { status, json } = await send('GET', path);
    assert.equal(status, 504);
    assert.match(
      String(json.message),
      /^Timeout: Too large resource version: 999999, current: \d+$/,
    );
    const causes = [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }];
    assert.deepEqual(json.details, { causes });
  });

  it('options of a delete', async () => {
    const sent = { body: '[]', headers: { 'content-length': '2' } };
    const { status, json } = await send('DELETE', `${MAPS}/a`, sent);
    assert.equal(status, 500);
    assert.match(String(json.message), /^couldn't get version\/kind; json parse error: /);
  });
});

describe('refusals', () => {
  const cases: readonly [string, string, Ask, number, string][] = [
    ['GET', '/api/v1/nopes', {}, 404, 'NotFound'],
    ['GET', '/api/v2/pods', {}, 404, 'NotFound'],
    ['GET', '/apis/apps/v9/deployments', {}, 404, 'NotFound'],
    ['GET', `${MAPS}/nope`, {}, 404, 'NotFound'],
    ['GET', `${MAPS}/a?export=true`, {}, 400, 'BadRequest'],
    ['GET', `${MAPS}/nope?export=false`, {}, 404, 'NotFound'],
    ['GET', `${MAPS}/a/nosub`, {}, 404, 'NotFound'],
    ['POST', `${MAPS}/a`, { body: configMap('a') }, 405, 'MethodNotAllowed'],
    ['PUT', MAPS, { body: configMap('a') }, 405, 'MethodNotAllowed'],
    ['DELETE', '/api/v1/configmaps', {}, 405, 'MethodNotAllowed'],
    ['POST', '/api/v1/configmaps', { body: configMap('a') }, 405, 'MethodNotAllowed'],
    ['OPTIONS', MAPS, {}, 405, 'MethodNotAllowed'],
    ['GET', '/api/v1/namespaces/default/bindings', {}, 405, 'MethodNotAllowed'],
    [
      'POST',
      '/apis/authorization.k8s.io/v1/subjectaccessreviews',
      { body: {} },
      405,
      'MethodNotAllowed',
    ],
    [
      'POST',
      MAPS,
      { headers: { 'content-type': 'text/plain' }, body: 'a: b' },
      415,
      'UnsupportedMediaType',
    ],
    ['PATCH', `${MAPS}/a`, { body: {} }, 415, 'UnsupportedMediaType'],
    ['GET', MAPS, { headers: { accept: 'text/html' } }, 406, 'NotAcceptable'],
    [
      'POST',
      '/apis/authentication.k8s.io/v1/selfsubjectreviews',
      { headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }, body: {} },
      406,
      'NotAcceptable',
    ],
    [
      'POST',
      MAPS,
      { headers: { 'content-type': 'application/json' }, body: '{' },
      400,
      'BadRequest',
    ],
    [
      'POST',
      MAPS,
      { headers: { 'content-type': 'application/yaml' }, body: 'a: [' },
      400,
      'BadRequest',
    ],
    [
      'POST',
      MAPS,
      { headers: { 'content-type': 'application/json' }, body: `"${'x'.repeat(3_200_000)}"` },
      413,
      'RequestEntityTooLarge',
    ],
    ['GET', `${MAPS}?limit=x`, {}, 400, 'BadRequest'],
    ['GET', `${MAPS}/a%2Fb`, {}, 400, 'BadRequest'],
    ['GET', `${MAPS}/..`, {}, 400, 'BadRequest'],
    ['POST', `${MAPS}?dryRun=Some`, { body: configMap('a') }, 422, 'Invalid'],
    ['DELETE', `${MAPS}/a?propagationPolicy=Nope`, {}, 422, 'Invalid'],
    ['GET', MAPS, { headers: { authorization: 'Bearer wrong' } }, 401, 'Unauthorized'],
    ['GET', MAPS, { headers: { authorization: 'Bearer joe' } }, 403, 'Forbidden'],
  ];
  for (const [method, path, ask, status, reason] of cases) {
    it(`${method} ${path} → ${status}`, async () => {
      const answer = await send(method, path, ask);
      assert.equal(`${answer.status} ${answer.json.reason}`, `${status} ${reason}`);
      assert.equal(answer.json.kind, 'Status');
    });
  }

  it('a group nobody serves is a plain 404', async () => {
    for (const path of ['/nope', '/apis/nope/v1/things']) {
      const answer = await send('GET', path);
      assert.deepEqual([answer.status, answer.text], [404, '404 page not found\n']);
    }
  });
});

describe('what is not stored', () => {
  it('computed resources, log streams and plain paths have handlers of their own', async () => {
    const review = await send('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', {
      body: {},
    });
    assert.deepEqual([review.status, review.json.user], [201, 'admin']);
    const log = await send('GET', '/api/v1/namespaces/default/pods/p/log');
    assert.deepEqual([log.status, log.text], [200, 'log of p']);
    assert.equal((await send('GET', '/api/v1/namespaces/default/pods/nope/log')).status, 404);
    assert.equal((await send('GET', '/healthz')).text, 'ok');
  });
});

describe('warnings', () => {
  it('travel in headers, quoted', async () => {
    const { headers } = await send('POST', MAPS, { body: { ...configMap('a'), nope: 1 } });
    assert.equal(headers.warning, '299 - "unknown field \\"nope\\""');
  });
});

/** Frames of a watch, as they come. */
async function* frames(
  response: IncomingMessage,
): AsyncGenerator<{ type: string; object: Record<string, unknown> }> {
  let rest = '';
  for await (const chunk of response) {
    rest += String(chunk);
    for (let at = rest.indexOf('\n'); at >= 0; at = rest.indexOf('\n')) {
      yield JSON.parse(rest.slice(0, at));
      rest = rest.slice(at + 1);
    }
  }
}

async function take(response: IncomingMessage, count: number): Promise<string[]> {
  const lines: string[] = [];
  for await (const { type, object } of frames(response)) {
    lines.push(`${type} ${(object.metadata as { name?: string }).name ?? ''}`.trim());
    if (lines.length === count) break;
  }
  return lines;
}

describe('watching over HTTP', () => {
  it('streams what is there and what happens', async () => {
    await make(t, configMap('a'));
    const response = await open('GET', `${MAPS}?watch=true`);
    assert.equal(response.statusCode, 200);
    const lines = take(response, 3);
    await make(t, configMap('b'));
    await send('DELETE', `${MAPS}/a`);
    assert.deepEqual(await lines, ['ADDED a', 'ADDED b', 'DELETED a']);
  });

  it('of one object by the older path shows that object only', async () => {
    await make(t, configMap('a'));
    await make(t, configMap('b'));
    const response = await open(
      'GET',
      '/api/v1/watch/namespaces/default/configmaps/b?timeoutSeconds=1',
    );
    assert.deepEqual(await take(response, 99), ['ADDED b']);
  });

  it('ends by itself after timeoutSeconds', async () => {
    await make(t, configMap('a'));
    const response = await open('GET', `${MAPS}?watch=true&timeoutSeconds=1`);
    assert.deepEqual(await take(response, 99), ['ADDED a']);
  });

  it('tells an old version with an ERROR frame', async () => {
    await make(t, configMap('a'));
    await make(t, configMap('b'));
    await send('GET', MAPS);
    const response = await open('GET', `${MAPS}?watch=true&resourceVersion=1`);
    assert.equal(response.statusCode, 200);
    for await (const { type, object } of frames(response)) {
      assert.deepEqual([type, object.code, object.reason], ['ERROR', 410, 'Expired']);
    }
  });

  it('shows computed resources as tables to readers who ask for them', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    interface Shown {
      readonly kind: string;
      readonly columnDefinitions: { readonly name: string }[];
      readonly rows: { readonly cells: string[] }[];
    }
    for (const path of ['/api/v1/componentstatuses', '/api/v1/componentstatuses/etcd-0']) {
      const { json, headers } = await send('GET', path, { headers: { accept } });
      assert.equal(headers.warning, '299 - "going away"');
      const { kind, columnDefinitions, rows } = json as unknown as Shown;
      assert.equal(kind, 'Table');
      const names = columnDefinitions.map((one) => one.name);
      assert.deepEqual(names, ['Name', 'Status', 'Message', 'Error']);
      assert.deepEqual(rows[0]?.cells, ['etcd-0', 'Healthy', 'ok', '']);
    }
  });

  it('warns of computed resources only where it serves them', async () => {
    const { status, headers } = await send('DELETE', '/api/v1/componentstatuses/x');
    assert.deepEqual([status, headers.warning], [405, undefined]);
  });

  it('refuses a table of something else before it streams', async () => {
    await make(t, configMap('a'));
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const answer = await send('GET', `${MAPS}?watch=true&includeObject=Nope`, {
      headers: { accept },
    });
    assert.equal(answer.status, 400);
  });

  it('refuses bad options before it streams', async () => {
    assert.equal((await send('GET', `${MAPS}?watch=true&timeoutSeconds=x`)).status, 400);
    assert.equal((await send('GET', `${MAPS}?watch=true&sendInitialEvents=true`)).status, 422);
  });

  it('forgets a watch whose client has gone', async () => {
    const response = await open('GET', '/api/v1/pods?watch=true');
    const cache = t.caches.of(
      builtinKinds.forResource({ group: '', version: 'v1', resource: 'pods' }) ?? assert.fail(),
    );
    assert.equal(cache.watcherCount, 1);
    response.destroy();
    while (cache.watcherCount > 0) await turn();
    assert.equal(cache.watcherCount, 0);
    const all = await figures.metrics();
    assert.match(all, /^apiserver_longrunning_requests\{verb="WATCH",.*resource="pods".*\} 0$/m);
    assert.match(all, /^apiserver_request_total\{verb="WATCH",.*resource="pods".*code="200"\} 1$/m);
    assert.doesNotMatch(all, /^apiserver_request_duration_seconds_count\{verb="WATCH"/m);
  });

  it('ends when the server drains', async () => {
    const response = await open('GET', `${MAPS}?watch=true`);
    const lines = take(response, 99);
    stop.abort();
    assert.deepEqual(await lines, []);
  });
});
