import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { at, NOW_MS, pod } from '../testing/builders.ts';
import { decideReplicas, nextAvailableInMs, type ReplicaTarget, replicaStatus } from './decide.ts';

const target = (parts: Partial<ReplicaTarget> = {}): ReplicaTarget => ({
  replicas: 3,
  minReadySeconds: 0,
  generation: 7,
  templateLabels: { app: 'web' },
  isDeleting: false,
  ...parts,
});
const facts = { related: [], nowMs: NOW_MS, burst: 500 };
const pods = (count: number, ready = true) =>
  Array.from({ length: count }, () => pod({ node: 'n', ...(ready ? { readyAt: -50 } : {}) }));

describe('how many pods to make or give up', () => {
  const cases: [number, number, number, number][] = [
    [3, 0, 3, 0],
    [3, 3, 0, 0],
    [3, 5, 0, 2],
    [0, 2, 0, 2],
    [1000, 0, 500, 0],
    [0, 900, 0, 500],
  ];
  for (const [replicas, active, create, remove] of cases) {
    it(`${active} of ${replicas}`, () => {
      const decision = decideReplicas(target({ replicas }), pods(active), facts);
      assert.equal(decision.create, create);
      assert.equal(decision.delete.length, remove);
    });
  }

  it('nothing while the owner is going', () => {
    const decision = decideReplicas(target({ isDeleting: true }), pods(1), facts);
    assert.deepEqual(decision, { create: 0, delete: [] });
  });

  it('gives up those that serve nobody first', () => {
    const bad = pods(2, false);
    const decision = decideReplicas(target({ replicas: 2 }), [...pods(2), ...bad], facts);
    assert.deepEqual(new Set(decision.delete), new Set(bad));
  });

  it('thins crowded nodes, siblings counted', () => {
    const onA = pod({ node: 'a', readyAt: -50 });
    const onB = pod({ node: 'b', readyAt: -50 });
    const sibling = pod({ node: 'b', readyAt: -50 });
    const related = [onA, onB, sibling];
    const decision = decideReplicas(target({ replicas: 1 }), [onA, onB], { ...facts, related });
    assert.deepEqual(decision.delete, [onB]);
  });
});

describe('the status', () => {
  const labels = { app: 'web' };
  const active = [
    pod({ meta: { labels }, readyAt: -50 }),
    pod({ meta: { labels }, readyAt: -1 }),
    pod({ meta: { labels: { ...labels, more: 'x' } } }),
    pod({ readyAt: -50 }),
  ];
  const plain = { conditions: undefined, failure: undefined, nowMs: NOW_MS };

  it('counts', () => {
    assert.deepEqual(replicaStatus(target({ minReadySeconds: 10 }), active, plain), {
      replicas: 4,
      fullyLabeledReplicas: 3,
      readyReplicas: 3,
      availableReplicas: 2,
      observedGeneration: 7,
    });
  });

  it('tells of a failure and forgets it when it is over', () => {
    const failure = { reason: 'FailedCreate' as const, message: 'quota' };
    const failed = replicaStatus(target(), active, { ...plain, failure });
    assert.deepEqual(failed.conditions, [
      { type: 'ReplicaFailure', status: 'True', ...failure, lastTransitionTime: at(0) },
    ]);
    const again = { ...plain, conditions: failed.conditions, failure, nowMs: NOW_MS + 5000 };
    assert.deepEqual(replicaStatus(target(), active, again).conditions, failed.conditions);
    const over = replicaStatus(target(), active, { ...plain, conditions: failed.conditions });
    assert.equal(over.conditions, undefined);
  });

  it('knows when the next pod becomes available', () => {
    assert.equal(nextAvailableInMs(target({ minReadySeconds: 10 }), active, NOW_MS), 9000);
    assert.equal(nextAvailableInMs(target(), active, NOW_MS), undefined);
  });
});
