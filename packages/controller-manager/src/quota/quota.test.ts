import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  builtinKinds,
  type Pod,
  type PodSpec,
  type ResourceQuota,
  type ResourceQuotaSpec,
} from '@kubets/api';
import { pod, widgetDefinition } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';
import { builtinCountable, countedKinds, quotaStatus, sameAmounts } from './decide.ts';
import { quotaController } from './reconciler.ts';
import { isInScope, sum, usageOf } from './usage.ts';

const quota = (spec: ResourceQuotaSpec): ResourceQuota => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'q', namespace: 'default' },
  spec,
});
const shown = (usage: ReturnType<typeof usageOf>): Record<string, string> =>
  Object.fromEntries([...usage].map(([name, amount]) => [name, amount.toString()]));
const container = (cpu: string, memory?: string) => ({
  name: 'c',
  image: 'i',
  resources: { requests: { cpu, ...(memory ? { memory } : {}) } },
});
const asking = (spec: PodSpec, phase = 'Running'): Pod => pod({ spec, phase });

describe('what objects use', () => {
  it('pods: their containers together, under both names', () => {
    const two = asking({ containers: [container('100m', '1Gi'), container('200m')] });
    assert.deepEqual(shown(usageOf('pods', two)), {
      pods: '1',
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
    assert.equal(shown(usageOf('pods', beginning)).cpu, '600m');
    const heavy = asking({ containers: [container('1')], initContainers: [sidecar] });
    assert.equal(shown(usageOf('pods', heavy)).cpu, '1100m');
  });

  it('pods that ended: nothing', () => {
    const ended = asking({ containers: [container('1')] }, 'Succeeded');
    assert.deepEqual(shown(usageOf('pods', ended)), {});
  });

  it('services: ports they open on nodes', () => {
    const ports = [{ port: 80 }, { port: 443 }];
    const service = (type: string) => ({ metadata: {}, spec: { type, ports } });
    assert.deepEqual(shown(usageOf('services', service('ClusterIP'))), { services: '1' });
    assert.deepEqual(shown(usageOf('services', service('NodePort'))), {
      services: '1',
      'services.nodeports': '2',
    });
    assert.deepEqual(shown(usageOf('services', service('LoadBalancer'))), {
      services: '1',
      'services.loadbalancers': '1',
      'services.nodeports': '2',
    });
  });

  it('claims: room, also by class', () => {
    const spec = { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } };
    assert.deepEqual(shown(usageOf('persistentvolumeclaims', { metadata: {}, spec })), {
      persistentvolumeclaims: '1',
      'fast.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'requests.storage': '5Gi',
      'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
    });
  });

  it('adds up', () => {
    const one = usageOf('pods', asking({ containers: [container('600m')] }));
    assert.equal(shown(sum([one, one])).cpu, '1200m');
  });
});

describe('the scopes of a quota', () => {
  const best = asking({ containers: [{ name: 'c', image: 'i' }] });
  const asks = asking({ containers: [container('1')] });
  const ending = asking({ containers: [], activeDeadlineSeconds: 5 });
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
  ];
  for (const [what, spec, one, expected] of cases) {
    it(`${what}: ${expected}`, () => assert.equal(isInScope(quota(spec), one), expected));
  }
});

describe('what a quota is about', () => {
  it('follows from its names', () => {
    const names = [
      ...['pods', 'limits.memory', 'configmaps', 'services.nodeports', 'requests.storage'],
      ...['count/pods', 'count/deployments.apps', 'count/nonsense.example.org', 'requests.gpu'],
    ];
    const hard = Object.fromEntries(names.map((name) => [name, '1']));
    const kinds = countedKinds(quota({ hard }), builtinCountable(builtinKinds.all()));
    assert.deepEqual(kinds.map((k) => [k.resource, k.isMeasured, k.counts]).sort(), [
      ['configmaps', true, []],
      ['deployments', false, ['count/deployments.apps']],
      ['persistentvolumeclaims', true, []],
      ['pods', true, ['count/pods']],
      ['services', true, []],
    ]);
  });

  it('is told in its own names, zero included', () => {
    const one = quota({ hard: { pods: '5', 'requests.cpu': '2' } });
    const usage = usageOf('pods', asking({ containers: [] }));
    const status = quotaStatus(one, usage);
    assert.deepEqual(status, {
      hard: { pods: '5', 'requests.cpu': '2' },
      used: { pods: '1', 'requests.cpu': '0' },
    });
    assert.ok(
      sameAmounts(status, {
        hard: { pods: '5', 'requests.cpu': '2000m' },
        used: status.used ?? {},
      }),
    );
    assert.ok(!sameAmounts(status, undefined));
  });
});

describe('a quota', () => {
  it('follows what comes and goes', async () => {
    const cluster = new TestCluster({ controllers: (deps) => [quotaController(deps)] });
    await cluster.start();
    const hard = { pods: '10', 'requests.cpu': '4', configmaps: '3' };
    await cluster.create('resourcequotas', quota({ hard }));
    await cluster.settle();
    const used = () => cluster.get<ResourceQuota>('resourcequotas', 'q').status?.used;
    assert.deepEqual(used(), { pods: '0', 'requests.cpu': '0', configmaps: '0' });
    for (const name of ['a', 'b']) {
      await cluster.create<Pod>('pods', {
        metadata: { name, namespace: 'default' },
        spec: { containers: [container('1500m')] },
      });
    }
    await cluster.create('configmaps', { metadata: { name: 'm', namespace: 'default' } });
    await cluster.pass(3000);
    assert.deepEqual(used(), { pods: '2', 'requests.cpu': '3', configmaps: '1' });
    await cluster.delete('pods', 'a');
    await cluster.delete('configmaps', 'm');
    const api = cluster.api.resource<Pod>('v1', 'pods');
    await api.updateStatus({ ...cluster.get<Pod>('pods', 'b'), status: { phase: 'Succeeded' } });
    await cluster.pass(3000);
    assert.deepEqual(used(), { pods: '0', 'requests.cpu': '0', configmaps: '0' });
    await cluster.stop();
  });

  it('follows what comes and goes of a kind that was defined after it', async () => {
    const cluster = new TestCluster({ controllers: (deps) => [quotaController(deps)] });
    await cluster.start();
    const name = 'count/widgets.example.com';
    await cluster.create('resourcequotas', quota({ hard: { [name]: '3' } }));
    await cluster.settle();
    const used = () => cluster.get<ResourceQuota>('resourcequotas', 'q').status?.used?.[name];
    assert.equal(used(), '0');
    const gv = 'apiextensions.k8s.io/v1';
    cluster.api.seed(gv, 'customresourcedefinitions', widgetDefinition());
    for (const one of ['a', 'b']) {
      await cluster.create('widgets', { metadata: { name: one, namespace: 'default' } });
    }
    await cluster.pass(3000);
    assert.equal(used(), '2');
    await cluster.delete('widgets', 'a');
    await cluster.pass(3000);
    assert.equal(used(), '1');
    await cluster.stop();
  });
});
