import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Container, KubeObject, Pod, PodSpec, ResourceQuotaSpec } from './index.ts';
import { quotaUsage, scopeHolds, scopesOf } from './index.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const usage = (resource: string, object: object) =>
  quotaUsage({ group: '', resource }, { metadata: {}, ...object } as KubeObject, NOW);
const shown = (all: ReturnType<typeof usage>): Record<string, string> =>
  Object.fromEntries([...all].map(([name, amount]) => [name, amount.toString()]));
const container = (cpu: string, memory?: string): Container => ({
  name: 'c',
  image: 'i',
  resources: { requests: { cpu, ...(memory ? { memory } : {}) } },
});
const asking = (spec: PodSpec, phase = 'Running'): Pod => ({
  metadata: {},
  spec,
  status: { phase },
});
const inScope = (spec: ResourceQuotaSpec, pod: Pod): boolean =>
  scopesOf({ metadata: {}, spec }).every((scope) => scopeHolds(scope, pod));

describe('what objects use', () => {
  it('pods: their containers together, under both names', () => {
    const two = asking({ containers: [container('100m', '1Gi'), container('200m')] });
    assert.deepEqual(shown(usage('pods', two)), {
      pods: '1',
      'count/pods': '1',
      'requests.cpu': '300m',
      cpu: '300m',
      'requests.memory': '1Gi',
      memory: '1Gi',
    });
  });

  it('pods: the neediest moment of their beginning, if that is more', () => {
    const sidecar = { ...container('100m'), restartPolicy: 'Always' };
    const beginning = asking({
      containers: [container('100m')],
      initContainers: [sidecar, container('500m'), container('300m')],
    });
    assert.equal(shown(usage('pods', beginning)).cpu, '600m');
    const heavy = asking({ containers: [container('1')], initContainers: [sidecar] });
    assert.equal(shown(usage('pods', heavy)).cpu, '1100m');
  });

  it('pods that ended: nothing', () => {
    const ended = asking({ containers: [container('1')] }, 'Succeeded');
    assert.deepEqual(shown(usage('pods', ended)), { 'count/pods': '1' });
  });

  it('services: ports they open on nodes', () => {
    const ports = [{ port: 80 }, { port: 443 }];
    const service = (type: string) => ({ metadata: {}, spec: { type, ports } });
    const counted = { 'count/services': '1', services: '1' };
    assert.deepEqual(shown(usage('services', service('ClusterIP'))), {
      ...counted,
      'services.loadbalancers': '0',
      'services.nodeports': '0',
    });
    assert.deepEqual(shown(usage('services', service('NodePort'))), {
      ...counted,
      'services.loadbalancers': '0',
      'services.nodeports': '2',
    });
    assert.deepEqual(shown(usage('services', service('LoadBalancer'))), {
      ...counted,
      'services.loadbalancers': '1',
      'services.nodeports': '2',
    });
  });

  it('claims: room, also by class', () => {
    const spec = { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } };
    assert.deepEqual(shown(usage('persistentvolumeclaims', { spec })), {
      'count/persistentvolumeclaims': '1',
      persistentvolumeclaims: '1',
      'fast.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'requests.storage': '5Gi',
      'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
    });
  });

  it('balancers without ports of nodes: those only that name one', () => {
    const spec = {
      ...{ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false },
      ports: [{ port: 80, nodePort: 30080 }, { port: 443 }],
    };
    assert.equal(shown(usage('services', { spec }))['services.nodeports'], '1');
  });

  it('claims: whole bytes, what is allocated if that is more, and the class of the annotation', () => {
    const claim = (storage: string, allocated?: string) => ({
      metadata: { annotations: { 'volume.beta.kubernetes.io/storage-class': 'old' } },
      spec: { storageClassName: 'fast', resources: { requests: { storage } } },
      status: { ...(allocated && { allocatedResources: { storage: allocated } }) },
    });
    const of = (...given: [string, string?]) =>
      shown(usage('persistentvolumeclaims', claim(...given)));
    assert.equal(of('1500m')['requests.storage'], '2');
    assert.equal(of('1Gi', '2Gi')['requests.storage'], '2Gi');
    assert.equal(of('2Gi', '1Gi')['old.storageclass.storage.k8s.io/requests.storage'], '2Gi');
    assert.equal(of('2Gi')['fast.storageclass.storage.k8s.io/requests.storage'], undefined);
  });

  it('pods: devices by what is asked for, big pages under both names, nothing else there is', () => {
    const amounts = { 'example.com/gpu': '2', 'hugepages-2Mi': '4Mi' };
    const one = { name: 'c', resources: { requests: amounts, limits: amounts } };
    assert.deepEqual(shown(usage('pods', asking({ containers: [one] }))), {
      'count/pods': '1',
      pods: '1',
      'requests.example.com/gpu': '2',
      'hugepages-2Mi': '4Mi',
      'requests.hugepages-2Mi': '4Mi',
    });
  });

  it('pods: what they cost themselves counts as asked for, and as a limit where there is one', () => {
    const overhead = { cpu: '50m', memory: '10Mi' };
    const resources = { requests: { cpu: '100m' }, limits: { cpu: '200m' } };
    const one = asking({ containers: [{ name: 'c', resources }], overhead });
    const all = shown(usage('pods', one));
    assert.equal(all['requests.cpu'], '150m');
    assert.equal(all['requests.memory'], '10Mi');
    assert.equal(all['limits.cpu'], '250m');
    assert.equal(all['limits.memory'], undefined);
  });

  it('pods that should have ended: nothing but their place', () => {
    const going = (seconds: number): Pod => ({
      ...asking({ containers: [container('1')] }),
      metadata: {
        deletionTimestamp: new Date(NOW - 10_000).toISOString(),
        deletionGracePeriodSeconds: seconds,
      },
    });
    assert.deepEqual(shown(usage('pods', going(5))), { 'count/pods': '1' });
    assert.equal(shown(usage('pods', going(30))).pods, '1');
  });

  it('other kinds: their number', () => {
    const jobs = quotaUsage({ group: 'batch', resource: 'jobs' }, { metadata: {} }, NOW);
    assert.deepEqual(shown(jobs), { 'count/jobs.batch': '1' });
  });
});

