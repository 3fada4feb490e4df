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

  it('is told which container was not measured', async () => {
    await target(1);
    measured('10m', 'p0');
    const share = { type: 'Utilization', averageUtilization: 50 };
    const containerResource = { name: 'cpu', container: 'other', target: share };
    await autoscaler({ metrics: [{ type: 'ContainerResource', containerResource }] });
    const why =
      'failed to get cpu utilization: unable to get metrics for resource cpu: failed to get container metrics: container other not present in metrics for pod default/p0';
    assert.ok(cluster.events().includes(`FailedGetContainerResourceMetric: ${why}`));
  });
});

describe('an autoscaler by the figures of extension servers', () => {
  const CUSTOM = 'custom.metrics.k8s.io/v1beta2';
  const selector = { matchLabels: { verb: 'get' } };
  const serves = (path: string, ...values: [name: string, value: string][]): void => {
    cluster.api.served.set(CUSTOM, []);
    const items = values.map(([name, value]) => ({
      ...{ kind: 'MetricValue', apiVersion: CUSTOM, metadata: {} },
      ...{ describedObject: { name }, timestamp: '2026-01-01T00:00:00Z', value },
    }));
    cluster.api.below.set(`${CUSTOM}/${path}`, items);
  };
  const average = (averageValue: string) => ({ type: 'AverageValue', averageValue });

  it('goes by figures of its pods', async () => {
    await target(2);
    serves('pods/default/*/qps', ['p0', '20'], ['p1', '10']);
    const pods = { metric: { name: 'qps', selector }, target: average('5') };
    await autoscaler({ metrics: [{ type: 'Pods', pods }] });
    assert.equal(replicas(), 4);
    const current = { averageValue: '15' };
    assert.deepEqual(status().currentMetrics, [
      { type: 'Pods', pods: { metric: pods.metric, current } },
    ]);
    assert.ok(
      cluster
        .events()
        .includes('SuccessfulRescale: New size: 4; reason: pods metric qps above target'),
    );
  });

  it('goes by the figure of an object', async () => {
    await target(2);
    serves('ingresses.networking.k8s.io/default/main/hits', ['main', '200m']);
    const describedObject = {
      ...{ apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', name: 'main' },
    };
    const object = {
      ...{ describedObject, metric: { name: 'hits' } },
      target: { type: 'Value', value: '100m' },
    };
    await autoscaler({ metrics: [{ type: 'Object', object }] });
    assert.equal(replicas(), 4);
    assert.match(cluster.events().join('\n'), /reason: Ingress metric hits above target/);
    const current = { value: '200m' };
    assert.deepEqual(status().currentMetrics?.[0]?.object?.current, current);
  });

  it('goes by the figure of its namespace', async () => {
    await target(2);
    serves('metrics/default/load/', ['default', '30']);
    const describedObject = { kind: 'Namespace', name: 'other' };
    const object = {
      ...{ describedObject, metric: { name: 'load', selector } },
      target: { type: 'Value', value: '20' },
    };
    await autoscaler({ metrics: [{ type: 'Object', object }] });
    assert.equal(replicas(), 3);
  });

  it('goes by the sum of figures from outside', async () => {
    await target(2);
    for (const [i, value] of ['4', '6'].entries()) {
      const metadata = { name: `${i}`, namespace: 'default', labels: { verb: 'get' } };
      const one = { kind: 'ExternalMetricValue', metadata, value };
      cluster.api.seed('external.metrics.k8s.io/v1beta1', 'queued', one as KubeObject);
    }
    const other = { name: 'x', namespace: 'default', labels: { verb: 'put' } };
    const more = { kind: 'ExternalMetricValue', metadata: other, value: '99' };
    cluster.api.seed('external.metrics.k8s.io/v1beta1', 'queued', more as KubeObject);
    const external = { metric: { name: 'queued', selector }, target: average('3') };
    await autoscaler({ metrics: [{ type: 'External', external }] });
    // What the target has counts here, which the pods in memory do not say: none.
    assert.equal(replicas(), 4);
    assert.match(
      cluster.events().join('\n'),
      /reason: external metric queued\(&LabelSelector\{MatchLabels:map\[string\]string\{verb: get,\}/,
    );
  });

  const failures: readonly [string, Partial<HorizontalPodAutoscalerSpec>, string][] = [
    [
      'pods',
      { metrics: [{ type: 'Pods', pods: { metric: { name: 'qps' }, target: average('5') } }] },
      'FailedGetPodsMetric: unable to get metric qps: unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
    ],
    [
      'an object',
      {
        metrics: [
          {
            type: 'Object',
            object: {
              describedObject: { kind: 'Service', name: 's', apiVersion: 'v1' },
              ...{ metric: { name: 'hits' }, target: { type: 'Value', value: '1' } },
            },
          },
        ],
      },
      'FailedGetObjectMetric: unable to get metric hits: Service on default s/unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered',
    ],
    [
      'something outside',
      {
        metrics: [
          { type: 'External', external: { metric: { name: 'queued' }, target: average('3') } },
        ],
      },
      'FailedGetExternalMetric: unable to get external metric default/queued/nil: no metrics returned from external metrics API',
    ],
  ];
  for (const [what, spec, told] of failures) {
    it(`says that there are no figures of ${what}`, async () => {
      await target(2);
      await autoscaler(spec);
      const events = cluster.events();
      assert.ok(events.includes(told), events.join('\n'));
      assert.ok(said().some((one) => one.startsWith('ScalingActive False FailedGet')));
    });
  }

  it('says that others go by the same pods, and does nothing', async () => {
    await target(2);
    measured('200m', 'p0', 'p1');
    await cluster.create<HorizontalPodAutoscaler>('horizontalpodautoscalers', {
      ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler' },
      metadata: { name: 'g', namespace: 'default' },
      spec: {
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
        ...{ minReplicas: 1, maxReplicas: 2 },
      },
    });
    await cluster.settle();
    await autoscaler();
    const why = 'pods by selector app=a are controlled by multiple HPAs: [{g default} {h default}]';
    assert.equal(replicas(), 2);
    assert.ok(cluster.events().includes(`AmbiguousSelector: ${why}`));
    const active = status().conditions?.find(({ type }) => type === 'ScalingActive');
    assert.deepEqual(
      [active?.status, active?.reason, active?.message],
      ['False', 'AmbiguousSelector', why],
    );
  });
});
