import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import { ManualClock, Metrics, silentLogger } from '@kubets/platform';
import { startRelist } from '../cri/relist.ts';
import { RuntimeFault } from '../errors.ts';
import type { ContainerRuntime } from '../ports.ts';
import { aPod } from '../testing/pods.ts';
import { eventually, startTestNode, testPod } from '../testing/simulated-node.ts';
import { KubeletFigures, operationName, showPods } from './kubelet-figures.ts';

function setup() {
  const registry = new Metrics();
  const figures = new KubeletFigures(registry);
  const value = async (series: string): Promise<number | undefined> => {
    const lines = (await registry.metrics()).split('\n');
    const line = lines.find((one) => one.startsWith(`${series} `));
    return line === undefined ? undefined : Number(line.split(' ').at(-1));
  };
  return { registry, figures, value };
}

describe('figures of a kubelet', () => {
  it('name calls of the runtime as the stock one does', () => {
    const names = ['RunPodSandbox', 'ListPodSandbox', 'ExecSync', 'ContainerStatus', 'Version'];
    assert.deepEqual(names.map(operationName), [
      ...['run_podsandbox', 'list_podsandbox', 'exec_sync', 'container_status', 'version'],
    ]);
  });

  it('count calls of the runtime', async () => {
    const { figures, value } = setup();
    figures.runtimeCall('PullImage', 2_000, false);
    figures.runtimeCall('PullImage', 1_000, true);
    const operation = '{operation_type="pull_image"}';
    assert.equal(await value(`kubelet_runtime_operations_total${operation}`), 2);
    assert.equal(await value(`kubelet_runtime_operations_errors_total${operation}`), 1);
    assert.equal(await value(`kubelet_runtime_operations_duration_seconds_sum${operation}`), 3);
  });

  it('time listings, and what is between them', async () => {
    const { figures, value } = setup();
    const clock = new ManualClock(10_000);
    const settle = () => new Promise((resolve) => setImmediate(resolve));
    const relist = startRelist({
      ...{ clock, log: silentLogger, periodMs: 1_000, uidOf: () => '', onChange: () => undefined },
      list: async () => ({ sandboxes: [], containers: [] }),
      onListed: (monotonicMs) => figures.relisted({ monotonicMs, tookMs: 0, atMs: clock.now() }),
    });
    await settle();
    clock.advance(1_000);
    await settle();
    relist.stop();
    assert.equal(await value('kubelet_pleg_relist_duration_seconds_count'), 2);
    assert.equal(await value('kubelet_pleg_relist_interval_seconds_sum'), 1);
    assert.equal(await value('kubelet_pleg_last_seen_seconds'), 11);
  });

  it('follow a pod from its first look to its run', async () => {
    const { figures, value } = setup();
    const test = await startTestNode({ figures });
    const start = test.runtime.startContainer.bind(test.runtime);
    let isBroken = true;
    test.runtime.startContainer = async (id) => {
      if (!isBroken) return start(id);
      isBroken = false;
      throw new RuntimeFault('no');
    };
    try {
      await test.api.resource<Pod>('v1', 'pods').create(testPod('p'));
      const runs = 'kubelet_pod_start_duration_seconds_count';
      await eventually('a run', async () => (await value(runs)) === 1);
      assert.equal(await value('kubelet_started_pods_total'), 1);
      const type = 'container_type="container"';
      assert.equal(await value(`kubelet_started_containers_total{${type}}`), 1);
      const failed = `{${type},code="RunContainerError"}`;
      assert.equal(await value(`kubelet_started_containers_errors_total${failed}`), 1);
      const first = 'kubelet_pod_worker_duration_seconds_count{operation_type="create"}';
      assert.equal(await value(first), 1);
    } finally {
      await test.stop();
    }
  });

  it('show the pods there are', async () => {
    const { registry, value } = setup();
    const pod = aPod({ volumes: [{ name: 'v', secret: { secretName: 's' } }] });
    const common = { image: '', imageID: '', ready: true, restartCount: 0 };
    pod.status = {
      containerStatuses: [
        { ...common, name: 'a', state: { running: { startedAt: '' } } },
        { ...common, name: 'b', state: { terminated: { exitCode: 0 } } },
      ],
    };
    const runtime = {} as ContainerRuntime;
    const all = () => [pod, aPod()].map((one) => ({ pod: one, nodeName: 'n1', runtime }));
    showPods(registry, { nodeNames: ['n1'], all });
    assert.equal(await value('kubelet_node_name{node="n1"}'), 1);
    assert.equal(await value('kubelet_running_pods'), 1);
    assert.equal(await value('kubelet_desired_pods'), 2);
    assert.equal(await value('kubelet_running_containers{container_state="running"}'), 1);
    assert.equal(await value('kubelet_running_containers{container_state="exited"}'), 1);
    const secret = 'plugin_name="kubernetes.io/secret",state="actual_state_of_world"';
    assert.equal(await value(`volume_manager_total_volumes{${secret}}`), 1);
  });
});
