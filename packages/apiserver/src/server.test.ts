import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { ServiceError } from '@grpc/grpc-js';
import { type Etcd, startEtcd } from '@kubets/etcd';
import {
  channelCredentials,
  loadProto,
  parseFlags,
  processMetrics,
  serviceOf,
  silentLogger,
  systemClock,
  systemRandom,
  type TlsMaterial,
} from '@kubets/platform';
import { type ApiServerConfig, flags } from './config.ts';
import { EmbeddedAuthority } from './embedded/certificates.ts';
import { ApiServer } from './server.ts';
import { EtcdStore } from './storage/etcd-store.ts';
import { configMap } from './testing/index.ts';

interface Running {
  readonly server: ApiServer;
  readonly securePort: number;
  readonly grpcPort: number;
}

let etcd: Etcd;
let folder: string;
let authority: EmbeddedAuthority;
let admin: TlsMaterial;
let nobody: TlsMaterial;
let first: Running;
let second: Running;

function configOf(): ApiServerConfig {
  const file = (name: string): string => join(folder, name);
  return parseFlags(flags, [
    '--etcd-servers=unused',
    '--bind-address=127.0.0.1',
    '--secure-port=0',
    '--grpc-port=0',
    '--advertise-address=192.0.2.1',
    '--advertise-port=6443',
    `--tls-cert-file=${file('unused')}`,
    `--tls-private-key-file=${file('unused')}`,
    `--client-ca-file=${file('unused')}`,
    `--service-account-signing-key-file=${file('sa.key')}`,
    `--token-auth-file=${file('tokens.csv')}`,
    '--disable-admission-plugins=ServiceAccount',
  ]) as unknown as ApiServerConfig;
}

async function boot(): Promise<Running> {
  const common = { clock: systemClock, random: systemRandom, log: silentLogger };
  const server = new ApiServer({
    ...common,
    config: configOf(),
    store: new EtcdStore({ ...common, endpoints: [etcd.endpoint] }),
    tls: await authority.issue('CN=kube-apiserver'),
    runtime: { version: 'node', platform: 'test' },
    metrics: processMetrics(),
  });
  return { server, ...(await server.start()) };
}

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'apiserver-'));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  writeFileSync(join(folder, 'sa.key'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
  writeFileSync(join(folder, 'tokens.csv'), 'admin-token,admin,admin,"system:masters"\n');
  authority = await EmbeddedAuthority.create(Date.now());
  admin = await authority.issue('CN=kubernetes-admin,O=system:masters');
  nobody = await authority.issue('CN=nobody');
  etcd = await startEtcd({ memory: true });
  first = await boot();
  second = await boot();
});

after(async () => {
  await Promise.all([first.server.drain(), second.server.drain()]);
  await etcd.stop();
  rmSync(folder, { recursive: true, force: true });
});

interface Ask {
  readonly tls?: Partial<TlsMaterial>;
  readonly token?: string;
  readonly body?: object;
}

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

/** One request over HTTP/1.1. */
function ask(at: Running, method: string, path: string, o: Ask = {}): Promise<Answer> {
  const { ca } = admin;
  const { tls = admin, token, body } = o;
  const headers = {
    accept: 'application/json',
    ...(token && { authorization: `Bearer ${token}` }),
    ...(body && { 'content-type': 'application/json' }),
  };
  return new Promise((resolve, reject) => {
    const target = { host: '127.0.0.1', port: at.securePort, method, path, headers };
    const request = httpsRequest({ ...target, ...tls, ca, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => {
        const isJson = text.startsWith('{');
        const json = (isJson ? JSON.parse(text) : { text }) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, json });
      });
    });
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}

const MAPS = '/api/v1/namespaces/default/configmaps';

describe('who asks', () => {
  it('is told by a client certificate', async () => {
    const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const { status, json } = await ask(first, 'POST', path, { body });
    assert.equal(status, 201);
    const { userInfo } = json.status as { userInfo: { username: string; groups: string[] } };
    assert.equal(userInfo.username, 'kubernetes-admin');
    assert.deepEqual(userInfo.groups, ['system:masters', 'system:authenticated']);
  });

  const cases: readonly [string, () => Ask, number][] = [
    ['an administrator by certificate', () => ({}), 200],
    ['an administrator by token', () => ({ tls: {}, token: 'admin-token' }), 200],
    ['a user without rights', () => ({ tls: nobody }), 403],
    ['nobody in particular', () => ({ tls: {} }), 403],
    ['a wrong token', () => ({ tls: {}, token: 'wrong' }), 401],
  ];
  for (const [who, how, status] of cases) {
    it(`${who} gets ${status}`, async () => {
      assert.equal((await ask(first, 'GET', MAPS, how())).status, status);
    });
  }

  it('a certificate of another authority is no identity', async () => {
    const other = await EmbeddedAuthority.create(Date.now());
    const { cert, key } = await other.issue('CN=kubernetes-admin,O=system:masters');
    assert.equal((await ask(first, 'GET', MAPS, { tls: { cert, key } })).status, 403);
  });
});

