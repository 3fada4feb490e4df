/** Controllers and the kinds of extension servers. */

import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { APIService, ConfigMap, KubeObject, Namespace, ResourceQuota } from '@kubets/api';
import type { DiscoveredResource } from '@kubets/client';
import { garbageCollector } from '../garbage-collector/reconciler.ts';
import { EXTENSION_KINDS_PERIOD_MS } from '../limits.ts';
import { namespaceController } from '../namespace/reconciler.ts';
import { nameOf } from '../objects/meta.ts';
import { quotaController } from '../quota/reconciler.ts';
import { type MakeControllers, namespace, TestCluster } from '../testing/cluster.ts';

const GV = 'far.io/v1';
const VERBS = ['create', 'get', 'list', 'watch', 'update', 'patch', 'delete'];
const THINGS: readonly DiscoveredResource[] = [
  { name: 'things', kind: 'Thing', namespaced: true, verbs: VERBS },
  { name: 'things/status', kind: 'Thing', namespaced: true, verbs: ['update'] },
  { name: 'samples', kind: 'Sample', namespaced: true, verbs: ['get', 'list'] },
];
const SERVICE: APIService = {
  metadata: { name: 'v1.far.io' },
  spec: {
    ...{ group: 'far.io', version: 'v1', groupPriorityMinimum: 1, versionPriority: 1 },
    service: { namespace: 'kube-system', name: 'far' },
  },
};

let cluster: TestCluster;
afterEach(() => cluster.stop());

async function start(controllers: MakeControllers): Promise<void> {
  cluster = new TestCluster({ controllers });
  await cluster.start();
}

async function extend(): Promise<void> {
  cluster.api.served.set(GV, THINGS);
  await cluster.create('apiservices', SERVICE);
  await cluster.settle();
}

const thing = (name: string, o: object = {}): KubeObject => ({
  apiVersion: GV,
  kind: 'Thing',
  metadata: { name, namespace: 'default', ...o },
});

const ref = (owner: KubeObject, apiVersion: string, kind: string) => ({
  ...{ apiVersion, kind, name: nameOf(owner), uid: owner.metadata.uid ?? '' },
});

const map = (name: string, o: object = {}): ConfigMap => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', ...o },
});

describe('the garbage collector and extension servers', () => {
  const gc: MakeControllers = (deps) => [garbageCollector(deps)];

  it('lets their objects own, and be owned', async () => {
    await start(gc);
    await extend();
    const owner = await cluster.create('configmaps', map('top'));
    const ownerReferences = [ref(owner, 'v1', 'ConfigMap')];
    const middle = await cluster.create('things', thing('middle', { ownerReferences }));
    const below = { ownerReferences: [ref(middle, 'far.io/v2', 'Thing')] };
    await cluster.create('configmaps', map('below', below));
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['below', 'top']);
    await cluster.delete('configmaps', 'top');
    await cluster.settle();
    assert.deepEqual([cluster.names('things'), cluster.names('configmaps')], [[], []]);
  });

  it('judges when their kinds become known', async () => {
    await start(gc);
    const owner = await cluster.create('things', thing('a'));
    const ownerReferences = [ref(owner, GV, 'Thing')];
    await cluster.create('configmaps', map('b', { ownerReferences }));
    await cluster.delete('things', 'a');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['b']);
    await extend();
    assert.deepEqual(cluster.names('configmaps'), []);
  });

  it('takes a server that does not answer, or goes, for no news of its objects', async () => {
    await start(gc);
    await extend();
    const owner = await cluster.create('things', thing('a'));
    const ownerReferences = [ref(owner, GV, 'Thing')];
    await cluster.create('configmaps', map('b', { ownerReferences }));
    await cluster.settle();
    cluster.api.served.delete(GV);
    await cluster.pass(2 * EXTENSION_KINDS_PERIOD_MS);
    await cluster.delete('apiservices', 'v1.far.io');
    await cluster.settle();
    assert.deepEqual(cluster.names('configmaps'), ['b']);
  });
});

describe('quotas and extension servers', () => {
  it('count their objects', async () => {
    await start((deps) => [quotaController(deps)]);
    const name = 'count/things.far.io';
    const metadata = { name: 'q', namespace: 'default' };
    const quota: ResourceQuota = { metadata, spec: { hard: { [name]: '3' } } };
    await cluster.create('resourcequotas', quota);
    await cluster.create('things', thing('a'));
    await cluster.settle();
    const used = () => cluster.get<ResourceQuota>('resourcequotas', 'q').status?.used?.[name];
    assert.equal(used(), '0');
    await extend();
    await cluster.pass(3000);
    assert.equal(used(), '1');
    await cluster.create('things', thing('b'));
    await cluster.pass(3000);
    assert.equal(used(), '2');
  });
});

describe('namespaces and extension servers', () => {
  it('are emptied of their objects', async () => {
    await start((deps) => [namespaceController(deps)]);
    await extend();
    await cluster.create('namespaces', namespace('team'));
    await cluster.create('things', thing('a', { namespace: 'team' }));
    await cluster.create('things', thing('b'));
    await cluster.settle();
    await cluster.delete('namespaces', 'team');
    await cluster.until('the namespace is gone', () => !cluster.has('namespaces', 'team'));
    assert.deepEqual(cluster.names('things'), ['b']);
  });

  it('wait for a server that does not answer, and say so', async () => {
    await start((deps) => [namespaceController(deps)]);
    await cluster.create('apiservices', SERVICE);
    await cluster.create('namespaces', namespace('team'));
    await cluster.delete('namespaces', 'team');
    await cluster.pass(3000);
    const { conditions = [] } = cluster.get<Namespace>('namespaces', 'team').status ?? {};
    const [discovery, parsing] = conditions;
    assert.equal(discovery?.type, 'NamespaceDeletionDiscoveryFailure');
    assert.deepEqual([discovery?.status, discovery?.reason], ['True', 'DiscoveryFailed']);
    assert.match(discovery?.message ?? '', /far\.io\/v1: /);
    assert.deepEqual([parsing?.status, parsing?.reason], ['False', 'ParsedGroupVersions']);
    cluster.api.served.set(GV, THINGS);
    await cluster.until('the namespace is gone', () => !cluster.has('namespaces', 'team'));
  });
});
