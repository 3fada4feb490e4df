import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod } from '@kubets/api';
import fc from 'fast-check';
import { type PodDraft, TestCluster, testNode, testPod } from '../testing/builders.ts';
import { type Budget, notEligible } from './preemption.ts';
import { CPU } from './resources.ts';

interface Draft extends PodDraft {
  readonly cpu?: string;
  readonly priority?: number;
  readonly started?: string;
}

function pod(name: string, { cpu = '1', priority = 0, started, ...draft }: Draft = {}): Pod {
  const made = testPod(name, { requests: { cpu }, ...draft, spec: { priority, ...draft.spec } });
  return started === undefined ? made : { ...made, status: { startTime: started } };
}

const urgent = (cpu: string, draft: Draft = {}): Pod =>
  pod('urgent', { cpu, priority: 100, ...draft });

function outcome(cluster: TestCluster, subject: Pod, budgets: readonly Budget[] = []): string {
  const result = cluster.preempt(subject, budgets);
  if (result.outcome === 'none') return result.message;
  const { node, victims } = result.candidate;
  return `${node}: ${victims.map(({ name }) => name).join(' ')}`;
}

const budget = (app: string, allowed: number, disrupted: string[] = []): Budget => ({
  namespace: 'default',
  selector: { requirements: [{ key: 'app', operator: '=', values: [app] }] },
  allowed,
  disrupted: new Set(disrupted),
});