describe('two servers on one store', () => {
  it('show each other’s writes at once', async () => {
    const made = await ask(first, 'POST', MAPS, { body: configMap('shared') });
    assert.equal(made.status, 201);
    for (const at of [second, first]) {
      const list = await ask(at, 'GET', MAPS);
      const names = (list.json.items as { metadata: { name: string } }[]).map(
        (i) => i.metadata.name,
      );
      assert.ok(names.includes('shared'));
    }
    const removed = await ask(second, 'DELETE', `${MAPS}/shared`);
    assert.equal(removed.status, 200);
    assert.equal((await ask(first, 'GET', `${MAPS}/shared`)).status, 404);
  });

  it('let only one of two writers on the same version win', async () => {
    const { json } = await ask(first, 'POST', MAPS, { body: configMap('race') });
    const { resourceVersion } = json.metadata as { resourceVersion: string };
    const body = { ...configMap('race', { n: 1 }), metadata: { name: 'race', resourceVersion } };
    const both = [first, second].map((at) => ask(at, 'PUT', `${MAPS}/race`, { body }));
    const codes = (await Promise.all(both)).map((answer) => answer.status).sort();
    // The same content twice is one write; the later of the two sees the version gone.
    assert.deepEqual(codes, [200, 409]);
  });

  it('never give two services the same address', async () => {
    const path = '/api/v1/namespaces/default/services';
    const create = (i: number): Promise<Answer> => {
      const spec = { ports: [{ port: 80 }] };
      const body = { apiVersion: 'v1', kind: 'Service', metadata: { name: `s${i}` }, spec };
      return ask(i % 2 === 0 ? first : second, 'POST', path, { body });
    };
    const made = await Promise.all(Array.from({ length: 20 }, (_, i) => create(i)));
    const addresses = made.map((each) => (each.json.spec as { clusterIP: string }).clusterIP);
    assert.equal(new Set(addresses).size, 20);
  });
});

describe('custom resources', () => {
  const DEFINITIONS = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
  const WIDGETS = '/apis/example.com/v1/namespaces/default/widgets';

  /** Asks until the answer has the status. */
  async function until(at: Running, path: string, wanted: number): Promise<Answer> {
    for (;;) {
      const answer = await ask(at, 'GET', path);
      if (answer.status === wanted) return answer;
    }
  }

  it('are served by every server, and gone with their definition', async () => {
    const schema = { type: 'object', properties: { size: { type: 'integer', maximum: 3 } } };
    const version = { name: 'v1', served: true, storage: true };
    const body = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        scope: 'Namespaced',
        names: { plural: 'widgets', kind: 'Widget' },
        versions: [
          { ...version, schema: { openAPIV3Schema: schema }, subresources: { status: {} } },
        ],
      },
    };
    assert.equal((await ask(first, 'POST', DEFINITIONS, { body })).status, 201);
    for (const at of [first, second]) await until(at, WIDGETS, 200);
    const widget = (size: number) => ({
      body: { apiVersion: 'example.com/v1', kind: 'Widget', metadata: { name: 'a' }, size },
    });
    assert.equal((await ask(second, 'POST', WIDGETS, widget(4))).status, 422);
    assert.equal((await ask(second, 'POST', WIDGETS, widget(2))).status, 201);
    const { json } = await ask(first, 'GET', WIDGETS);
    const [item] = json.items as { kind: string; size: number }[];
    assert.deepEqual([json.kind, item?.kind, item?.size], ['WidgetList', 'Widget', 2]);
    assert.equal((json.metadata as { continue: string }).continue, '');
    const removed = await ask(first, 'DELETE', `${WIDGETS}/a/status`);
    const unsupported = 'delete is not supported on resources of kind "widgets.example.com"';
    assert.deepEqual([removed.status, removed.json.message], [405, unsupported]);
    const patch = { body: {}, headers: { 'content-type': 'text/plain' } };
    const form = await ask(first, 'PATCH', `${WIDGETS}/a`, patch);
    assert.equal(form.status, 415);
    assert.match(
      String(form.json.message),
      /accepted media types include: application\/json-patch/,
    );
    const groups = await ask(second, 'GET', '/apis/example.com');
    assert.equal(groups.json.kind, 'APIGroup');
    const documents = await ask(first, 'GET', '/openapi/v3/apis/example.com/v1');
    const { schemas } = documents.json.components as { schemas: Record<string, object> };
    assert.ok(schemas['com.example.v1.Widget']);
    const nothing = '404 page not found\n';
    assert.equal((await ask(first, 'GET', '/apis/example.com/v1/gadgets')).json.text, nothing);
    const scale = await ask(first, 'GET', `${WIDGETS}/a/scale`);
    assert.equal(scale.json.message, 'widgets.example.com "a" not found');
    assert.equal((await ask(first, 'DELETE', `${DEFINITIONS}/widgets.example.com`)).status, 200);
    for (const at of [first, second]) {
      assert.equal((await until(at, WIDGETS, 404)).json.text, nothing);
    }
  });
});

