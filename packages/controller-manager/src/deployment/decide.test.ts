import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { resolveIntOrPercent } from '../objects/int-or-percent.ts';
import { annotationsOf, nameOf } from '../objects/meta.ts';
import { RolloutWorld } from '../testing/rollout-world.ts';
import { templateHash } from './replica-set.ts';
import {
  DESIRED_REPLICAS,
  limitsOf,
  MAX_REPLICAS,
  REVISION,
  REVISION_HISTORY,
  revisionOf,
} from './view.ts';

const rolling = (maxSurge: number | string, maxUnavailable: number | string) => ({
  type: 'RollingUpdate',
  rollingUpdate: { maxSurge, maxUnavailable },
});

describe('a new deployment', () => {
  it('makes one replica set of the full size, named after its template', () => {
    const world = new RolloutWorld({ replicas: 3 });
    world.settle();
    const rs = world.set('v1');
    assert.equal(nameOf(rs), `web-${templateHash(world.deployment)}`);
    assert.match(nameOf(rs), /^web-[bcdfghjklmnpqrstvwxz2456789]{1,10}$/);
    assert.equal(rs.spec?.replicas, 3);
    assert.equal(
      rs.spec?.selector.matchLabels?.['pod-template-hash'],
      templateHash(world.deployment),
    );
    assert.equal(
      rs.spec?.template?.metadata?.labels?.['pod-template-hash'],
      templateHash(world.deployment),
    );
    assert.equal(annotationsOf(rs)[REVISION], '1');
    assert.equal(annotationsOf(rs)[DESIRED_REPLICAS], '3');
    assert.equal(annotationsOf(rs)[MAX_REPLICAS], '4');
    assert.equal(annotationsOf(world.deployment)[REVISION], '1');
  });

  it('ends complete and available', () => {
    const world = new RolloutWorld({ replicas: 3 });
    world.settle();
    const { status } = world.deployment;
    assert.equal(status?.availableReplicas, 3);
    assert.equal(status?.updatedReplicas, 3);
    assert.equal(status?.unavailableReplicas, 0);
    assert.equal(status?.observedGeneration, 1);
    assert.equal(status?.conditions?.find((c) => c.type === 'Available')?.status, 'True');
    assert.deepEqual(world.progressing(), {
      status: 'True',
      reason: 'NewReplicaSetAvailable',
      message: `ReplicaSet "${nameOf(world.set('v1'))}" has successfully progressed.`,
    });
  });

  it('tells that it made the replica set', () => {
    const world = new RolloutWorld({ replicas: 3 });
    world.reconcile();
    assert.equal(world.progressing()?.reason, 'NewReplicaSetCreated');
  });

  it('does nothing more once settled', () => {
    const world = new RolloutWorld({ replicas: 3 });
    world.settle();
    const before = world.log.length;
    assert.equal(world.reconcile(), false);
    assert.equal(world.log.length, before);
  });
});

describe('the template hash', () => {
  it('is the same for the same template however its fields are ordered', () => {
    const a = new RolloutWorld({});
    const b = new RolloutWorld({});
    const template = b.deployment.spec?.template;
    b.edit({ template: { spec: template?.spec, metadata: template?.metadata } as never });
    assert.equal(templateHash(a.deployment), templateHash(b.deployment));
  });

  it('changes with the template and with the collision count', () => {
    const world = new RolloutWorld({});
    const first = templateHash(world.deployment);
    const collided = { ...world.deployment, status: { collisionCount: 1 } };
    assert.notEqual(templateHash(collided), first);
    world.setImage('v2');
    assert.notEqual(templateHash(world.deployment), first);
  });

  it('never changes between releases', () => {
    assert.equal(templateHash(new RolloutWorld({}).deployment), '548df6b887');
  });
});

