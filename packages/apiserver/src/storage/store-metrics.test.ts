import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startEtcd } from '@kubets/etcd';
import { Metrics, silentLogger, systemClock, systemRandom } from '@kubets/platform';
import { EtcdStore } from './etcd-store.ts';
import { StoreMetrics } from './store-metrics.ts';

it('calls to the store are counted by operation and resource', async () => {
  const etcd = await startEtcd({ memory: true });
  const registry = new Metrics();
  const common = { clock: systemClock, random: systemRandom, log: silentLogger };
  const metrics = new StoreMetrics(registry);
  const store = new EtcdStore({ ...common, endpoints: [etcd.endpoint], metrics });
  const bytes = Buffer.from('{}');
  const told = Promise.withResolvers<void>();
  const nothing = (): void => undefined;
  const handlers = { onProgress: nothing, onCompacted: nothing, onError: nothing };
  const watch = store.watch('/registry/pods/', 1n, { ...handlers, onEvents: () => told.resolve() });
  const made = await store.swap('/registry/pods/default/a', bytes, 0n);
  assert.ok(made.ok);
  await store.swap('/registry/pods/default/a', bytes, made.revision);
  await store.get('/registry/deployments/default/web');
  await store.get('/registry/services/specs/default/web');
  await store.get('/registry/events/default/e');
  await store.page('/registry/example.com/widgets/', { limit: 1 });
  await store.remove('/registry/example.com/widgets/default/w', 1n);
  await assert.rejects(store.page('/registry/pods/', { limit: 1, revision: 1_000n }));
  await told.promise;
  watch.cancel();
  store.close();
  await etcd.stop();
  const text = await registry.metrics();
  const counts = text.matchAll(/^(etcd_request\w+_total)\{operation="(.*)",type="(.*)"\} (\d+)$/gm);
  const lines = Array.from(counts, ([, name, ...rest]) => [name, ...rest].join(' '));
  assert.deepEqual(lines.filter((line) => !line.endsWith(' 0')).sort(), [
    'etcd_request_errors_total list pods 1',
    'etcd_requests_total create pods 1',
    'etcd_requests_total delete widgets.example.com 1',
    'etcd_requests_total get deployments.apps 1',
    'etcd_requests_total get events 1',
    'etcd_requests_total get services 1',
    'etcd_requests_total list pods 1',
    'etcd_requests_total list widgets.example.com 1',
    'etcd_requests_total update pods 1',
  ]);
  assert.match(text, /^etcd_request_duration_seconds_count\{operation="update",type="pods"\} 1$/m);
  assert.match(text, /^apiserver_storage_events_received_total\{resource="pods"\} [12]$/m);
});