describe('the system’s own objects', () => {
  it('are there once the server is ready', async () => {
    for (;;) {
      const { status } = await ask(first, 'GET', '/readyz');
      if (status === 200) break;
    }
    for (const name of ['default', 'kube-system', 'kube-public', 'kube-node-lease']) {
      assert.equal((await ask(first, 'GET', `/api/v1/namespaces/${name}`)).status, 200);
    }
    const role = '/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin';
    assert.equal((await ask(second, 'GET', role)).status, 200);
    const service = await ask(first, 'GET', '/api/v1/namespaces/default/services/kubernetes');
    assert.equal((service.json.spec as { clusterIP: string }).clusterIP, '10.96.0.1');
  });

  it('shows figures to administrators only', async () => {
    const { json } = await ask(first, 'GET', '/metrics');
    assert.match(String(json.text), /apiserver_request_total/);
    assert.equal((await ask(first, 'GET', '/metrics', { tls: {} })).status, 403);
    await ask(first, 'GET', '/livez?exclude=log');
    const figures = String((await ask(first, 'GET', '/metrics/slis')).json.text);
    assert.match(figures, /^kubernetes_healthcheck\{name="ping",type="livez"\} 1$/m);
    const total =
      /^kubernetes_healthchecks_total\{name="etcd",type="livez",status="success"\} \d+$/m;
    assert.match(figures, total);
    assert.doesNotMatch(figures, /name="log",type="livez"/);
    assert.equal((await ask(first, 'GET', '/metrics/slis', { tls: {} })).status, 403);
  });
});

describe('HTTP/2', () => {
  const open = (): ClientHttp2Session => {
    const { cert, key, ca } = admin;
    return connect(`https://127.0.0.1:${first.securePort}`, { cert, key, ca });
  };

  it('carries many requests and a watch on one connection', async () => {
    const session = open();
    const watch = session.request({ ':path': `${MAPS}?watch=true&labelSelector=h2` });
    watch.setEncoding('utf8');
    const seen: string[] = [];
    const three = new Promise<void>((resolve) => {
      let rest = '';
      watch.on('data', (text: string) => {
        rest += text;
        const lines = rest.split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) seen.push((JSON.parse(line) as { type: string }).type);
        if (seen.length >= 3) resolve();
      });
    });
    await Promise.all(
      ['a', 'b', 'c'].map((name) => {
        const body = configMap(`h2-${name}`, { labels: { h2: '1' } });
        const stream = session.request({
          ':method': 'POST',
          ':path': MAPS,
          'content-type': 'application/json',
        });
        stream.end(JSON.stringify(body));
        stream.resume();
        return new Promise<void>((resolve) => {
          stream.on('response', (headers) => {
            assert.equal(headers[':status'], 201);
          });
          stream.on('end', resolve);
        });
      }),
    );
    await three;
    assert.deepEqual(seen, ['ADDED', 'ADDED', 'ADDED']);
    watch.close();
    session.close();
  });
});

