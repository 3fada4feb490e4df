import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  builtinKinds,
  type Pod,
  Quantity,
  type ResourceQuota,
  type ResourceQuotaSpec,
} from '@kubets/api';
import { widgetDefinition } from '../testing/builders.ts';
import { TestCluster } from '../testing/cluster.ts';
import { builtinCountable, countedKinds, quotaStatus, sameAmounts } from './decide.ts';
import { quotaController } from './reconciler.ts';
import { sum } from './usage.ts';

const quota = (spec: ResourceQuotaSpec): ResourceQuota => ({
  apiVersion: 'v1',
  kind: 'ResourceQuota',
  metadata: { name: 'q', namespace: 'default' },
  spec,
});

describe('what several objects use', () => {
  it('is added up', () => {
    const one = new Map([['cpu', Quantity.parse('600m')]]);
    assert.equal(sum([one, one]).get('cpu')?.toString(), '1200m');
  });
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
    const usage = new Map([['pods', Quantity.of(1)]]);
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
        spec: { containers: [{ name: 'c', resources: { requests: { cpu: '1500m' } } }] },
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