describe('findPreemption', () => {
  it('sends away no more than needed, the least important first', () => {
    const cluster = new TestCluster([testNode('a')]);
    for (const [name, priority] of [
      ['low', 1],
      ['mid', 2],
      ['high', 3],
      ['lowest', 0],
    ] as const) {
      cluster.place(pod(name, { priority }), 'a');
    }
    assert.equal(outcome(cluster, urgent('2')), 'a: low lowest');
    assert.equal(outcome(cluster, urgent('1')), 'a: lowest');
  });

  it('frees a port that a less important pod has, and leaves it taken', () => {
    const cluster = new TestCluster([testNode('a')]);
    const ports = (name: string, priority: number): Pod => {
      const made = pod(name, { priority });
      const [container] = made.spec?.containers ?? [];
      if (container !== undefined) container.ports = [{ containerPort: 80, hostPort: 8080 }];
      return made;
    };
    cluster.place(ports('holder', 1), 'a');
    cluster.place(pod('bystander', { priority: 0 }), 'a');
    assert.equal(outcome(cluster, ports('urgent', 100)), 'a: holder');
    const taken = cluster.state.table.byName('a')?.ports.values().next().value;
    assert.deepEqual(taken, { protocol: 'TCP', ip: '0.0.0.0', port: 8080, uses: 1 });
    // Asked again, the answer is the same.
    assert.equal(outcome(cluster, ports('urgent', 100)), 'a: holder');
  });

  it('leaves the state as it was', () => {
    const cluster = new TestCluster([testNode('a')]);
    for (let i = 0; i < 4; i += 1) cluster.place(pod(`p${i}`, { priority: i }), 'a');
    cluster.preempt(urgent('3'));
    assert.equal(cluster.state.podCount, 4);
    assert.equal(
      cluster.state.table.requested(CPU)[cluster.state.table.byName('a')?.slot ?? -1],
      4000,
    );
  });

  it('never sends away pods of the same or higher priority', () => {
    const cluster = new TestCluster([testNode('a')]);
    cluster.place(pod('equal', { cpu: '4', priority: 100 }), 'a');
    assert.equal(
      outcome(cluster, urgent('1')),
      '0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    );
  });

  it('says where it would not help, and what would still be short', () => {
    const taints = [{ key: 'k', value: 'v', effect: 'NoSchedule' }];
    const cluster = new TestCluster([testNode('a'), testNode('b', { taints }), testNode('c')]);
    cluster.place(pod('little', { cpu: '1' }), 'a');
    cluster.place(pod('big', { cpu: '3', priority: 200 }), 'a');
    cluster.place(pod('bigger', { cpu: '4', priority: 200 }), 'c');
    assert.equal(
      outcome(cluster, urgent('2')),
      '0/3 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod, ' +
        '1 Preemption is not helpful for scheduling.',
    );
  });

  describe('chooses the node', () => {
    const cases: [why: string, a: Draft[], b: Draft[], budgets: Budget[]][] = [
      ['that breaks no budget', [{ labels: { app: 'x' } }], [{ priority: 9 }], [budget('x', 0)]],
      ['whose most important victim matters least', [{ priority: 5 }], [{ priority: 4 }], []],
      [
        'where less priority is lost in sum',
        [
          { priority: 4, cpu: '2' },
          { priority: 3, cpu: '2' },
        ],
        [
          { priority: 4, cpu: '2' },
          { priority: 1, cpu: '2' },
        ],
        [],
      ],
      ['with the fewest victims', [{ cpu: '2' }, { cpu: '2' }], [{ cpu: '4' }], []],
      [
        'whose victim has run for the shortest time',
        [{ started: '2026-01-01T00:00:00Z' }],
        [{ started: '2026-01-02T00:00:00Z' }],
        [],
      ],
    ];
    for (const [why, a, b, budgets] of cases) {
      it(why, () => {
        const cluster = new TestCluster([testNode('a'), testNode('b')]);
        for (const [node, drafts] of [
          ['a', a],
          ['b', b],
        ] as const) {
          for (const [at, draft] of drafts.entries()) {
            cluster.place(pod(`${node}${at}`, { cpu: '4', ...draft }), node);
          }
        }
        assert.match(outcome(cluster, urgent('4'), budgets), /^b: /);
      });
    }
  });

  it('keeps pods their budget protects, as long as others will do', () => {
    const cluster = new TestCluster([testNode('a')]);
    cluster.place(pod('guarded', { cpu: '2', priority: 0, labels: { app: 'x' } }), 'a');
    cluster.place(pod('free', { cpu: '2', priority: 5 }), 'a');
    assert.equal(outcome(cluster, urgent('2'), [budget('x', 0)]), 'a: free');
    assert.equal(outcome(cluster, urgent('2'), [budget('x', 1)]), 'a: guarded');
    assert.equal(outcome(cluster, urgent('2'), [budget('x', 0, ['guarded'])]), 'a: guarded');
  });

  it('looks on until there is a node where no budget is broken', () => {
    const names = Array.from({ length: 300 }, (_, i) => `n${i}`);
    const cluster = new TestCluster(names.map((name) => testNode(name, { cpu: '1' })));
    for (const name of names) {
      const labels = { app: name === 'n123' ? 'free' : 'web' };
      cluster.place(pod(`on-${name}`, { labels, priority: name === 'n123' ? 50 : 1 }), name);
    }
    assert.equal(outcome(cluster, urgent('1'), [budget('web', 0)]), 'n123: on-n123');
  });

  it('frees host ports and anti-affinity as well as resources', () => {
    const cluster = new TestCluster([testNode('a')]);
    cluster.place(pod('port', { cpu: '100m', hostPorts: [80] }), 'a');
    cluster.place(pod('other', { cpu: '100m' }), 'a');
    assert.equal(outcome(cluster, urgent('100m', { hostPorts: [80] })), 'a: port');
    const term = {
      topologyKey: 'kubernetes.io/hostname',
      labelSelector: { matchLabels: { app: 'x' } },
    };
    cluster.place(pod('x', { cpu: '100m', labels: { app: 'x' } }), 'a');
    const spec = {
      priority: 100,
      affinity: { podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [term] } },
    };
    assert.equal(outcome(cluster, urgent('100m', { spec })), 'a: x');
  });

  it('makes enough room wherever it says so', () => {
    const draft = fc.record({
      node: fc.constantFrom('a', 'b', 'c'),
      cpu: fc.integer({ min: 1, max: 3 }),
      priority: fc.integer({ min: 0, max: 120 }),
    });
    fc.assert(
      fc.property(
        fc.array(draft, { maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        (drafts, cpu) => {
          const cluster = new TestCluster(['a', 'b', 'c'].map((name) => testNode(name)));
          for (const [at, { node, ...rest }] of drafts.entries()) {
            cluster.place(pod(`p${at}`, { ...rest, cpu: String(rest.cpu) }), node);
          }
          const subject = urgent(String(cpu));
          if (cluster.choose(subject) !== undefined) return;
          const result = cluster.preempt(subject);
          if (result.outcome === 'none') return;
          const { node, victims } = result.candidate;
          assert.ok(victims.every(({ priority }) => priority < 100));
          for (const { uid } of victims) cluster.state.remove(uid);
          assert.equal(cluster.core.couldRunOn(cluster.info(subject), node), true);
          // Each victim is needed: with any one of them back there is no room.
          for (const victim of victims) {
            cluster.state.place(victim, node);
            assert.equal(cluster.core.couldRunOn(cluster.info(subject), node), false);
            cluster.state.remove(victim.uid);
          }
        },
      ),
      { numRuns: 80 },
    );
  });
});

describe('nominations', () => {
  it('keep what is freed from less important pods, but not from more important ones', () => {
    const cluster = new TestCluster([testNode('a')]);
    cluster.nominations.set(cluster.info(urgent('3')), 'a');
    assert.equal(cluster.choose(pod('lesser', { cpu: '2' })), undefined);
    assert.equal(cluster.choose(pod('small', { cpu: '1' })), 'a');
    assert.equal(cluster.choose(pod('greater', { cpu: '2', priority: 200 })), 'a');
    assert.equal(cluster.choose(urgent('3')), 'a');
    assert.equal(cluster.state.podCount, 0);
  });

  it('are where the pod goes once there is room', () => {
    const cluster = new TestCluster([testNode('a'), testNode('b')]);
    cluster.place(pod('busy', { cpu: '2' }), 'b');
    cluster.nominations.set(cluster.info(urgent('1')), 'b');
    assert.equal(cluster.choose(urgent('1')), 'b');
    cluster.nominations.delete('uid-default-urgent');
    assert.equal(cluster.choose(urgent('1')), 'a');
  });
});

describe('notEligible', () => {
  const preempted = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'PreemptionByScheduler',
  };

  it('is a pod whose room is being made already', () => {
    const cluster = new TestCluster([testNode('a')]);
    const leaving = pod('leaving', { cpu: '4', terminating: true });
    const ask = (): string | undefined => {
      const decision = cluster.decide(urgent('1'));
      assert.ok(decision.outcome === 'unschedulable');
      const { diagnosis } = decision;
      return notEligible(cluster.info(urgent('1')), 'a', { diagnosis, state: cluster.state });
    };
    cluster.place(leaving, 'a');
    assert.equal(ask(), undefined);
    cluster.place({ ...leaving, status: { conditions: [preempted] } }, 'a');
    assert.equal(ask(), 'not eligible due to a terminating pod on the nominated node.');
  });
});
