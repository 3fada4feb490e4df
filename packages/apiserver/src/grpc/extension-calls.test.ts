import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { credentials, type ServiceError } from '@grpc/grpc-js';
import { builtinKinds, forbiddenBecause } from '@kubets/api';
import { GrpcHost, loadProto, serviceOf, silentLogger, systemClock } from '@kubets/platform';
import type { Question } from '../aggregation/extension-server.ts';
import { Inflight } from '../inflight.ts';
import { type TestRegistry, testMetrics, testRegistry } from '../testing/index.ts';
import { ExtensionCalls, type FarVersion } from './extension-calls.ts';
import { ResourcesService } from './resources-service.ts';

const Resources = serviceOf(
  loadProto('apiserver/resources.proto'),
  'kubets.apiserver.v1.Resources',
);
type Client = InstanceType<typeof Resources>;
type Done = (error: ServiceError | null, reply: { object: Buffer }) => void;
type Stream = AsyncIterable<Record<string, unknown>> & { cancel(): void };

/** What the other server was asked, and what it answers next. */
const seen: { line: string; body: string; type: string; user: string }[] = [];
let reply: (response: ServerResponse) => void;

async function answer(asked: IncomingMessage, response: ServerResponse): Promise<void> {
  const { headers } = asked;
  seen.push({
    line: `${asked.method} ${asked.url}`,
    body: await text(asked),
    type: headers['content-type'] ?? '',
    user: String(headers['x-remote-user']),
  });
  reply(response);
}

const other = createServer((asked, response) => void answer(asked, response));
before(async () => {
  other.listen(0, '127.0.0.1');
  await once(other, 'listening');
});
after(() => {
  other.close();
  other.closeAllConnections();
});

function ask(o: Question): Promise<IncomingMessage> {
  const { port } = other.address() as AddressInfo;
  const { method, path, signal, body, user } = o;
  const headers = {
    'x-remote-user': user.name,
    ...(body && { 'content-type': o.contentType, 'content-length': String(body.length) }),
  };
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers, signal }, resolve);
    sent.on('error', reject);
    Readable.from(body ? [body] : []).pipe(sent);
  });
}

const far: FarVersion = {
  ...{ group: 'far.io', version: 'v1', server: { ask } },
  resources: { kind: 'APIResourceList', resources: [{ name: 'things' }] },
};

let t: TestRegistry;
let host: GrpcHost;
let client: Client;
let stop: AbortController;

beforeEach(async () => {
  t = testRegistry();
  seen.length = 0;
  stop = new AbortController();
  const find = (group: string) => (group === 'far.io' ? far : undefined);
  const parts = { clock: systemClock, signal: stop.signal };
  const service = new ResourcesService({
    authenticator: {
      authenticate: () => Promise.resolve({ name: 'gc', uid: '', groups: [], extra: {} }),
    },
    authorizer: {
      authorize: ({ resource }) => Promise.resolve({ allowed: resource !== 'secrets', reason: '' }),
    },
    extensions: new ExtensionCalls({ isEmpty: false, find }, parts),
    resourceList: (group) => (group === '' ? { resources: [] } : undefined),
    ...{ kinds: builtinKinds, registry: t.registry, virtuals: [], newId: () => 'id' },
    metrics: testMetrics(),
    gate: new Inflight({ reads: 0, writes: 0 }),
    ...{ clock: systemClock, log: silentLogger, signal: stop.signal },
  });
  host = new GrpcHost({ log: silentLogger });
  host.addService(Resources.service, service.handlers as Parameters<GrpcHost['addService']>[1]);
  const port = await host.listen('127.0.0.1:0');
  client = new Resources(`127.0.0.1:${port}`, credentials.createInsecure());
});
afterEach(async () => {
  stop.abort();
  client.close();
  t.caches.close();
  await host.drain(0);
});

const ref = { group: 'far.io', version: 'v1', resource: 'things', namespace: 'ns', name: 'a b' };
const json = (value: object) => (response: ServerResponse) => response.end(JSON.stringify(value));

function call(method: string, asked: object): Promise<Record<string, unknown>> {
  const unary = (client as unknown as Record<string, (request: object, done: Done) => void>)[
    method
  ];
  return new Promise((resolve, reject) => {
    unary?.call(client, asked, (error, { object } = { object: Buffer.alloc(0) }) => {
      if (error) reject(error);
      else resolve(JSON.parse(object.toString()) as Record<string, unknown>);
    });
  });
}

async function all(method: string, asked: object, most = 9): Promise<Record<string, unknown>[]> {
  const open = (client as unknown as Record<string, (request: object) => Stream>)[method];
  const stream = open?.call(client, asked) ?? assert.fail();
  const out: Record<string, unknown>[] = [];
  for await (const message of stream) {
    out.push(message);
    if (out.length === most) break;
  }
  return out;
}

const codeOf = (code: number) => (error: unknown) => {
  const [bytes] = (error as ServiceError).metadata.get('kubets-status-bin');
  assert.equal((JSON.parse(String(bytes)) as { code: number }).code, code);
  return true;
};

