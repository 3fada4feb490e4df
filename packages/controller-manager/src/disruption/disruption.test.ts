import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type {
  Deployment,
  KubeObject,
  Pod,
  PodDisruptionBudget,
  PodDisruptionBudgetSpec,
  PodDisruptionBudgetStatus,
} from '@kubets/api';
import { deploymentController } from '../deployment/reconciler.ts';
import { REPLICA_SET } from '../replicaset/kinds.ts';
import { replicaController } from '../replicaset/reconciler.ts';
import { at, deployment, NOW_MS, pod } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';
import { decideDisruption } from './decide.ts';
import { disruptionController, disruptionControllers } from './reconciler.ts';

const budget = (
  spec: PodDisruptionBudgetSpec,
  status?: Partial<PodDisruptionBudgetStatus>,
): PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'b', namespace: 'default', generation: 1 },
  spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  ...(status
    ? {
        status: {
          currentHealthy: 0,
          desiredHealthy: 0,
          disruptionsAllowed: 0,
          expectedPods: 0,
          ...status,
        },
      }
    : {}),
});

const pods = (ready: number, sick = 0): Pod[] => [
  ...Array.from({ length: ready }, () => pod({ readyAt: -10 })),
  ...Array.from({ length: sick }, () => pod()),
];

const decide = (one: PodDisruptionBudget, selected: Pod[], replicas?: number) => {
  const expected = replicas === undefined ? { problem: 'nobody knows' } : { replicas };
  return decideDisruption({ budget: one, pods: selected, expected, nowMs: NOW_MS });
};

