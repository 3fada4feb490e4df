import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ApiStats, indicatorOf } from './api-stats.ts';

describe('indicatorOf', () => {
  const cases: [verb: string, path: string, indicator: string][] = [
    ['GET', '/api/v1/namespaces/a/pods/p', 'GET pods resource'],
    ['GET', '/api/v1/namespaces/a/pods?limit=5', 'LIST pods namespace'],
    ['GET', '/api/v1/pods?limit=5', 'LIST pods cluster'],
    ['GET', '/api/v1/namespaces/a', 'GET namespaces resource'],
    ['GET', '/api/v1/namespaces', 'LIST namespaces cluster'],
    ['POST', '/api/v1/namespaces/a/pods', 'POST pods resource'],
    ['PATCH', '/api/v1/namespaces/a/pods/p/status', 'PATCH pods/status resource'],
    ['PUT', '/apis/coordination.k8s.io/v1/namespaces/n/leases/x', 'PUT leases resource'],
    ['POST', '/api/v1/nodes', 'POST nodes resource'],
    ['DELETE', '/apis/apps/v1/namespaces/a/deployments', 'DELETE deployments namespace'],
  ];
  for (const [verb, path, indicator] of cases) {
    it(`${verb} ${path}`, () => assert.equal(indicatorOf({ verb, path }), indicator));
  }
});

describe('ApiStats', () => {
  it('keeps failures apart from latencies, and starts afresh once taken', () => {
    const stats = new ApiStats();
    const asked = { verb: 'GET', path: '/api/v1/nodes/n' };
    stats.record(asked, 5, 200);
    stats.record(asked, 5, 429);
    stats.record(asked, 5, 0);
    const { api, failures } = stats.take();
    assert.deepEqual(Object.keys(api), ['GET nodes resource']);
    assert.deepEqual(failures, {
      'GET nodes resource: 429': 1,
      'GET nodes resource: no answer': 1,
    });
    assert.deepEqual(stats.take(), { api: {}, failures: {} });
  });
});
