import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DaemonSet, DaemonSetSpec, Node, Pod, PodSpec } from '@kubets/api';
import { at, NOW_MS, node, pod } from '../testing/builders.ts';
import { decideDaemonSet } from './decide.ts';
import { nodeFit, targetNode } from './nodes.ts';
import { daemonPod } from './pod.ts';

function set(spec: Partial<PodSpec> = {}, strategy?: DaemonSetSpec['updateStrategy']): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name: 'ds', namespace: 'default', uid: 'uid-of-ds', generation: 3 },
    spec: {
      selector: { matchLabels: { app: 'ds' } },
      template: {
        metadata: { labels: { app: 'ds' } },
        spec: { containers: [{ name: 'c', image: 'i' }], ...spec },
      },
      ...(strategy ? { updateStrategy: strategy } : {}),
    },
  };
}

interface Parts {
  hash?: string;
  ready?: boolean;
  phase?: string;
  deleting?: boolean;
  age?: number;
}

function daemon(on: string, parts: Parts = {}): Pod {
  const { hash = 'new', ready = true, phase = 'Running', deleting = false, age = 50 } = parts;
  return pod({
    name: `${on}-${hash}`,
    node: on,
    phase,
    ...(ready && phase === 'Running' ? { readyAt: -20 } : {}),
    meta: {
      labels: { app: 'ds', 'controller-revision-hash': hash },
      creationTimestamp: at(-age),
      ...(deleting ? { deletionTimestamp: at(0) } : {}),
    },
  });
}

function decide(ds: DaemonSet, nodes: Node[], pods: Pod[]) {
  const plan = decideDaemonSet({ daemonSet: ds, nodes, pods, hash: 'new', nowMs: NOW_MS });
  const names = (list: Pod[]): string[] => list.map((p) => p.metadata.name ?? '').sort();
  return {
    create: plan.create,
    remove: names(plan.remove),
    failed: names(plan.failed),
    status: plan.status,
  };
}

const three = ['a', 'b', 'c'].map((name) => node(name));
const rolling = (maxUnavailable: number | string, maxSurge: number | string = 0) => ({
  type: 'RollingUpdate',
  rollingUpdate: { maxUnavailable, maxSurge },
});

describe('which nodes get a daemon', () => {
  const taint = (key: string, effect: string) => ({ key, effect });
  const cases: [string, Partial<PodSpec>, Node, [boolean, boolean]][] = [
    ['a plain node', {}, node('n'), [true, true]],
    [
      'one with the label',
      { nodeSelector: { disk: 'ssd' } },
      node('n', { labels: { disk: 'ssd' } }),
      [true, true],
    ],
    ['one without the label', { nodeSelector: { disk: 'ssd' } }, node('n'), [false, false]],
    ['another one than named', { nodeName: 'm' }, node('n'), [false, false]],
    ['a tainted one', {}, node('n', { taints: [taint('k', 'NoSchedule')] }), [false, true]],
    [
      'one that drives pods away',
      {},
      node('n', { taints: [taint('k', 'NoExecute')] }),
      [false, false],
    ],
    [
      'a tainted one it tolerates',
      { tolerations: [{ key: 'k', operator: 'Exists' }] },
      node('n', { taints: [taint('k', 'NoSchedule')] }),
      [true, true],
    ],
    [
      'a cordoned and silent one',
      {},
      node('n', {
        taints: [
          taint('node.kubernetes.io/unschedulable', 'NoSchedule'),
          taint('node.kubernetes.io/unreachable', 'NoExecute'),
        ],
      }),
      [true, true],
    ],
    [
      'one without a network, on the host’s network',
      { hostNetwork: true },
      node('n', { taints: [taint('node.kubernetes.io/network-unavailable', 'NoSchedule')] }),
      [true, true],
    ],
  ];
  for (const [what, spec, one, [shouldRun, mayStay]] of cases) {
    it(what, () => assert.deepEqual(nodeFit(set(spec), one), { shouldRun, mayStay }));
  }
});

describe('a daemon set', () => {
  it('puts a pod on each node', () => {
    assert.deepEqual(decide(set(), three, [daemon('a')]).create, ['b', 'c']);
  });

  it('takes pods from nodes that are not its own, and second ones', () => {
    const nodes = [...three, node('d', { taints: [{ key: 'k', effect: 'NoExecute' }] })];
    const pods = [daemon('a'), daemon('a', { age: 10, hash: 'second' }), daemon('d')];
    const plan = decide(set(), nodes, pods);
    assert.deepEqual(plan.remove, ['a-second', 'd-new']);
  });

  it('waits for a leaving pod before it makes the next, and replaces failed ones', () => {
    const pods = [daemon('a', { deleting: true }), daemon('b', { phase: 'Failed' })];
    const plan = decide(set(), three, pods);
    assert.deepEqual(plan.create, ['c']);
    assert.deepEqual(plan.failed, ['b-new']);
  });

  it('waits neither for an ended pod that leaves, nor for any if the new one may come first', () => {
    const ended = daemon('a', { deleting: true, phase: 'Succeeded' });
    assert.deepEqual(decide(set(), [node('a')], [ended]).create, ['a']);
    const surging = set({}, rolling(0, 1));
    const pods = [daemon('a', { deleting: true }), daemon('b', { phase: 'Failed' })];
    assert.deepEqual(decide(surging, three, pods).create, ['a', 'c']);
  });

  it('takes back pods meant for a node that has gone', () => {
    const lost = daemonPod(set(), 'gone', 'new');
    lost.metadata.name = 'lost';
    assert.equal(targetNode(lost), 'gone');
    assert.deepEqual(decide(set(), three, [lost]).remove, ['lost']);
  });

  it('counts', () => {
    const nodes = [...three, node('d', { taints: [{ key: 'k', effect: 'NoSchedule' }] })];
    const pods = [daemon('a'), daemon('b', { ready: false, hash: 'old' }), daemon('d')];
    assert.deepEqual(decide(set(), nodes, pods).status, {
      currentNumberScheduled: 2,
      desiredNumberScheduled: 3,
      numberAvailable: 1,
      numberMisscheduled: 1,
      numberReady: 1,
      numberUnavailable: 2,
      observedGeneration: 3,
      updatedNumberScheduled: 1,
    });
  });
});

