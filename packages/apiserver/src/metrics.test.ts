import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { describe, it } from 'node:test';
import { builtinKinds } from '@kubets/api';
import { Metrics } from '@kubets/platform';
import { startApiServer } from './embedded/start.ts';
import {
  metricsPath,
  observeCaches,
  observeExtensions,
  observeSizes,
  type RequestManner,
  serverMetrics,
} from './metrics.ts';
import type { PathRequest, RequestInfo } from './ports.ts';
import { requestInfoOf } from './rest/request-info.ts';
import { configMap, make, RecordingSink, targetOf, testRegistry } from './testing/index.ts';

const info = (path: string, method = 'GET'): RequestInfo =>
  requestInfoOf(method, path, new URLSearchParams());

/** Labels are compared whatever their order. */
function seriesOf(text: string, name: string): Map<string, number> {
  const found = text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\S+)$`, 'gm'));
  const sorted = (labels: string): string =>
    (labels.match(/\w+="[^"]*"/g) ?? [])
      .filter((label) => !label.endsWith('=""') && label !== 'component="apiserver"')
      .sort()
      .join(' ');
  return new Map(Array.from(found, ([, labels = '', value]) => [sorted(labels), Number(value)]));
}

function setup() {
  const registry = new Metrics();
  let nowMs = 0;
  const metrics = serverMetrics(registry, { kinds: builtinKinds, monotonicMs: () => nowMs });
  const ask = (asked: RequestInfo, code = 200, manner: RequestManner = 'plain') => {
    metrics.begin(asked, nowMs);
    metrics.end(asked, code, 30, manner);
  };
  const series = async (name: string) => seriesOf(await registry.metrics(), name);
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  return { registry, metrics, ask, series, pass };
}

describe('figures of requests', () => {
  it('have the labels of a stock server', async () => {
    const { ask, series } = setup();
    ask(info('/api/v1/pods'));
    ask(info('/api/v1/pods'));
    ask(info('/api/v1/namespaces/default/pods'));
    ask(info('/apis/apps/v1/namespaces/default/deployments/web/scale', 'PUT'), 409);
    ask(info('/api/v1/namespaces/default/pods', 'POST'), 201, 'dry-run');
    ask(info('/api/v1/namespaces/default/configmaps/a', 'PATCH'), 200, 'apply');
    ask(info('/readyz/etcd'));
    assert.deepEqual(
      [...(await series('apiserver_request_total'))],
      [
        ['code="200" resource="pods" scope="cluster" verb="LIST" version="v1"', 2],
        ['code="200" resource="pods" scope="namespace" verb="LIST" version="v1"', 1],
        [
          'code="409" group="apps" resource="deployments" scope="resource" subresource="scale" verb="PUT" version="v1"',
          1,
        ],
        ['code="201" dry_run="All" resource="pods" scope="resource" verb="POST" version="v1"', 1],
        ['code="200" resource="configmaps" scope="resource" verb="APPLY" version="v1"', 1],
        ['code="200" subresource="/readyz" verb="GET"', 1],
      ],
    );
  });

  it('time what ends by itself, for the objectives too', async () => {
    const { ask, series } = setup();
    ask(info('/api/v1/pods'));
    const watch = { ...info('/apis/apps/v1/deployments'), verb: 'watch' };
    ask(watch);
    const pods = 'resource="pods" scope="cluster" verb="LIST" version="v1"';
    for (const name of ['request_duration', 'request_sli_duration']) {
      const counts = await series(`apiserver_${name}_seconds_count`);
      assert.deepEqual([...counts], [[pods, 1]]);
    }
    const buckets = await series('apiserver_request_duration_seconds_bucket');
    assert.equal(buckets.get(`le="0.025" ${pods}`), 0);
    assert.equal(buckets.get(`le="0.05" ${pods}`), 1);
  });

  it('show what is open, and close it once', async () => {
    const { metrics, ask, series } = setup();
    const exec = info('/api/v1/namespaces/default/pods/a/exec');
    ask(exec, 101);
    const over = metrics.opened(exec);
    const named = 'resource="pods" scope="resource" subresource="exec" verb="CONNECT" version="v1"';
    assert.equal((await series('apiserver_longrunning_requests')).get(named), 1);
    over();
    over();
    assert.equal((await series('apiserver_longrunning_requests')).get(named), 0);
  });

  it('do not grow by names that mean nothing', async () => {
    const { ask, series } = setup();
    for (let i = 0; i < 100; i += 1) {
      ask(info(`/api/v1/things${i}`), 404);
      ask(info(`/api/v1/namespaces/default/pods/a/part${i}`), 404);
      ask(info(`/apis/group${i}/v1/pods`), 404);
      ask(info(`/path${i}`), 404);
      ask(info('/api/v1/pods', `BREW${i}`), 405);
      ask(info('/api/v1/'), 404);
    }
    assert.deepEqual(Object.fromEntries(await series('apiserver_request_total')), {
      'code="404" verb="LIST"': 200,
      'code="404" verb="GET"': 300,
      'code="405" verb="OTHER"': 100,
    });
  });

  it('tell the most that ran side by side in the last second', async () => {
    const { metrics, series, pass } = setup();
    const list = info('/api/v1/pods');
    const write = info('/api/v1/namespaces/default/pods', 'POST');
    for (let i = 0; i < 3; i += 1) metrics.begin(list, 0);
    metrics.begin(write, 0);
    metrics.begin({ ...list, verb: 'watch' }, 0);
    for (let i = 0; i < 2; i += 1) metrics.end(list, 200, 1, 'plain');
    const now = async () => Object.fromEntries(await series('apiserver_current_inflight_requests'));
    assert.deepEqual(await now(), { 'request_kind="mutating"': 1, 'request_kind="readOnly"': 3 });
    pass(5_000);
    assert.deepEqual(await now(), { 'request_kind="mutating"': 1, 'request_kind="readOnly"': 1 });
    metrics.end(list, 200, 1, 'plain');
    metrics.end(write, 201, 1, 'plain');
    assert.deepEqual(await now(), { 'request_kind="mutating"': 0, 'request_kind="readOnly"': 0 });
  });

  it('count those turned away', async () => {
    const { metrics, ask, series } = setup();
    const list = info('/api/v1/pods');
    ask(list, 429);
    metrics.terminated(list, 429);
    const named = 'code="429" resource="pods" scope="cluster" verb="LIST" version="v1"';
    assert.deepEqual([...(await series('apiserver_request_terminations_total'))], [[named, 1]]);
  });
});

describe('figures of the server', () => {
  it('tell how long certificates of clients are valid', async () => {
    const { registry, metrics } = setup();
    metrics.certificate(3_600_000);
    metrics.certificate(-1);
    const name = 'apiserver_client_certificate_expiration_seconds';
    const text = await registry.metrics();
    assert.match(text, new RegExp(`^${name}_bucket\\{le="0"\\} 1$`, 'm'));
    assert.match(text, new RegExp(`^${name}_bucket\\{le="3600"\\} 2$`, 'm'));
  });

  it('tell which extension servers cannot be used', async () => {
    const registry = new Metrics();
    observeExtensions(registry, () => [
      { name: 'v1.a.io', isAvailable: true },
      { name: 'v1.b.io', isAvailable: false },
    ]);
    const text = await registry.metrics();
    assert.match(text, /^aggregator_unavailable_apiservice\{name="v1.a.io"\} 0$/m);
    assert.match(text, /^aggregator_unavailable_apiservice\{name="v1.b.io"\} 1$/m);
  });

  it('show the caches as they are when asked', async () => {
    const registry = new Metrics();
    const t = testRegistry();
    observeCaches(registry, t.caches);
    await make(t, configMap('a'));
    await t.registry.watch(targetOf('v1', 'ConfigMap'), {}, new RecordingSink());
    t.caches.of(targetOf('apps/v1', 'Deployment').def);
    const text = await registry.metrics();
    assert.match(text, /^apiserver_storage_objects\{resource="configmaps"\} 1$/m);
    assert.match(text, /^apiserver_storage_objects\{resource="deployments.apps"\} 0$/m);
    t.caches.close();
  });

  it('are served under their path only', async () => {
    const handler = metricsPath(new Metrics());
    const ask = (path: string) => handler.handle({ info: info(path) } as PathRequest);
    assert.equal(await ask('/metricsx'), undefined);
    assert.equal((await ask('/metrics'))?.status, 200);
  });
});

describe('figures of a whole server', () => {
  it('are all those a stock server promises to keep, with their labels', async () => {
    const api = await startApiServer();
    try {
      const get = async (path: string): Promise<string> => {
        const headers = { authorization: `Bearer ${api.token}` };
        const sent = request(`${api.url}${path}`, { headers, ca: api.ca, agent: false });
        sent.end();
        const [response] = (await once(sent, 'response')) as [IncomingMessage];
        let text = '';
        for await (const chunk of response) text += String(chunk);
        return text;
      };
      await get('/api/v1/namespaces');
      await get('/api/v1/componentstatuses');
      const text = await get('/metrics');
      const has = (series: string): void => assert.ok(text.includes(series), series);
      const place = 'version="v1",resource="namespaces",subresource="",scope="cluster"';
      has(`apiserver_response_sizes_count{verb="LIST",group="",${place},component="apiserver"} 1`);
      has('apiserver_requested_deprecated_apis{group="",version="v1",resource="componentstatuses"');
      has('apiserver_admission_step_admission_duration_seconds_count{operation="CREATE",rejected=');
      const plugin = 'name="NamespaceLifecycle",operation="CREATE",rejected="false",type="admit"';
      has(`apiserver_admission_controller_admission_duration_seconds_count{${plugin}} `);
    } finally {
      await api.stop();
    }
  });

  it('tell the size of the store, member by member', async () => {
    const registry = new Metrics();
    const sizes = [
      { member: 'https://b', bytes: 20 },
      { member: 'https://a', bytes: 10 },
    ];
    observeSizes(registry, { sizes: () => Promise.resolve(sizes) });
    const text = await registry.metrics();
    assert.match(text, /^apiserver_storage_size_bytes\{storage_cluster_id="etcd-0"\} 20$/m);
    assert.match(text, /^apiserver_storage_size_bytes\{storage_cluster_id="etcd-1"\} 10$/m);
  });
});
