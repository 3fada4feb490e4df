import assert from 'node:assert/strict';
import { it } from 'node:test';
import { FakeApi, QueueMetrics } from '@kubets/client';
import { ManualClock, Metrics, parseFlags, seededRandom, silentLogger } from '@kubets/platform';
import { controllerOptions, flags } from '../config.ts';
import { allControllers } from '../controllers.ts';
import { ControllerManager } from '../host/manager.ts';

/** What dashboards and alerts ask for. */
const STOCK_QUEUES = [
  ...['ClusterRoleAggregator', 'bootstrap_signer_queue', 'certificate', 'claims', 'cronjob'],
  ...['daemonset', 'deployment'],
  ...['disruption', 'endpoint', 'endpoint_slice', 'endpoint_slice_mirroring', 'ephemeral_volume'],
  ...['garbage_collector_attempt_to_delete', 'horizontalpodautoscaler', 'job', 'namespace'],
  ...['node_lifecycle_controller', 'noexec_taint_pod', 'pvcprotection', 'pvcs', 'pvprotection'],
  ...['replicaset', 'replicationmanager', 'resourcequota_primary', 'serviceaccount'],
  ...[
    'stale_pod_disruption',
    'statefulset',
    'token_cleaner',
    'ttl_jobs_to_delete',
    'ttlcontroller',
    'volume_expand',
  ],
];

it('queues are counted under the names of the stock process while it leads', async () => {
  const clock = new ManualClock();
  const every = '*,bootstrap-signer-controller,token-cleaner-controller';
  const options = controllerOptions(parseFlags(flags, [`--controllers=${every}`]));
  const metrics = new Metrics();
  const manager = new ControllerManager({
    ...{ api: new FakeApi({ clock }), clock, random: seededRandom(1), log: silentLogger },
    queueMetrics: new QueueMetrics(metrics),
    controllers: (deps) => allControllers(deps, options),
  });
  const queues = async (): Promise<string[]> => {
    const found = (await metrics.metrics()).matchAll(/^workqueue_depth\{name="(.*)"\} 0$/gm);
    return Array.from(found, ([, name]) => name ?? '').sort();
  };
  assert.deepEqual(await queues(), []);
  const term = new AbortController();
  manager.begin(term.signal);
  await Promise.resolve();
  assert.deepEqual(await queues(), STOCK_QUEUES);
  term.abort();
  await manager.end();
});