describe('a disruption budget', () => {
  const cases: [string, PodDisruptionBudgetSpec, Pod[], number | undefined, number][] = [
    ['a number that must be available', { minAvailable: 2 }, pods(3), undefined, 1],
    ['more than there are', { minAvailable: 5 }, pods(3), undefined, 0],
    ['sick pods do not count', { minAvailable: 2 }, pods(2, 3), undefined, 0],
    ['a share, rounded up', { minAvailable: '50%' }, pods(5), 5, 2],
    ['a number that may be missing', { maxUnavailable: 1 }, pods(3), 3, 1],
    ['one missing already', { maxUnavailable: 1 }, pods(2, 1), 3, 0],
    ['pods not made yet count as missing', { maxUnavailable: 1 }, pods(2), 4, 0],
    ['a share that may be missing', { maxUnavailable: '30%' }, pods(10), 10, 3],
    ['no pods at all', { minAvailable: 0 }, [], 0, 0],
    ['nobody knows the size', { maxUnavailable: 1 }, pods(3), undefined, 0],
  ];
  for (const [what, spec, selected, scale, allowed] of cases) {
    it(`${what}: ${allowed}`, () => {
      const { status } = decide(budget(spec), selected, scale);
      assert.equal(status.disruptionsAllowed, allowed);
      const condition = status.conditions?.find((c) => c.type === 'DisruptionAllowed');
      assert.equal(condition?.status, allowed > 0 ? 'True' : 'False');
    });
  }

  it('keeps what it said before when the size is not known', () => {
    const before = { currentHealthy: 3, desiredHealthy: 2, expectedPods: 3, observedGeneration: 1 };
    const { status } = decide(budget({ maxUnavailable: 1 }, before), pods(3));
    const { conditions = [], ...counts } = status;
    assert.deepEqual(counts, { ...before, disruptionsAllowed: 0 });
    assert.deepEqual(
      [conditions[0]?.reason, conditions[0]?.message],
      ['SyncFailed', 'nobody knows'],
    );
  });

  it('counts what a custom kind with a scale wants to have', async () => {
    const cluster = new TestCluster({ controllers: (deps) => [disruptionController(deps)] });
    const widgets = { name: 'widgets', kind: 'Widget', namespaced: true, verbs: [] };
    cluster.api.served.set('example.com/v1', [widgets]);
    await cluster.start();
    const owner = await cluster.create<KubeObject>('widgets', {
      ...{ apiVersion: 'example.com/v1', kind: 'Widget' },
      metadata: { name: 'w', namespace: 'default' },
      ...{ spec: { replicas: 3 } },
    });
    const { uid = '' } = owner.metadata;
    const ref = { apiVersion: 'example.com/v1', kind: 'Widget', name: 'w', uid, controller: true };
    const meta = { labels: { app: 'web' }, ownerReferences: [ref] };
    for (const name of ['a', 'b']) await cluster.create('pods', pod({ name, meta }));
    await cluster.create('poddisruptionbudgets', budget({ maxUnavailable: 2 }));
    await cluster.settle();
    const one = cluster.get<PodDisruptionBudget>('poddisruptionbudgets', 'b').status;
    assert.deepEqual([one?.expectedPods, one?.desiredHealthy, one?.disruptionsAllowed], [3, 1, 1]);
    await cluster.stop();
  });

  it('leaves pods without a controller out of a share, and says so', async () => {
    const cluster = new TestCluster({ controllers: (deps) => [disruptionController(deps)] });
    await cluster.start();
    const labels = { app: 'web' };
    await cluster.create('pods', pod({ name: 'alone', meta: { labels } }));
    await cluster.create('poddisruptionbudgets', budget({ maxUnavailable: 1 }));
    await cluster.settle();
    const one = cluster.get<PodDisruptionBudget>('poddisruptionbudgets', 'b').status;
    assert.deepEqual([one?.expectedPods, one?.disruptionsAllowed, one?.currentHealthy], [0, 0, 1]);
    assert.ok(cluster.events().some((e) => e.startsWith('UnmanagedPods: Pods selected by')));
    await cluster.stop();
  });

  it('counts evictions under way as gone, for a while', () => {
    const three = pods(3);
    const name = three[0]?.metadata.name ?? '';
    const fresh = budget({ minAvailable: 2 }, { disruptedPods: { [name]: at(-30) } });
    const plan = decide(fresh, three);
    assert.equal(plan.status.disruptionsAllowed, 0);
    assert.equal(plan.wakeAtMs, NOW_MS + 90_000);
    const old = budget({ minAvailable: 2 }, { disruptedPods: { [name]: at(-121), ghost: at(0) } });
    assert.equal(decide(old, three).status.disruptionsAllowed, 1);
    assert.equal(decide(old, three).status.disruptedPods, undefined);
  });

  it('is not waited for by pods that nobody disrupted after all', async () => {
    const cluster = new TestCluster({ controllers: (deps) => [...disruptionControllers(deps)] });
    cluster.runsPods = false;
    const said = (reason: string, phase: string) => ({
      ...pod({ name: reason.toLowerCase() }),
      status: {
        phase,
        conditions: [
          { type: 'DisruptionTarget', status: 'True', reason, lastTransitionTime: at(0) },
        ],
      },
    });
    cluster.api.seed('v1', 'pods', said('PreemptionByScheduler', 'Running'));
    cluster.api.seed('v1', 'pods', said('TerminationByKubelet', 'Running'));
    cluster.api.seed('v1', 'pods', said('EvictionByEvictionAPI', 'Failed'));
    await cluster.start();
    const statusOf = (name: string) => cluster.get<Pod>('pods', name).status?.conditions?.[0];
    await cluster.pass(110_000);
    assert.equal(statusOf('preemptionbyscheduler')?.status, 'True');
    await cluster.pass(20_000);
    const { status, reason } = statusOf('preemptionbyscheduler') ?? {};
    assert.deepEqual([status, reason], ['False', undefined]);
    assert.equal(statusOf('terminationbykubelet')?.status, 'True');
    assert.equal(statusOf('evictionbyevictionapi')?.status, 'True');
    await cluster.stop();
  });

  it('follows its deployment', async () => {
    const cluster = new TestCluster({
      controllers: (deps) => [
        deploymentController(deps),
        replicaController(deps, REPLICA_SET),
        disruptionController(deps),
      ],
    });
    await cluster.start();
    const web = deployment('web', { replicas: 4 });
    await cluster.create('deployments', {
      ...web,
      metadata: { name: 'web', namespace: 'default' },
    });
    await cluster.create('poddisruptionbudgets', budget({ maxUnavailable: 1 }));
    await cluster.settle();
    const status = () => cluster.get<PodDisruptionBudget>('poddisruptionbudgets', 'b').status;
    assert.deepEqual([status()?.expectedPods, status()?.disruptionsAllowed], [4, 1]);
    await cluster.change<Deployment>('deployments', 'web', (d) => {
      if (d.spec) d.spec.replicas = 2;
    });
    await cluster.settle();
    assert.deepEqual([status()?.expectedPods, status()?.desiredHealthy], [2, 1]);
    await cluster.stop();
  });
});