describe('the scopes of a quota', () => {
  const best = asking({ containers: [{ name: 'c', image: 'i' }] });
  const asks = asking({ containers: [container('1')] });
  const ending = asking({ containers: [], activeDeadlineSeconds: 5 });
  const nothing = asking({ containers: [container('0', '0')] });
  const near = (namespaceSelector: object | undefined): Pod => {
    const term = { topologyKey: 'zone', ...(namespaceSelector && { namespaceSelector }) };
    const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term] };
    return asking({ containers: [], affinity: { podAffinity } });
  };
  const urgent = asking({ containers: [], priorityClassName: 'high' });
  const priority = (operator: string, values?: string[]): ResourceQuotaSpec => ({
    scopeSelector: {
      matchExpressions: [{ scopeName: 'PriorityClass', operator, ...(values ? { values } : {}) }],
    },
  });
  const cases: [string, ResourceQuotaSpec, Pod, boolean][] = [
    ['none', {}, best, true],
    ['best effort', { scopes: ['BestEffort'] }, best, true],
    ['best effort', { scopes: ['BestEffort'] }, asks, false],
    ['not best effort', { scopes: ['NotBestEffort'] }, asks, true],
    ['ending', { scopes: ['Terminating'] }, ending, true],
    ['not ending', { scopes: ['NotTerminating'] }, ending, false],
    ['two at once', { scopes: ['Terminating', 'NotBestEffort'] }, ending, false],
    ['a priority', priority('In', ['high']), urgent, true],
    ['other priorities', priority('NotIn', ['high']), urgent, false],
    ['any priority', priority('Exists'), urgent, true],
    ['no priority', priority('DoesNotExist'), urgent, false],
    ['none of some, without one', priority('NotIn', ['high']), best, true],
    ['best effort, asking for nothing', { scopes: ['BestEffort'] }, nothing, true],
    ['affinity across namespaces', { scopes: ['CrossNamespacePodAffinity'] }, near({}), true],
    ['affinity within its own', { scopes: ['CrossNamespacePodAffinity'] }, near(undefined), false],
    ['what is no scope of pods', { scopes: ['VolumeAttributesClass'] }, best, false],
  ];
  for (const [what, spec, one, expected] of cases) {
    it(`${what}: ${expected}`, () => assert.equal(inScope(spec, one), expected));
  }
});
