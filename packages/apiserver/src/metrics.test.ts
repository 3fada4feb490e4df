import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Metrics } from '@kubets/platform';
import { metricsPath, serverMetrics } from './metrics.ts';
import type { PathRequest, RequestInfo } from './ports.ts';
import { requestInfoOf } from './rest/request-info.ts';
import { configMap, make, RecordingSink, targetOf, testRegistry } from './testing/index.ts';

const info = (path: string): RequestInfo => requestInfoOf('GET', path, new URLSearchParams());

describe('figures', () => {
  it('count requests by what they ask for, and time those that end', async () => {
    const registry = new Metrics();
    const metrics = serverMetrics(registry);
    metrics.request(info('/api/v1/pods'), 200, 30);
    metrics.request(info('/api/v1/pods'), 200, 30);
    metrics.request({ ...info('/apis/apps/v1/deployments'), verb: 'watch' }, 200, 30);
    const text = await registry.metrics();
    assert.match(
      text,
      /apiserver_request_total\{verb="list",group="",resource="pods",subresource="",code="200"\} 2/,
    );
    assert.match(text, /apiserver_request_duration_seconds_count\{.*resource="pods".*\} 2/);
    assert.doesNotMatch(text, /apiserver_request_duration_seconds_count\{.*deployments/);
  });

  it('show the caches as they are when asked', async () => {
    const registry = new Metrics();
    const metrics = serverMetrics(registry);
    const t = testRegistry();
    metrics.observeCaches(t.caches);
    await make(t, configMap('a'));
    await t.registry.watch(targetOf('v1', 'ConfigMap'), {}, new RecordingSink());
    const text = await registry.metrics();
    assert.match(text, /apiserver_storage_objects\{group="",resource="configmaps"\} 1/);
    assert.match(text, /apiserver_longrunning_requests\{group="",resource="configmaps"\} 1/);
    t.caches.close();
  });

  it('are served under their path only', async () => {
    const handler = metricsPath(new Metrics());
    const ask = (path: string) => handler.handle({ info: info(path) } as PathRequest);
    assert.equal(await ask('/metricsx'), undefined);
    assert.equal((await ask('/metrics'))?.status, 200);
  });
});