describe('the component door', () => {
  const ref = {
    group: '',
    version: 'v1',
    resource: 'configmaps',
    namespace: 'default',
    name: '',
    subresource: '',
  };
  const Resources = serviceOf(
    loadProto('apiserver/resources.proto'),
    'kubets.apiserver.v1.Resources',
  );
  type Unary = (
    request: object,
    done: (error: ServiceError | null, reply: { object: Buffer }) => void,
  ) => void;

  const withClient = async <T>(
    tls: TlsMaterial,
    work: (client: InstanceType<typeof Resources>) => Promise<T>,
  ): Promise<T> => {
    const options = { 'grpc.ssl_target_name_override': 'localhost' };
    const address = `127.0.0.1:${first.grpcPort}`;
    const client = new Resources(address, channelCredentials(tls), options);
    try {
      return await work(client);
    } finally {
      client.close();
    }
  };

  const call = (client: InstanceType<typeof Resources>, method: string, request: object) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const unary = (client as unknown as Record<string, Unary>)[method];
      unary?.call(client, request, (error, reply) => {
        if (error) reject(error);
        else resolve(JSON.parse(reply.object.toString()) as Record<string, unknown>);
      });
    });

  const statusOf = (error: unknown): { code: number; reason: string } => {
    const [bytes] = (error as ServiceError).metadata.get('kubets-status-bin');
    return JSON.parse(String(bytes)) as { code: number; reason: string };
  };

  it('writes and reads the same objects as REST', async () => {
    await withClient(admin, async (client) => {
      const object = Buffer.from(JSON.stringify(configMap('grpc')));
      const made = await call(client, 'Create', { ref, object });
      const rest = await ask(second, 'GET', `${MAPS}/grpc`);
      assert.deepEqual(rest.json, made);
      const patch = Buffer.from('{"data":{"x":"y"}}');
      const patched = await call(client, 'Patch', {
        ref: { ...ref, name: 'grpc' },
        type: 'MERGE',
        patch,
      });
      assert.deepEqual(patched.data, { n: '0', x: 'y' });
      const gone = await call(client, 'Delete', { ref: { ...ref, name: 'grpc' } });
      assert.equal(gone.status, 'Success');
    });
  });

  it('tells errors with their Status', async () => {
    await withClient(admin, async (client) => {
      const missing = call(client, 'Get', { ref: { ...ref, name: 'nope' } });
      await assert.rejects(missing, (error) => {
        assert.equal((error as ServiceError).code, 5);
        assert.deepEqual([statusOf(error).code, statusOf(error).reason], [404, 'NotFound']);
        return true;
      });
      const unknown = call(client, 'Get', { ref: { ...ref, resource: 'nopes', name: 'x' } });
      await assert.rejects(unknown, (error) => statusOf(error).code === 404);
      await assert.rejects(call(client, 'Get', {}), (error) => statusOf(error).code === 400);
    });
  });

  it('asks the same rights', async () => {
    await withClient(nobody, async (client) => {
      const get = call(client, 'Get', { ref: { ...ref, name: 'x' } });
      await assert.rejects(get, (error) => statusOf(error).code === 403);
    });
  });

  it('streams events in order, and lists in chunks', async () => {
    await withClient(admin, async (client) => {
      const streams = client as unknown as Record<
        string,
        (request: object) => NodeJS.ReadableStream & { cancel(): void }
      >;
      const watch = streams.Watch?.({ ref, label_selector: 'w', allow_bookmarks: true });
      assert.ok(watch);
      const seen: string[] = [];
      const four = new Promise<void>((resolve) => {
        watch.on('data', (batch: { events: { type: string }[] }) => {
          for (const { type } of batch.events) seen.push(type);
          if (seen.length >= 4) resolve();
        });
        watch.on('error', () => undefined);
      });
      const object = (n: number): Buffer =>
        Buffer.from(JSON.stringify(configMap('w', { labels: { w: '1' }, n })));
      await call(client, 'Create', { ref, object: object(0) });
      await call(client, 'Update', { ref: { ...ref, name: 'w' }, object: object(1) });
      await call(client, 'Update', { ref: { ...ref, name: 'w' }, object: object(2) });
      const list = streams.List?.({ ref, label_selector: 'w' });
      assert.ok(list);
      const items: Buffer[] = [];
      for await (const chunk of list)
        items.push(...(chunk as unknown as { items: Buffer[] }).items);
      assert.equal(items.length, 1);
      await call(client, 'Delete', { ref: { ...ref, name: 'w' } });
      await four;
      assert.deepEqual(seen, ['ADDED', 'MODIFIED', 'MODIFIED', 'DELETED']);
      watch.cancel();
    });
  });
});
