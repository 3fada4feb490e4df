import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PodSpec } from '../generated/types-core.ts';
import { requiredNodes, termMatcher, wantsNode } from './nodes.ts';

const node = { name: 'node-1', labels: { zone: 'a', gen: '3', ssd: '' } };

describe('termMatcher', () => {
  const cases: [key: string, operator: string, values: string[], matches: boolean][] = [
    ['zone', 'In', ['a', 'b'], true],
    ['zone', 'In', ['b'], false],
    ['none', 'In', [''], false],
    ['zone', 'NotIn', ['b'], true],
    ['zone', 'NotIn', ['a'], false],
    ['none', 'NotIn', ['a'], true],
    ['ssd', 'Exists', [], true],
    ['none', 'Exists', [], false],
    ['none', 'DoesNotExist', [], true],
    ['ssd', 'DoesNotExist', [], false],
    ['gen', 'Gt', ['2'], true],
    ['gen', 'Gt', ['3'], false],
    ['gen', 'Lt', ['4'], true],
    ['zone', 'Gt', ['1'], false],
    ['none', 'Lt', ['1'], false],
    ['zone', 'Like', ['a'], false],
  ];
  for (const [key, operator, values, matches] of cases) {
    it(`${key} ${operator} ${values.join(',')}: ${matches}`, () => {
      assert.equal(termMatcher({ matchExpressions: [{ key, operator, values }] })(node), matches);
    });
  }

  it('matches the name as a field, and nothing without any requirement', () => {
    const field = { key: 'metadata.name', operator: 'In', values: ['node-1'] };
    assert.equal(termMatcher({ matchFields: [field] })(node), true);
    assert.equal(termMatcher({ matchFields: [{ ...field, values: ['x'] }] })(node), false);
    assert.equal(termMatcher({})(node), false);
  });
});

describe('requiredNodes', () => {
  const spec = (more: Partial<PodSpec>): PodSpec => ({ containers: [], ...more });
  const affinity = (...zones: string[]): Partial<PodSpec> => ({
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: zones.map((zone) => ({
            matchExpressions: [{ key: 'zone', operator: 'In', values: [zone] }],
          })),
        },
      },
    },
  });

  it('is not there for a pod that takes any node', () => {
    assert.equal(requiredNodes(spec({})), undefined);
  });

  it('is met by any node then', () => {
    assert.equal(wantsNode(spec({}), node), true);
    assert.equal(wantsNode(undefined, node), true);
    assert.equal(wantsNode(spec(affinity('b')), node), false);
  });

  it('takes one of the terms, and the whole selector', () => {
    assert.equal(requiredNodes(spec(affinity('b', 'a')))?.(node), true);
    assert.equal(requiredNodes(spec(affinity('b')))?.(node), false);
    const both = { ...affinity('a'), nodeSelector: { gen: '3' } };
    assert.equal(requiredNodes(spec(both))?.(node), true);
    assert.equal(requiredNodes(spec({ ...both, nodeSelector: { gen: '4' } }))?.(node), false);
  });
});
