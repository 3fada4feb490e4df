import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { NodeSelectorRequirement, PodSpec } from '@kubets/api';
import { aPod } from '../testing/pods.ts';
import { alienSystem, misfit } from './node-fit.ts';

const NODE = { name: 'n1', labels: { zone: 'a', cores: '8' }, taints: [] };
const reasonOf = (spec: Partial<PodSpec>, node: Parameters<typeof misfit>[1] = NODE) =>
  misfit(aPod(spec), node)?.reason;
const affinity = (...matchExpressions: NodeSelectorRequirement[]): Partial<PodSpec> => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions }] },
    },
  },
});

describe('where a pod belongs', () => {
  it('is where its selector points', () => {
    assert.equal(reasonOf({}), undefined);
    assert.equal(reasonOf({ nodeSelector: { zone: 'a' } }), undefined);
    assert.equal(reasonOf({ nodeSelector: { zone: 'b' } }), 'NodeAffinity');
    assert.equal(
      misfit(aPod({ nodeSelector: { zone: 'b' } }), NODE)?.message,
      "Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector",
    );
  });

  const cases: readonly (readonly [NodeSelectorRequirement, boolean])[] = [
    [{ key: 'zone', operator: 'In', values: ['a', 'b'] }, true],
    [{ key: 'zone', operator: 'NotIn', values: ['a'] }, false],
    [{ key: 'rack', operator: 'NotIn', values: ['a'] }, true],
    [{ key: 'rack', operator: 'Exists' }, false],
    [{ key: 'rack', operator: 'DoesNotExist' }, true],
    [{ key: 'cores', operator: 'Gt', values: ['4'] }, true],
    [{ key: 'cores', operator: 'Lt', values: ['4'] }, false],
    [{ key: 'zone', operator: 'Gt', values: ['4'] }, false],
  ];
  for (const [requirement, fits] of cases) {
    it(`is decided by ${JSON.stringify(requirement)}`, () => {
      assert.equal(reasonOf(affinity(requirement)) === undefined, fits);
    });
  }

  it('is on a node of its own system', () => {
    const label = 'kubernetes.io/os';
    const labelled = (os: string) => {
      const pod = aPod();
      return { ...pod, metadata: { ...pod.metadata, labels: { [label]: os } } };
    };
    for (const pod of [aPod(), aPod({ os: { name: 'linux' } }), labelled('linux')]) {
      assert.equal(alienSystem(pod), undefined);
    }
    assert.deepEqual(alienSystem(aPod({ os: { name: 'windows' } })), {
      reason: 'PodOSNotSupported',
      message: "Failed to admit pod as the OS field doesn't match node OS",
    });
    assert.deepEqual(alienSystem(labelled('windows')), {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    });
  });

  it('is nowhere by a term that asks for nothing', () => {
    assert.equal(reasonOf(affinity()), 'NodeAffinity');
  });

  it('is not where it would be thrown out at once', () => {
    const taint = { key: 'k', value: 'v', effect: 'NoExecute' };
    const tainted = { ...NODE, taints: [taint] };
    assert.equal(reasonOf({}, tainted), 'TaintToleration');
    assert.equal(reasonOf({ tolerations: [{ operator: 'Exists' }] }, tainted), undefined);
    assert.equal(reasonOf({ tolerations: [{ key: 'k', value: 'v' }] }, tainted), undefined);
    assert.equal(reasonOf({ tolerations: [{ key: 'k', value: 'w' }] }, tainted), 'TaintToleration');
    assert.equal(
      reasonOf({}, { ...NODE, taints: [{ ...taint, effect: 'NoSchedule' }] }),
      undefined,
    );
  });
});
