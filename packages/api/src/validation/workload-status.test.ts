import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Errors } from './common.ts';
import { workloadStatus } from './workload-status.ts';

function said(kind: string, status: object, old: object = {}): string[] {
  const errors: Errors = [];
  workloadStatus(kind)(errors, { status }, { status: old });
  return errors.map(String);
}

describe('the status of a workload', () => {
  it('has no negative counts, told in the order of its kind', () => {
    const negative = { replicas: -1, observedGeneration: -1 };
    const why = 'Invalid value: -1: must be greater than or equal to 0';
    const fields = (kind: string): string[] =>
      said(kind, negative).map((text) => text.slice(0, 25));
    assert.deepEqual(said('ReplicaSet', negative)[0], `status.replicas: ${why}`);
    assert.match(fields('Deployment')[0] ?? '', /^status.observedGeneration/);
    assert.equal(said('DaemonSet', { numberReady: -1 })[0], `status.numberReady: ${why}`);
  });

  it('has no part larger than the whole, and no more available than ready', () => {
    const over = 'cannot be greater than status.replicas';
    assert.deepEqual(said('StatefulSet', { replicas: 1, readyReplicas: 2, availableReplicas: 3 }), [
      `status.readyReplicas: Invalid value: 2: ${over}`,
      `status.availableReplicas: Invalid value: 3: ${over}`,
      'status.availableReplicas: Invalid value: 3: cannot be greater than status.readyReplicas',
    ]);
    assert.deepEqual(said('Deployment', { replicas: 2, availableReplicas: 1 }), [
      'status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas',
    ]);
  });

  it('counts collisions upwards', () => {
    const [text] = said('Deployment', { collisionCount: 1 }, { collisionCount: 2 });
    assert.equal(text, 'status.collisionCount: Invalid value: 1: cannot be decremented');
    assert.deepEqual(said('ReplicaSet', { collisionCount: 1 }, { collisionCount: 2 }), []);
  });
});
