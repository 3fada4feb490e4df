import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type {
  Deployment,
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  KubeObject,
  Pod,
} from '@kubets/api';
import { TestCluster } from '../testing/cluster.ts';
import { autoscalerController } from './reconciler.ts';

const METRICS = 'metrics.k8s.io/v1beta1';
const labels = { app: 'a' };
let cluster: TestCluster;

beforeEach(async () => {
  cluster = new TestCluster({ controllers: (deps) => [autoscalerController(deps)] });
  cluster.runsPods = false;
  await cluster.start();
});
afterEach(() => cluster.stop());

async function target(replicas: number, pods = replicas): Promise<void> {
  await cluster.create<Deployment>('deployments', {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment' },
    metadata: { name: 'd', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
    },
  });
  for (let i = 0; i < pods; i += 1) runningPod(`p${i}`);
}

function runningPod(name: string): void {
  const started = '2020-01-01T00:00:00Z';
  const pod: Pod = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels } },
    spec: {
      containers: [{ name: 'c', image: 'i', resources: { requests: { cpu: '100m' } } }],
    },
    status: {
      ...{ phase: 'Running', startTime: started },
      conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: started }],
    },
  };
  cluster.api.seed('v1', 'pods', pod);
}

function measured(cpu: string, ...names: string[]): void {
  for (const name of names) {
    const usage: KubeObject = {
      ...{ apiVersion: METRICS, kind: 'PodMetrics' },
      metadata: { name, namespace: 'default', labels },
      ...{ timestamp: '2026-01-01T00:00:00Z', window: '30s' },
      ...{ containers: [{ name: 'c', usage: { cpu } }] },
    };
    cluster.api.seed(METRICS, 'pods', usage);
  }
}

async function autoscaler(more: Partial<HorizontalPodAutoscalerSpec> = {}): Promise<void> {
  await cluster.create<HorizontalPodAutoscaler>('horizontalpodautoscalers', {
    ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
    metadata: { name: 'h', namespace: 'default' },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
      ...{ minReplicas: 1, maxReplicas: 5 },
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
        },
      ],
      ...more,
    },
  });
  await cluster.settle();
}

const status = () =>
  cluster.get<HorizontalPodAutoscaler>('horizontalpodautoscalers', 'h').status ?? {
    desiredReplicas: 0,
  };
const said = (): string[] =>
  (status().conditions ?? []).map(({ type, status, reason }) => `${type} ${status} ${reason}`);
const replicas = (): number | undefined =>
  cluster.get<Deployment>('deployments', 'd').spec?.replicas;

describe('an autoscaler', () => {
  it('grows what is used more than wanted', async () => {
    await target(2);
    measured('200m', 'p0', 'p1');
    await autoscaler();
    assert.equal(replicas(), 4);
    const { currentReplicas, desiredReplicas, currentMetrics, lastScaleTime } = status();
    assert.deepEqual([currentReplicas, desiredReplicas], [2, 4]);
    assert.ok(lastScaleTime);
    assert.deepEqual(currentMetrics, [
      {
        type: 'Resource',
        resource: { name: 'cpu', current: { averageUtilization: 200, averageValue: '200m' } },
      },
    ]);
    assert.deepEqual(said(), [
      'AbleToScale True SucceededRescale',
      'ScalingActive True ValidMetricFound',
      'ScalingLimited True ScaleUpLimit',
    ]);
    assert.ok(
      cluster
        .events()
        .includes(
          'SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target',
        ),
    );
  });

  it('shrinks once less was wanted for a while', async () => {
    await target(4);
    measured('50m', 'p0', 'p1', 'p2', 'p3');
    await autoscaler();
    measured('10m', 'p0', 'p1', 'p2', 'p3');
    await cluster.pass(60_000);
    assert.equal(replicas(), 4);
    assert.ok(said().includes('AbleToScale True ScaleDownStabilized'));
    await cluster.pass(300_000);
    assert.equal(replicas(), 1);
    assert.ok(cluster.events().some((event) => event.endsWith('reason: All metrics below target')));
  });

  it('says so when there are no metrics, and changes nothing', async () => {
    await target(2);
    await autoscaler();
    assert.equal(replicas(), 2);
    assert.deepEqual(said(), [
      'AbleToScale True SucceededGetScale',
      'ScalingActive False FailedGetResourceMetric',
    ]);
    const why =
      'failed to get cpu utilization: unable to get metrics for resource cpu: no metrics returned from resource metrics API';
    const active = status().conditions?.at(-1);
    assert.equal(active?.message, `the HPA was unable to compute the replica count: ${why}`);
    assert.ok(cluster.events().includes(`FailedGetResourceMetric: ${why}`));
    const sum =
      'invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value';
    assert.ok(cluster.events().includes(`FailedComputeMetricsReplicas: ${sum}: ${why}`));
  });

  it('brings the size between its bounds without metrics', async () => {
    await target(9);
    await autoscaler();
    assert.equal(replicas(), 5);
    assert.ok(
      cluster
        .events()
        .includes(
          'SuccessfulRescale: New size: 5; reason: Current number of replicas above Spec.MaxReplicas',
        ),
    );
  });

  it('leaves alone what was switched off', async () => {
    await target(0);
    await autoscaler();
    assert.equal(replicas(), 0);
    assert.ok(said().includes('ScalingActive False ScalingDisabled'));
  });

  it('without a target says so', async () => {
    await autoscaler();
    assert.deepEqual(said(), ['AbleToScale False FailedGetScale']);
    assert.match(
      status().conditions?.[0]?.message ?? '',
      /deployments\/scale.* "d" not found|not found/,
    );
  });

  it('does not shrink by one metric while another is not known', async () => {
    await target(4);
    measured('10m', 'p0', 'p1', 'p2', 'p3');
    const cpu = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } };
    const memory = { name: 'memory', target: { type: 'AverageValue', averageValue: '1Mi' } };
    await autoscaler({
      metrics: [
        { type: 'Resource', resource: cpu },
        { type: 'Resource', resource: memory },
      ],
    });
    await cluster.pass(400_000);
    assert.equal(replicas(), 4);
    assert.ok(said().includes('ScalingActive False FailedGetResourceMetric'));
  });
});