describe('a rolling update', () => {
  it('surges first, then shrinks as the new pods become available', () => {
    const world = new RolloutWorld({ replicas: 4, strategy: rolling(1, 1) });
    world.settle();
    world.setImage('v2');
    const steps = world.settle({ ready: 1 });
    assert.deepEqual(steps[0], { v1: 4, v2: 1 });
    assert.deepEqual(steps[1], { v1: 2, v2: 1 });
    assert.deepEqual(steps.at(-1), { v1: 0, v2: 4 });
  });

  it('with maxUnavailable 0 takes nothing away before a new pod is available', () => {
    const world = new RolloutWorld({ replicas: 2, strategy: rolling(1, 0) });
    world.settle();
    world.setImage('v2');
    world.reconcile();
    world.runPods(0);
    for (let i = 0; i < 5; i++) {
      world.reconcile();
      world.runPods(0);
    }
    assert.deepEqual(world.sizes(), { v1: 2, v2: 1 });
    world.settle();
    assert.deepEqual(world.sizes(), { v1: 0, v2: 2 });
  });

  it('stops at a broken version and keeps enough of the old one', () => {
    const world = new RolloutWorld({ replicas: 4, strategy: rolling(1, 1) });
    world.settle();
    world.brokenImages.add('v2');
    world.setImage('v2');
    world.settle();
    assert.deepEqual(world.sizes(), { v1: 3, v2: 2 });
    assert.equal(world.availablePods, 3);
  });

  it('replaces a broken version without waiting for it', () => {
    const world = new RolloutWorld({ replicas: 4, strategy: rolling(1, 1) });
    world.brokenImages.add('v1');
    world.settle();
    world.setImage('v2');
    world.settle();
    assert.deepEqual(world.sizes(), { v1: 0, v2: 4 });
  });

  it('never has more pods than allowed nor fewer available than promised', () => {
    const share = fc.oneof(
      fc.integer({ min: 0, max: 6 }),
      fc.integer({ min: 0, max: 100 }).map((percent) => `${percent}%`),
    );
    fc.assert(
      fc.property(
        fc.record({
          replicas: fc.integer({ min: 1, max: 20 }),
          maxSurge: share,
          maxUnavailable: share,
          ready: fc.integer({ min: 1, max: 5 }),
          versions: fc.array(fc.constantFrom('v2', 'v3', 'v4'), { minLength: 1, maxLength: 4 }),
          interruptAfter: fc.integer({ min: 0, max: 6 }),
        }),
        (input) => {
          const { replicas, maxSurge, maxUnavailable, ready } = input;
          const world = new RolloutWorld({ replicas, strategy: rolling(maxSurge, maxUnavailable) });
          world.settle();
          const limits = limitsOf(world.deployment);
          const check = (): void => {
            assert.ok(world.totalPods <= replicas + limits.maxSurge, 'too many pods');
            assert.ok(world.availablePods >= replicas - limits.maxUnavailable, 'too few available');
          };
          for (const version of input.versions) {
            world.setImage(version);
            for (let i = 0; i < input.interruptAfter; i++) {
              world.reconcile();
              world.runPods(ready);
              check();
            }
          }
          world.settle({ ready, check });
          const last = input.versions.at(-1) ?? '';
          assert.equal(world.sizes()[last], replicas);
          assert.equal(world.totalPods, replicas);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('limits', () => {
  const cases: [number, number | string, number | string, number, number][] = [
    [10, '25%', '25%', 3, 2],
    [1, '25%', '25%', 1, 0],
    [3, 0, 0, 0, 1],
    [4, '0%', '10%', 0, 1],
    [2, 5, 5, 5, 2],
    [0, '25%', '25%', 0, 0],
  ];
  for (const [replicas, surge, unavailable, maxSurge, maxUnavailable] of cases) {
    it(`${replicas} replicas, ${surge} surge, ${unavailable} unavailable`, () => {
      const world = new RolloutWorld({ replicas, strategy: rolling(surge, unavailable) });
      assert.deepEqual(limitsOf(world.deployment), { replicas, maxSurge, maxUnavailable });
    });
  }

  it('reads numbers in text and takes nonsense for nothing', () => {
    assert.equal(resolveIntOrPercent('3', 10, 'up'), 3);
    assert.equal(resolveIntOrPercent('many', 10, 'up'), 0);
    assert.equal(resolveIntOrPercent(undefined, 10, 'down'), 0);
  });
});

describe('Recreate', () => {
  it('empties the old version before it starts the new one', () => {
    const world = new RolloutWorld({ replicas: 3, strategy: { type: 'Recreate' } });
    world.settle();
    world.setImage('v2');
    const steps = world.settle({
      check: () => {
        const images = world.replicaSets.filter((rs) => (rs.status?.replicas ?? 0) > 0);
        assert.ok(images.length <= 1, 'two versions at once');
      },
    });
    assert.deepEqual(steps[0], { v1: 0 });
    assert.deepEqual(steps.at(-1), { v1: 0, v2: 3 });
  });
});

describe('scaling', () => {
  it('sizes the only replica set at once', () => {
    const world = new RolloutWorld({ replicas: 2 });
    world.settle();
    world.edit({ replicas: 5 });
    world.reconcile();
    assert.deepEqual(world.sizes(), { v1: 5 });
    assert.equal(annotationsOf(world.set('v1'))[DESIRED_REPLICAS], '5');
    world.edit({ replicas: 0 });
    world.settle();
    assert.deepEqual(world.sizes(), { v1: 0 });
  });

  it('in the middle of a rollout spreads the change in proportion', () => {
    const world = new RolloutWorld({ replicas: 10, strategy: rolling(3, 2) });
    world.settle();
    world.brokenImages.add('v2');
    world.setImage('v2');
    world.settle();
    assert.deepEqual(world.sizes(), { v1: 8, v2: 5 });
    world.edit({ replicas: 15 });
    world.reconcile();
    // 5 more, and 18 in all: 8/13 of them for the old version, 5/13 for the new one.
    assert.deepEqual(world.sizes(), { v1: 11, v2: 7 });
  });

  it('counts as no new rollout', () => {
    const world = new RolloutWorld({ replicas: 2 });
    world.settle();
    world.edit({ replicas: 4 });
    world.settle();
    assert.equal(annotationsOf(world.deployment)[REVISION], '1');
    assert.equal(world.progressing()?.reason, 'NewReplicaSetAvailable');
  });
});

describe('history', () => {
  it('numbers versions, and a rollback gets a new number and remembers the old one', () => {
    const world = new RolloutWorld({ replicas: 1 });
    world.settle();
    world.setImage('v2');
    world.settle();
    assert.equal(annotationsOf(world.deployment)[REVISION], '2');
    world.setImage('v1');
    world.settle();
    assert.equal(annotationsOf(world.deployment)[REVISION], '3');
    assert.equal(annotationsOf(world.set('v1'))[REVISION], '3');
    assert.equal(annotationsOf(world.set('v1'))[REVISION_HISTORY], '1');
    assert.equal(world.replicaSets.length, 2);
  });

  it('numbers on from a replica set it took over, to the last of 64 bits', () => {
    const world = new RolloutWorld({ replicas: 1 });
    world.settle();
    const annotations = annotationsOf(world.set('v1'));
    world.set('v1').metadata.annotations = { ...annotations, [REVISION]: '3546343826724305832' };
    world.setImage('v2');
    world.settle();
    assert.equal(annotationsOf(world.deployment)[REVISION], '3546343826724305833');
    assert.equal(annotationsOf(world.set('v2'))[REVISION], '3546343826724305833');
  });

  it('takes a number nobody can read for none', () => {
    for (const text of ['x', '', '-3', '9223372036854775808']) {
      const metadata = { name: 'a', annotations: { [REVISION]: text } };
      assert.equal(revisionOf({ apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata }), 0n);
    }
  });

  it('keeps as many old replica sets as asked', () => {
    const world = new RolloutWorld({ replicas: 1, revisionHistoryLimit: 2 });
    for (const image of ['v1', 'v2', 'v3', 'v4', 'v5']) {
      world.setImage(image);
      world.settle();
    }
    assert.deepEqual(Object.keys(world.sizes()).sort(), ['v3', 'v4', 'v5']);
  });

  it('copies annotations to the replica set, but not those about the deployment itself', () => {
    const world = new RolloutWorld({ replicas: 1 });
    world.deployment.metadata.annotations = {
      'kubernetes.io/change-cause': 'first',
      'kubectl.kubernetes.io/last-applied-configuration': '{}',
    };
    world.settle();
    const annotations = annotationsOf(world.set('v1'));
    assert.equal(annotations['kubernetes.io/change-cause'], 'first');
    assert.equal(annotations['kubectl.kubernetes.io/last-applied-configuration'], undefined);
  });
});

describe('pausing', () => {
  it('holds a rollout and lets it go on', () => {
    const world = new RolloutWorld({ replicas: 2 });
    world.settle();
    world.edit({ paused: true });
    world.setImage('v2');
    world.settle();
    assert.deepEqual(world.sizes(), { v1: 2 });
    assert.equal(world.progressing()?.reason, 'DeploymentPaused');
    world.edit({ paused: false });
    world.reconcile();
    assert.equal(world.log.at(-1), 'create v2 1');
    world.settle();
    assert.deepEqual(world.sizes(), { v1: 0, v2: 2 });
    assert.equal(world.progressing()?.reason, 'NewReplicaSetAvailable');
  });

  it('does not stop scaling', () => {
    const world = new RolloutWorld({ replicas: 2 });
    world.settle();
    world.edit({ paused: true, replicas: 6 });
    world.settle();
    assert.deepEqual(world.sizes(), { v1: 6 });
  });
});

describe('the progress deadline', () => {
  it('is reported when passed, and asks to be looked at again before', () => {
    const world = new RolloutWorld({ replicas: 1, progressDeadlineSeconds: 60 });
    world.brokenImages.add('v1');
    world.reconcile();
    world.runPods();
    world.reconcile();
    assert.equal(world.progressing()?.status, 'True');
    world.nowMs += 120_000;
    world.reconcile();
    assert.equal(world.progressing()?.status, 'False');
    assert.equal(world.progressing()?.reason, 'ProgressDeadlineExceeded');
  });

  it('is not started again by pausing after it passed', () => {
    const world = new RolloutWorld({ replicas: 1, progressDeadlineSeconds: 60 });
    world.brokenImages.add('v1');
    world.settle();
    world.nowMs += 120_000;
    world.reconcile();
    world.edit({ paused: true });
    world.reconcile();
    assert.equal(world.progressing()?.reason, 'ProgressDeadlineExceeded');
  });

  it('does not matter once the rollout was complete', () => {
    const world = new RolloutWorld({ replicas: 2, progressDeadlineSeconds: 60 });
    world.settle();
    world.nowMs += 3_600_000;
    world.reconcile();
    assert.equal(world.progressing()?.reason, 'NewReplicaSetAvailable');
  });
});

describe('a deployment that is being deleted', () => {
  it('only reports', () => {
    const world = new RolloutWorld({ replicas: 2 });
    world.settle();
    world.setImage('v2');
    world.deployment.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    assert.equal(world.reconcile(), false);
    assert.deepEqual(world.sizes(), { v1: 2 });
  });
});
