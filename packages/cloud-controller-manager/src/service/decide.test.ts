import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ObjectMeta, Service, ServiceSpec } from '@kubets/api';
import { node, service } from '@kubets/controller-manager/testing';
import { blueprint, changesOf, courseOf, FINALIZER, finalizersWith, sameStatus } from './decide.ts';
import { eligibleNodes, isEligible, matters, namedNodes } from './nodes.ts';

const CLASS = 'example.com/ours';

function one(spec: Partial<ServiceSpec>, meta: Partial<ObjectMeta> = {}): Service {
  const made = service('web', spec);
  return { ...made, metadata: { ...made.metadata, ...meta } };
}

const deleted = { deletionTimestamp: '2026-01-02T03:04:05Z' };
const held = { finalizers: [FINALIZER] };

describe('what becomes of a Service', () => {
  const table: [string, Service, ReturnType<typeof courseOf>][] = [
    ['a cluster IP', one({ type: 'ClusterIP' }), 'leave'],
    ['a load balancer', one({ type: 'LoadBalancer' }), 'ensure'],
    ['our class', one({ type: 'LoadBalancer', loadBalancerClass: CLASS }), 'ensure'],
    ['another class', one({ type: 'LoadBalancer', loadBalancerClass: 'a.b/c' }), 'leave'],
    [
      'another class that is being deleted',
      one({ type: 'LoadBalancer', loadBalancerClass: 'a.b/c' }, { ...held, ...deleted }),
      'leave',
    ],
    ['being deleted', one({ type: 'LoadBalancer' }, { ...held, ...deleted }), 'remove'],
    ['being deleted, ours is done', one({ type: 'LoadBalancer' }, deleted), 'leave'],
    ['no load balancer any more', one({ type: 'NodePort' }, held), 'remove'],
  ];
  for (const [what, object, wanted] of table) {
    it(`${what}: ${wanted}`, () => assert.equal(courseOf(object, CLASS), wanted));
  }

  it('without a class of its own a provider serves those that name none', () => {
    assert.equal(courseOf(one({ type: 'LoadBalancer' }), undefined), 'ensure');
    const classy = one({ type: 'LoadBalancer', loadBalancerClass: CLASS });
    assert.equal(courseOf(classy, undefined), 'leave');
  });
});

describe('small rules', () => {
  it('puts the finalizer last, once, and takes only it away', () => {
    assert.deepEqual(finalizersWith(one({}, { finalizers: ['x'] }), true), ['x', FINALIZER]);
    assert.deepEqual(finalizersWith(one({}, { finalizers: [FINALIZER, 'x'] }), true), [
      'x',
      FINALIZER,
    ]);
    assert.deepEqual(finalizersWith(one({}, { finalizers: [FINALIZER, 'x'] }), false), ['x']);
  });

  it('the plan follows spec, annotations and identity; not labels, status, or our own annotation', () => {
    const plain = one({ type: 'LoadBalancer' });
    const plan = blueprint(plain, ['mine']);
    const touched = one(
      { type: 'LoadBalancer' },
      { labels: { a: 'b' }, annotations: { mine: 'x' } },
    );
    assert.equal(blueprint({ ...touched, status: { loadBalancer: {} } }, ['mine']), plan);
    assert.notEqual(blueprint(one({ type: 'LoadBalancer' }, { annotations: { a: '' } })), plan);
    assert.notEqual(blueprint(one({ type: 'LoadBalancer' }, { uid: 'other' })), plan);
    assert.notEqual(blueprint(one({ type: 'LoadBalancer', loadBalancerIP: '192.0.2.1' })), plan);
  });

  it('tells what a user changed', () => {
    const old = one({ type: 'ClusterIP', loadBalancerSourceRanges: ['10.0.0.0/8'] });
    const now = one({ type: 'LoadBalancer', externalTrafficPolicy: 'Local' });
    assert.deepEqual(changesOf(old, now), [
      { reason: 'Type', message: 'ClusterIP -> LoadBalancer' },
      { reason: 'LoadBalancerSourceRanges', message: '[10.0.0.0/8] -> ' },
      { reason: 'ExternalTrafficPolicy', message: ' -> Local' },
    ]);
    assert.deepEqual(changesOf(old, old), []);
  });

  it('a status with the default mode is the same as without it', () => {
    const ip = '192.0.2.1';
    assert.ok(sameStatus({ ingress: [{ ip }] }, { ingress: [{ ip, ipMode: 'VIP' }] }));
    assert.ok(!sameStatus({ ingress: [{ ip }] }, { ingress: [{ ip, ipMode: 'Proxy' }] }));
    assert.ok(sameStatus(undefined, {}));
    assert.ok(!sameStatus({}, { ingress: [{ hostname: 'x' }] }));
  });
});

describe('nodes for load balancers', () => {
  const taint = [{ key: 'ToBeDeletedByClusterAutoscaler', effect: 'NoSchedule' }];
  const exclude = { 'node.kubernetes.io/exclude-from-external-load-balancers': '' };
  const table: [string, ReturnType<typeof node>, boolean][] = [
    ['a ready one', node('n'), true],
    ['one that is not ready', node('n', { ready: 'False' }), false],
    ['a silent one', node('n', { ready: 'Unknown' }), false],
    ['one that is about to go', node('n', { taints: taint }), false],
    ['an excluded one', node('n', { labels: exclude }), false],
    ['a cordoned one', node('n', { unschedulable: true }), true],
  ];
  for (const [what, object, wanted] of table) {
    it(`${what}: ${wanted}`, () => assert.equal(isEligible(object), wanted));
  }

  it('only changes that matter are looked at', () => {
    assert.equal(matters(node('n'), node('n', { heartbeat: 'later' })), false);
    assert.equal(matters(node('n'), node('n', { ready: 'False' })), true);
    const known = node('n');
    known.spec = { ...known.spec, providerID: 'local://n' };
    assert.equal(matters(node('n'), known), true);
  });

  it('are named in order, and counted beyond ten', () => {
    const nodes = Array.from({ length: 12 }, (_unused, at) => node(`n${at + 10}`)).reverse();
    assert.match(namedNodes(eligibleNodes(nodes)), /^\[n10 n11 .* n19 and 2 more\]$/);
    assert.equal(namedNodes([node('a')]), '[a]');
  });
});
