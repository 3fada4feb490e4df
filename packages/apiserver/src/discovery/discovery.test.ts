import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ManualClock, RELEASE } from '@kubets/platform';
import { failure, user } from '../edge-testing.ts';
import type { PathRequest, PathResponse, RequestInfo } from '../ports.ts';
import { type HealthCheck, lifeChecks } from './health.ts';
import { createPaths } from './index.ts';
import type { DiscoverySource } from './source.ts';
import { versionInfo } from './version.ts';

const clock = new ManualClock(Date.UTC(2026, 0, 31, 12));
let made = 0;
const source: DiscoverySource & { mark: string; description?: string } = {
  mark: 'one',
  signature: () => source.mark,
  apiVersions: () => ({ kind: 'APIVersions' }),
  groupList: () => ({ kind: 'APIGroupList' }),
  group: (name) => (name === 'apps' ? { kind: 'APIGroup', name } : undefined),
  resourceList: (group, version) =>
    ['/v1', 'apps/v1'].includes(`${group}/${version}`)
      ? { groupVersion: `${group}/${version}` }
      : undefined,
  aggregated: (root, version) => {
    made += 1;
    return { kind: 'APIGroupDiscoveryList', root, version, mark: source.mark };
  },
  groupVersions: () => [
    { group: '', version: 'v1' },
    { group: 'apps', version: 'v1' },
  ],
  openApiV3: (group, version) => ({
    openapi: '3.0.0',
    title: `${group}/${version}`,
    mark: source.mark,
  }),
  openApiV2: () => ({
    swagger: '2.0',
    ...(source.description && { description: source.description }),
  }),
};

function get(
  url: string,
  o: {
    accept?: string;
    headers?: Record<string, string>;
    health?: HealthCheck[];
    method?: string;
    keysUri?: string;
    isStarting?: () => boolean;
  } = {},
): Promise<PathResponse | undefined> {
  const { pathname, searchParams } = new URL(url, 'https://x');
  const request: PathRequest = {
    info: { path: pathname, verb: 'get' } as RequestInfo,
    user: user('t'),
    method: o.method ?? 'GET',
    query: searchParams,
    headers: { ...(o.accept ? { accept: o.accept } : {}), ...o.headers },
  };
  const paths = createPaths({
    clock,
    source,
    health: o.health ?? [],
    ...(o.isStarting && { isStarting: o.isStarting }),
    version: versionInfo({ runtime: 'node', platform: 'linux/x64' }),
    openId: {
      ...{ issuer: 'https://i', keys: [], baseUrl: 'https://10.0.0.1:6443' },
      keysUri: o.keysUri,
    },
  });
  return paths.reduce<Promise<PathResponse | undefined>>(
    async (found, handler) => (await found) ?? handler.handle(request),
    Promise.resolve(undefined),
  );
}

const json = async (url: string, accept?: string) =>
  JSON.parse(String((await get(url, accept ? { accept } : {}))?.body));

