import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { ClusterRole, PolicyRule } from '@kubets/api';
import { TestCluster } from '../testing/cluster.ts';
import { aggregatedRules, roleAggregationController } from './reconciler.ts';

const hammer = (): PolicyRule => ({ verbs: ['hammer'], resources: ['nails', 'wedges'] });
const chisel = (): PolicyRule => ({ verbs: ['chisel'], resources: ['mortises'] });
const saw = (): PolicyRule => ({ verbs: ['saw'], resources: ['boards'] });

const role = (name: string, rules: PolicyRule[], labels = {}): ClusterRole => ({
  ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' },
  metadata: { name, labels },
  rules,
});
const combined = (...selectors: Record<string, string>[]): ClusterRole => ({
  ...role('combined', []),
  aggregationRule: { clusterRoleSelectors: selectors.map((matchLabels) => ({ matchLabels })) },
});

describe('the rules of a role that takes over others’', () => {
  const foo = { foo: 'bar' };
  const cases: readonly [string, ClusterRole, ClusterRole[], PolicyRule[] | undefined][] = [
    ['are its own without selectors of roles', role('plain', [saw()]), [], undefined],
    ['are none when it selects none', combined(foo), [role('h', [hammer()])], []],
    ['are those of what it selects', combined(foo), [role('h', [hammer()], foo)], [hammer()]],
    [
      'come by name, each once',
      combined(foo),
      [role('z', [saw(), hammer()], foo), role('a', [hammer(), chisel()], foo)],
      [hammer(), chisel(), saw()],
    ],
    [
      'come selector by selector',
      combined({ foo: 'b' }, { foo: 'a' }),
      [role('a', [hammer()], { foo: 'a' }), role('b', [chisel()], { foo: 'b' })],
      [chisel(), hammer()],
    ],
  ];
  for (const [what, one, all, rules] of cases) {
    it(what, () => assert.deepEqual(aggregatedRules(one, [...all, one]), rules));
  }

  it('are not its own ones, though it selects itself', () => {
    const self = { ...combined(foo), rules: [saw()], metadata: { name: 'combined', labels: foo } };
    assert.deepEqual(aggregatedRules(self, [self]), []);
  });
});

describe('a role that takes over others’ rules', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = new TestCluster({ controllers: (deps) => [roleAggregationController(deps)] });
    await cluster.start();
  });
  afterEach(() => cluster.stop());

  const rules = () => cluster.get<ClusterRole>('clusterroles', 'combined').rules;

  it('shows them, as they come, change and go', async () => {
    await cluster.create('clusterroles', combined({ to: 'it' }));
    await cluster.create('clusterroles', role('h', [hammer()], { to: 'it' }));
    await cluster.settle();
    assert.deepEqual(rules(), [hammer()]);
    await cluster.change<ClusterRole>('clusterroles', 'h', (one) => {
      one.rules = [chisel()];
    });
    await cluster.settle();
    assert.deepEqual(rules(), [chisel()]);
    await cluster.delete('clusterroles', 'h');
    await cluster.settle();
    assert.deepEqual(rules(), []);
  });
});
