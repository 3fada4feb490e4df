import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { planWorkloads, shareOf } from './workloads.ts';

const podsOf = (list: readonly { replicas: number }[]): number =>
  list.reduce((sum, { replicas }) => sum + replicas, 0);

describe('planWorkloads', () => {
  for (const pods of [1, 7, 600, 3_000, 30_000, 150_000]) {
    it(`makes ${pods} pods, no more and no fewer`, () => {
      assert.equal(podsOf(planWorkloads(pods)), pods);
    });
  }

  it('names each workload once', () => {
    const all = planWorkloads(30_000).map(({ namespace, name }) => `${namespace}/${name}`);
    assert.equal(new Set(all).size, all.length);
  });

  it('holds half of the pods in small ones', () => {
    const small = planWorkloads(30_000).filter(({ name }) => name.startsWith('small'));
    assert.ok(Math.abs(podsOf(small) - 15_000) < 1_500);
  });
});

describe('shareOf', () => {
  it('takes at least one where there is one', () => {
    assert.equal(podsOf(shareOf(planWorkloads(30), 0.1)), 5);
    assert.deepEqual(shareOf([], 0.1), []);
  });

  it('takes about a tenth', () => {
    for (const pods of [600, 30_000]) {
      const part = podsOf(shareOf(planWorkloads(pods), 0.1));
      assert.ok(part <= pods * 0.1 && part > pods * 0.05, `${part} of ${pods}`);
    }
  });
});