describe('discovery', () => {
  const cases: [string, object][] = [
    ['/api', { kind: 'APIVersions' }],
    ['/api/', { kind: 'APIVersions' }],
    ['/apis', { kind: 'APIGroupList' }],
    ['/api/v1', { groupVersion: '/v1' }],
    ['/apis/apps', { kind: 'APIGroup', name: 'apps' }],
    ['/apis/apps/v1/', { groupVersion: 'apps/v1' }],
  ];
  for (const [path, document] of cases) {
    it(path, async () => assert.deepEqual(await json(path), document));
  }

  it('is laid out for people where people read, and the version and the paths always are', async () => {
    const text = async (url: string, headers = {}) => String((await get(url, { headers }))?.body);
    const curl = { 'user-agent': 'curl/8.0' };
    for (const path of ['/api', '/apis', '/apis/apps', '/api/v1']) {
      assert.match(await text(path, curl), /^\{\n {2}"/, path);
      assert.match(await text(path), /^\{"/, path);
      assert.match(await text(`${path}?pretty=true`), /^\{\n {2}"/, path);
    }
    assert.match(await text('/version'), /^\{\n {2}"major": "1",\n/);
    assert.equal((await json('/version')).platform, 'linux/amd64');
    assert.match(await text('/'), /^\{\n {2}"paths": \[\n {4}"/);
  });

  it('comes in a form the client takes', async () => {
    const answer = await get('/apis/apps', { accept: 'application/yaml' });
    assert.equal(answer?.headers['content-type'], 'application/yaml');
    assert.equal(String(answer?.body), 'kind: APIGroup\nname: apps\n');
    assert.deepEqual(await json('/api', 'text/html,*/*;q=0.8'), { kind: 'APIVersions' });
    const protobuf = { accept: 'application/vnd.kubernetes.protobuf' };
    for (const path of ['/api', '/apis', '/apis/apps']) {
      const answer = await get(path, protobuf);
      assert.equal(answer?.headers['content-type'], protobuf.accept, path);
      assert.equal(Buffer.from(answer?.body ?? '').toString('latin1', 0, 4), 'k8s\0', path);
    }
    const unknown = 'application/json;g=apidiscovery.k8s.io;v=v3;as=APIGroupDiscoveryList';
    assert.deepEqual(await json('/apis', `${unknown},application/json`), { kind: 'APIGroupList' });
    for (const accept of ['text/html', unknown]) {
      for (const path of ['/api', '/apis', '/apis/apps', '/apis/apps/v1']) {
        assert.equal((await failure(() => get(path, { accept }))).code, 406, path);
      }
    }
  });

  it('the resources of a version can only be read', async () => {
    assert.equal((await failure(() => get('/api/v1', { method: 'PUT' }))).code, 405);
    assert.equal((await get('/apis', { method: 'POST' }))?.status, 200);
  });

  it('an unknown version of a known group is a Status, an unknown group no path', async () => {
    assert.equal((await failure(() => get('/apis/apps/v9'))).code, 404);
    assert.equal((await failure(() => get('/api/v2'))).code, 404);
    assert.equal(await get('/apis/nope'), undefined);
    assert.equal(await get('/apis/nope/v1'), undefined);
    assert.equal(await get('/nope'), undefined);
  });

  const aggregated = (v: string) =>
    `application/json;g=apidiscovery.k8s.io;v=${v};as=APIGroupDiscoveryList`;
  it('comes aggregated for clients that ask, in the first form they name', async () => {
    const accept = `${aggregated('v2')},${aggregated('v2beta1')},application/json`;
    const response = await get('/apis', { accept });
    assert.equal(response?.headers['content-type'], aggregated('v2'));
    assert.equal(response?.headers.vary, 'Accept');
    assert.equal(
      (await json('/api', `${aggregated('v3')},${aggregated('v2beta1')}`)).version,
      'v2beta1',
    );
    assert.equal(
      (await json('/apis', `application/json,${aggregated('v2')}`)).kind,
      'APIGroupList',
    );
  });

  it('comes aggregated as protobuf and YAML, with one tag', async () => {
    const tags = new Set<string | undefined>();
    const { accept: json } = { accept: aggregated('v2') };
    for (const form of ['json', 'yaml', 'vnd.kubernetes.protobuf']) {
      const accept = json.replace('/json', `/${form}`);
      const answer = await get('/apis', { accept });
      assert.equal(answer?.headers['content-type'], accept);
      assert.equal(answer?.headers['cache-control'], 'public');
      tags.add(answer?.headers.etag);
    }
    assert.equal(tags.size, 1);
    const preferred = `${json};q=0.5,application/json`;
    assert.equal((await get('/apis', { accept: preferred }))?.headers.etag, undefined);
  });

  it('has a tag that spares sending it again, until something changes', async () => {
    const accept = aggregated('v2');
    const etag = (await get('/apis', { accept }))?.headers.etag ?? '';
    assert.match(etag, /^"[0-9A-F]{128}"$/);
    const again = await get('/apis', { accept, headers: { 'if-none-match': etag } });
    assert.equal(again?.status, 304);
    assert.equal(again?.body, '');
    source.mark = 'two';
    const changed = await get('/apis', { accept, headers: { 'if-none-match': etag } });
    assert.equal(changed?.status, 200);
  });

  it('is made once', async () => {
    const handlers = createPaths({ clock, source, health: [], version: {} });
    const request = {
      info: { path: '/apis', verb: 'get' } as RequestInfo,
      user: user('t'),
      method: 'GET',
      query: new URLSearchParams(),
      headers: { accept: aggregated('v2') },
    };
    const before = made;
    for (let i = 0; i < 3; i++) for (const handler of handlers) await handler.handle(request);
    assert.equal(made, before + 1);
  });

  it('lists the paths at the root', async () => {
    const { paths } = await json('/');
    assert.deepEqual(paths, [...paths].sort());
    const health = ['/healthz', '/healthz/ping', '/livez/log', '/readyz/ping', '/readyz'];
    for (const path of [
      '/api/v1',
      '/apis/',
      '/apis/apps',
      '/apis/apps/v1',
      '/version',
      ...health,
    ]) {
      assert.ok(paths.includes(path), path);
    }
  });
});

describe('OpenAPI', () => {
  it('v3 is an index of documents by content', async () => {
    const { paths } = await json('/openapi/v3');
    assert.deepEqual(Object.keys(paths), ['api/v1', 'apis/apps/v1']);
    const url = paths['apis/apps/v1'].serverRelativeURL;
    assert.match(url, /^\/openapi\/v3\/apis\/apps\/v1\?hash=[0-9A-F]+$/);
    const response = await get(url);
    assert.equal(response?.status, 200);
    assert.match(response?.headers['cache-control'] ?? '', /immutable/);
    assert.equal((await json(url)).title, 'apps/v1');
  });

  it('v3 in protobuf has the tag of its JSON, and lasts a year under its hash', async () => {
    const plain = await get('/openapi/v3/api/v1');
    assert.equal(plain?.headers['cache-control'], undefined);
    const hash = JSON.parse(plain?.headers.etag ?? '');
    for (const at of ['@', '.']) {
      const accept = `application/com.github.proto-openapi.spec.v3${at}v1.0+protobuf`;
      const { headers, body } = (await get(`/openapi/v3/api/v1?hash=${hash}`, { accept })) ?? {
        headers: {},
        body: '',
      };
      assert.deepEqual(headers, {
        'content-type': 'application/com.github.proto-openapi.spec.v3.v1.0+protobuf',
        vary: 'Accept',
        'cache-control': 'public, immutable',
        expires: 'Sun, 31 Jan 2027 12:00:00 UTC',
        etag: `"${hash}"`,
      });
      const start = Buffer.from(body).subarray(0, 7);
      assert.deepEqual(start, Buffer.from([0x0a, 5, 0x33, 0x2e, 0x30, 0x2e, 0x30]));
    }
    const known = { 'if-none-match': `"other", W/"${hash}"` };
    const again = await get('/openapi/v3/api/v1', { headers: known });
    assert.deepEqual(again, {
      status: 304,
      headers: { vary: 'Accept', etag: `"${hash}"` },
      body: '',
    });
  });

  it('v2 is compressed for who takes it', async () => {
    const taken = { 'accept-encoding': 'deflate, gzip' };
    assert.equal(
      (await get('/openapi/v2', { headers: taken }))?.headers['content-encoding'],
      undefined,
    );
    source.description = 'd'.repeat(1_500);
    source.mark = 'long';
    const answer = await get('/openapi/v2', { headers: taken });
    assert.equal(answer?.headers['content-encoding'], 'gzip');
    const text = gunzipSync(Buffer.from(answer?.body ?? '')).toString();
    assert.equal(JSON.parse(text).description, source.description);
  });

  it('an old hash leads to the new one', async () => {
    const response = await get('/openapi/v3/api/v1?hash=OLD');
    assert.equal(response?.status, 301);
    assert.match(response?.headers.location ?? '', /^\/openapi\/v3\/api\/v1\?hash=[0-9A-F]+$/);
    assert.match(String(response?.body), /^<a href="\/openapi\/v3\/api\/v1\?hash=[0-9A-F]+">Moved/);
    assert.deepEqual(await get('/openapi/v3/apis/nope/v1'), { status: 404, headers: {}, body: '' });
  });

  it('v2 comes in the form the client likes best', async () => {
    assert.equal((await json('/openapi/v2')).swagger, '2.0');
    for (const at of ['@', '.']) {
      const accept = `application/com.github.proto-openapi.spec.v2${at}v1.0+protobuf`;
      const answer = await get('/openapi/v2', { accept: `${accept},*/*` });
      assert.match(String(answer?.headers['content-type']), /spec\.v2\.v1\.0\+protobuf$/);
      // Field 1, four bytes less one: the version.
      const start = Buffer.from(answer?.body ?? '').subarray(0, 5);
      assert.deepEqual(start, Buffer.from([0x0a, 3, 0x32, 0x2e, 0x30]));
    }
    assert.equal((await get('/openapi/v2', { accept: 'text/html' }))?.status, 406);
    assert.equal((await get('/openapi/v3/api/v1', { accept: 'text/html' }))?.status, 406);
  });
});

it('tells its version', async () => {
  const version = await json('/version');
  assert.equal(version.gitVersion, `v1.32.6+kubets-${RELEASE}`);
  assert.deepEqual([version.major, version.minor], ['1', '32']);
  for (const field of [
    'gitCommit',
    'gitTreeState',
    'buildDate',
    'goVersion',
    'compiler',
    'platform',
  ]) {
    assert.equal(typeof version[field], 'string', field);
  }
  assert.deepEqual(await json('/version/'), version);
});

it('lets others verify its tokens', async () => {
  const path = '/.well-known/openid-configuration';
  assert.equal((await json(path)).jwks_uri, 'https://10.0.0.1:6443/openid/v1/jwks');
  const elsewhere = await get(path, { keysUri: 'https://keys.example.com/jwks' });
  assert.equal(JSON.parse(String(elsewhere?.body)).jwks_uri, 'https://keys.example.com/jwks');
  const response = await get('/openid/v1/jwks');
  assert.equal(response?.headers['content-type'], 'application/jwk-set+json');
});

describe('health', () => {
  const ill: HealthCheck = {
    name: 'etcd',
    check: () => Promise.reject(new Error('a secret reason')),
  };
  const well: HealthCheck = { name: 'loop', check: () => undefined, liveness: true };

  for (const root of ['healthz', 'livez', 'readyz']) {
    it(`/${root} is ok`, async () => {
      const response = await get(`/${root}`, { health: [well] });
      assert.deepEqual(response, {
        status: 200,
        headers: {
          'content-type': 'text/plain; charset=utf-8',
          'x-content-type-options': 'nosniff',
        },
        body: 'ok',
      });
    });
  }

  it('a single check has a path of its own', async () => {
    const response = await get('/readyz/ping');
    assert.deepEqual(response, {
      status: 200,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: 'ok',
    });
    assert.equal((await get('/readyz/etcd', { health: [ill] }))?.status, 500);
    assert.equal((await get('/livez/loop', { health: [well] }))?.status, 200);
    assert.equal(await get('/livez/etcd', { health: [ill] }), undefined);
    assert.equal(await get('/readyz/nope'), undefined);
  });

  it('says what is wrong, but not why', async () => {
    const response = await get('/readyz', { health: [ill, well] });
    assert.equal(response?.status, 500);
    assert.equal(
      response?.body,
      '[+]ping ok\n[+]log ok\n[-]etcd failed: reason withheld\n[+]loop ok\nreadyz check failed\n',
    );
  });

  it('the process is alive though it is not ready', async () => {
    const response = await get('/livez?verbose', { health: [ill, well] });
    assert.equal(response?.status, 200);
    assert.equal(response?.body, '[+]ping ok\n[+]log ok\n[+]loop ok\nlivez check passed\n');
  });

  it('names what is done at the start, one by one', async () => {
    let done = false;
    const health = lifeChecks({ done: () => done, isEnding: () => false });
    assert.equal((await get('/livez', { health }))?.status, 500);
    done = true;
    for (const root of ['healthz', 'livez', 'readyz']) {
      const response = await get(`/${root}?verbose=1`, { health });
      assert.equal(response?.status, 200);
      const lines = String(response?.body).split('\n');
      for (const name of [
        ...['log', 'poststarthook/start-apiextensions-controllers', 'autoregister-completion'],
        ...['poststarthook/rbac/bootstrap-roles', 'poststarthook/apiservice-openapi-controller'],
      ]) {
        assert.ok(lines.includes(`[+]${name} ok`), `${root} ${name}`);
      }
      for (const name of ['informer-sync', 'shutdown']) {
        assert.equal(lines.includes(`[+]${name} ok`), root === 'readyz', `${root} ${name}`);
      }
    }
  });

  it('that has just started counts as alive for a while, and one that ends as not ready', async () => {
    const checks = lifeChecks({ done: () => false, isEnding: () => true });
    const at = async (root: string, isStarting: boolean) =>
      (await get(`/${root}`, { health: checks, isStarting: () => isStarting }))?.status;
    assert.deepEqual([await at('livez', true), await at('livez', false)], [200, 500]);
    assert.deepEqual([await at('healthz', true), await at('readyz', true)], [500, 500]);
    const ending = lifeChecks({ done: () => true, isEnding: () => true });
    const single = await get('/readyz/shutdown', { health: ending });
    assert.equal(single?.body, 'internal server error: process is shutting down\n');
    assert.equal((await get('/livez', { health: ending }))?.status, 200);
    const text = String((await get('/readyz', { health: ending }))?.body);
    assert.ok(text.endsWith('[-]shutdown failed: reason withheld\nreadyz check failed\n'), text);
  });

  it('leaves out what is excluded, and wonders at what it does not know', async () => {
    const response = await get('/readyz?verbose&exclude=etcd&exclude=nope&exclude=a', {
      health: [ill],
    });
    assert.equal(
      response?.body,
      '[+]ping ok\n[+]log ok\n[+]etcd excluded: ok\nwarn: some health checks cannot be excluded: no matches for "a","nope"\nreadyz check passed\n',
    );
  });
});