describe('an update of a daemon set', () => {
  const old = (on: string, ready = true): Pod => daemon(on, { hash: 'old', ready });

  it('replaces as many at once as may be unavailable', () => {
    const pods = [old('a'), old('b'), old('c')];
    assert.deepEqual(decide(set({}, rolling(1)), three, pods).remove, ['a-old']);
    assert.deepEqual(decide(set({}, rolling('50%')), three, pods).remove, ['a-old', 'b-old']);
  });

  it('waits while a new pod is not available', () => {
    const pods = [daemon('a', { ready: false }), old('b'), old('c')];
    assert.deepEqual(decide(set({}, rolling(1)), three, pods).remove, []);
  });

  it('replaces broken pods without waiting', () => {
    const pods = [daemon('a', { ready: false }), old('b', false), old('c')];
    assert.deepEqual(decide(set({}, rolling(1)), three, pods).remove, ['b-old']);
  });

  it('is left to the user with OnDelete', () => {
    const pods = [old('a'), old('b'), old('c')];
    assert.deepEqual(decide(set({}, { type: 'OnDelete' }), three, pods).remove, []);
  });

  it('may start the new pod first', () => {
    const surging = set({}, rolling(0, 1));
    const first = decide(surging, three, [old('a'), old('b'), old('c')]);
    assert.deepEqual([first.create, first.remove], [['a'], []]);
    const waiting = [old('a'), daemon('a', { ready: false, age: 1 }), old('b'), old('c')];
    const second = decide(surging, three, waiting);
    assert.deepEqual([second.create, second.remove], [[], []]);
    const ready = [old('a'), daemon('a', { age: 1 }), old('b'), old('c')];
    const third = decide(surging, three, ready);
    assert.deepEqual(third.remove, ['a-old']);
  });
});

describe('an update of a daemon set whose new pods come first', () => {
  const old = (on: string, parts: Parts = {}): Pod => daemon(on, { hash: 'old', ...parts });
  const fresh = (on: string, parts: Parts = {}): Pod => daemon(on, { age: 1, ...parts });
  const surging = (max: number | string): DaemonSet => set({}, rolling(0, max));

  it('counts the oldest pod of a node: the update has not come there before that one is gone', () => {
    const pods = three.flatMap(({ metadata: { name = '' } }) => [
      old(name),
      fresh(name, { ready: false }),
    ]);
    const { status } = decide(surging('100%'), three, pods);
    assert.deepEqual([status.updatedNumberScheduled, status.numberReady], [0, 3]);
    const leaving = [old('a', { deleting: true }), fresh('a', { ready: false })];
    const last = decide(surging(1), [node('a')], leaving).status;
    assert.deepEqual([last.updatedNumberScheduled, last.numberReady], [0, 1]);
  });

  it('lets an old pod that does not work be followed at once, and go when it is', () => {
    const broken = [old('a'), old('b', { ready: false }), old('c')];
    const first = decide(surging(1), three, broken);
    assert.deepEqual([first.create.toSorted(), first.remove], [['a', 'b'], []]);
    const second = decide(
      surging(1),
      [node('b')],
      [old('b', { ready: false }), fresh('b', { ready: false })],
    );
    assert.deepEqual([second.create, second.remove], [[], ['b-old']]);
  });

  it('goes on with the next node when the new pod of one works', () => {
    const plan = decide(surging(1), three, [old('a'), fresh('a'), old('b'), old('c')]);
    assert.deepEqual([plan.create, plan.remove], [['b'], ['a-old']]);
  });
});

describe('the pod of a daemon set', () => {
  const preferred = [{ weight: 1, preference: { matchExpressions: [] } }];
  const spec = {
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: preferred } },
    tolerations: [{ key: 'mine', operator: 'Exists' }],
  };

  it('asks for its node by name and bears what nodes suffer', () => {
    const made = daemonPod(set(spec), 'n7', 'h');
    assert.equal(targetNode(made), 'n7');
    assert.equal(made.metadata.labels?.['controller-revision-hash'], 'h');
    assert.equal(made.spec?.tolerations?.length, 7);
    const affinity = made.spec?.affinity?.nodeAffinity;
    assert.deepEqual(affinity?.preferredDuringSchedulingIgnoredDuringExecution, preferred);
  });
});