describe('kinds of an extension server at the component door', () => {
  it('are read and written there, in the name of the caller', async () => {
    reply = json({ kind: 'Thing', metadata: { name: 'a b' } });
    const body = Buffer.from('{"x":1}');
    assert.equal((await call('Get', { ref })).kind, 'Thing');
    await call('Create', { ref: { ...ref, name: '' }, object: body, field_manager: 'gc' });
    await call('Update', { ref: { ...ref, subresource: 'status' }, object: body, dry_run: true });
    await call('Patch', { ref: { ...ref, namespace: '' }, type: 'MERGE', patch: body });
    await call('Delete', { ref, options: Buffer.from('{"kind":"DeleteOptions"}') });
    const base = '/apis/far.io/v1/namespaces/ns/things';
    assert.deepEqual(
      seen.map((one) => one.line),
      [
        `GET ${base}/a%20b`,
        `POST ${base}?fieldManager=gc`,
        `PUT ${base}/a%20b/status?dryRun=All`,
        'PATCH /apis/far.io/v1/things/a%20b',
        `DELETE ${base}/a%20b`,
      ],
    );
    const types = ['', 'application/json', 'application/json', 'application/merge-patch+json'];
    assert.deepEqual(
      seen.map((one) => one.type),
      [...types, 'application/json'],
    );
    assert.ok(seen.every(({ user }) => user === 'gc'));
    assert.deepEqual(seen[4]?.body, '{"kind":"DeleteOptions"}');
  });

  it('are listed with what lists leave out', async () => {
    const metadata = { resourceVersion: '7', continue: 'more' };
    const items = [{ metadata: { name: 'x' } }];
    reply = json({ kind: 'ThingList', apiVersion: 'far.io/v1', metadata, items });
    const page = { ref: { ...ref, name: '' }, limit: 5, label_selector: 'a=b' };
    const [chunk] = await all('List', page);
    assert.equal(
      seen[0]?.line,
      'GET /apis/far.io/v1/namespaces/ns/things?labelSelector=a%3Db&limit=5',
    );
    assert.deepEqual([chunk?.resource_version, chunk?.continue_token], ['7', 'more']);
    const [bytes] = (chunk?.items ?? []) as Buffer[];
    const shown = { kind: 'Thing', apiVersion: 'far.io/v1', metadata: { name: 'x' } };
    assert.deepEqual(JSON.parse(String(bytes)), shown);
  });

  it('are listed below one of them, with what the server asks for besides', async () => {
    reply = json({ kind: 'ThingList', items: [] });
    const parameters = { metricLabelSelector: 'a in (b)' };
    await all('List', { ref: { ...ref, name: '*', subresource: 'speed' }, parameters });
    const base = '/apis/far.io/v1/namespaces/ns/things';
    assert.equal(seen[0]?.line, `GET ${base}/*/speed?metricLabelSelector=a+in+%28b%29`);
  });

  it('are watched, line by line', async () => {
    const lines = ['ADDED', 'BOOKMARK'].map((type) => JSON.stringify({ type, object: { type } }));
    reply = (response) => {
      response.write(`${lines[0]}\n${lines[1]?.slice(0, 9)}`);
      response.end(`${lines[1]?.slice(9)}\n`);
    };
    const watch = { ref: { ...ref, name: '', namespace: '' }, resource_version: '7' };
    const batches = await all('Watch', watch);
    assert.equal(seen[0]?.line, 'GET /apis/far.io/v1/things?resourceVersion=7&watch=true');
    const events = batches.flatMap(({ events: some }) => some as { type: string }[]);
    assert.deepEqual(
      events.map(({ type }) => type),
      ['ADDED', 'BOOKMARK'],
    );
  });

  it('say what is wrong there, without this server seeming to be away', async () => {
    const { status } = forbiddenBecause({ group: 'far.io', resource: 'things' }, { why: 'no' });
    reply = (response) => {
      response.statusCode = 403;
      response.end(JSON.stringify(status));
    };
    await assert.rejects(call('Get', { ref }), codeOf(403));
    reply = (response) => {
      response.statusCode = 503;
      response.end('away');
    };
    await assert.rejects(call('Get', { ref }), codeOf(500));
    await assert.rejects(all('Watch', { ref }), codeOf(500));
    reply = (response) => response.end('{"type":');
    await assert.rejects(call('Get', { ref }), codeOf(500));
    reply = (response) => response.end('{"type":"NEW"}\n');
    await assert.rejects(all('Watch', { ref }), codeOf(500));
  });

  it('are for those who may', async () => {
    await assert.rejects(call('Get', { ref: { ...ref, resource: 'secrets' } }), codeOf(403));
    assert.deepEqual(seen, []);
  });

  it('are told of beside those of this server', async () => {
    assert.deepEqual(await call('Discover', { group: 'far.io', version: 'v1' }), far.resources);
    assert.deepEqual(await call('Discover', { group: '', version: 'v1' }), { resources: [] });
    await assert.rejects(call('Discover', { group: 'x', version: 'v1' }), codeOf(404));
  });
});
