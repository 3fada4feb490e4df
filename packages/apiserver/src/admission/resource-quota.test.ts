import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Container, KubeObject, PodSpec, ResourceQuota } from '@kubets/api';
import { admission, FakeStore, failure } from '../edge-testing.ts';
import { GVR } from '../resources.ts';
import { resourceQuota } from './resource-quota.ts';

let store: FakeStore;
beforeEach(() => {
  store = new FakeStore();
});

type Amounts = Record<string, string>;

const quota = (
  name: string,
  hard: Amounts,
  o: { used?: Amounts; spec?: ResourceQuota['spec'] } = {},
) =>
  store.seed({
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace: 'ns', name },
    spec: { hard, ...o.spec },
    status: {
      hard,
      used: o.used ?? Object.fromEntries(Object.keys(hard).map((key) => [key, '0'])),
    },
  });
const object = (apiVersion: string, kind: string, spec: object = {}, name = 'x'): KubeObject => ({
  apiVersion,
  kind,
  metadata: { namespace: 'ns', name },
  spec,
});
const pod = (resources: Container['resources'] = {}, spec: Partial<PodSpec> = {}): KubeObject =>
  object('v1', 'Pod', { containers: [{ name: 'c', resources }], ...spec });

const create = async (one: KubeObject, o: { dryRun?: boolean } = {}): Promise<void> => {
  await resourceQuota(store).validate?.(admission('CREATE', one, o));
};
const update = async (old: KubeObject, one: KubeObject): Promise<void> => {
  await resourceQuota(store).validate?.(admission('UPDATE', one, { oldObject: old }));
};
const used = (name = 'q'): Amounts | undefined =>
  (store.cache<ResourceQuota>(GVR.resourceQuotas).get('ns', name) as ResourceQuota)?.status?.used;

describe('ResourceQuota', () => {
  it('without a status holds nobody', async () => {
    store.seed({ ...object('v1', 'ResourceQuota', { hard: { pods: '0' } }, 'q'), status: {} });
    await create(pod());
  });

  it('waits until all it limits of a kind is counted, and names that', async () => {
    quota('q', { pods: '2', cpu: '1', services: '1' }, { used: { pods: '0', services: '0' } });
    const error = await failure(() => create(pod({ requests: { cpu: '1' } })));
    const why = 'status unknown for quota: q, resources: cpu,pods';
    assert.equal(error.message, `pods "x" is forbidden: ${why}`);
    await create(object('v1', 'Service'));
  });

  it('does not count events', async () => {
    quota('q', { 'count/events': '0' });
    await create(object('v1', 'Event'));
  });

  it('counts pods until there are enough', async () => {
    quota('q', { pods: '2' });
    await create(pod());
    await create(pod());
    const error = await failure(() => create(pod()));
    assert.equal(
      error.message,
      'pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2',
    );
    assert.equal(error.code, 403);
    assert.deepEqual(used(), { pods: '2' });
  });

  it('adds up what pods request and are limited to', async () => {
    quota('q', { cpu: '1', 'requests.memory': '1Gi', 'limits.cpu': '4', 'count/pods': '10' });
    const resources = { requests: { cpu: '400m', memory: '256Mi' }, limits: { cpu: '1' } };
    await create(pod(resources));
    await create(pod(resources));
    assert.deepEqual(used(), {
      cpu: '800m',
      'requests.memory': '512Mi',
      'limits.cpu': '2',
      'count/pods': '2',
    });
    const error = await failure(() => create(pod(resources)));
    assert.match(
      error.message,
      /exceeded quota: q, requested: cpu=400m, used: cpu=800m, limited: cpu=1$/,
    );
  });

  it('counts the overhead of a runtime class', async () => {
    quota('q', { cpu: '1' });
    await create(pod({ requests: { cpu: '400m' } }, { overhead: { cpu: '100m' } }));
    assert.deepEqual(used(), { cpu: '500m' });
  });

  it('wants containers to say what it limits', async () => {
    quota('q', { cpu: '1', 'limits.memory': '1Gi' });
    const error = await failure(() => create(pod({ requests: { memory: '1Mi' } })));
    assert.equal(
      error.message,
      'pods "x" is forbidden: failed quota: q: must specify cpu for: c; limits.memory for: c',
    );
  });

  it('says so when its use is not known yet', async () => {
    quota('q', { pods: '1' }, { used: {} });
    const error = await failure(() => create(pod()));
    assert.equal(
      error.message,
      'pods "x" is forbidden: status unknown for quota: q, resources: pods',
    );
  });

  it('counts objects of any kind', async () => {
    quota('q', { 'count/jobs.batch': '1', secrets: '1', 'count/configmaps': '0' });
    await create(object('batch/v1', 'Job'));
    await create(object('v1', 'Secret'));
    assert.equal((await failure(() => create(object('batch/v1', 'Job')))).code, 403);
    assert.equal((await failure(() => create(object('v1', 'Secret')))).code, 403);
    assert.equal((await failure(() => create(object('v1', 'ConfigMap')))).code, 403);
    await create(object('apps/v1', 'Deployment'));
  });

  it('counts node ports and balancers of services, also of those that change', async () => {
    quota('q', { services: '2', 'services.nodeports': '2', 'services.loadbalancers': '0' });
    const ports = [{ port: 1 }, { port: 2 }];
    const plain = object('v1', 'Service', { type: 'ClusterIP', ports });
    await create(plain);
    await update(plain, object('v1', 'Service', { type: 'NodePort', ports }));
    assert.deepEqual(used(), {
      services: '1',
      'services.nodeports': '2',
      'services.loadbalancers': '0',
    });
    const more = () => create(object('v1', 'Service', { type: 'NodePort', ports: [{ port: 1 }] }));
    assert.match(
      (await failure(more)).message,
      /services\.nodeports=1, used: services\.nodeports=2/,
    );
    const balancer = () => create(object('v1', 'Service', { type: 'LoadBalancer', ports: [] }));
    assert.match((await failure(balancer)).message, /services\.loadbalancers=1/);
    await update(plain, plain);
  });

  it('counts storage, of a class too, also of claims that grow', async () => {
    quota('q', {
      'requests.storage': '10Gi',
      'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
    });
    const claim = (storage: string, storageClassName = 'fast') =>
      object('v1', 'PersistentVolumeClaim', {
        storageClassName,
        resources: { requests: { storage } },
      });
    await create(claim('4Gi'));
    await update(claim('4Gi'), claim('5Gi'));
    assert.deepEqual(used(), {
      'requests.storage': '5Gi',
      'fast.storageclass.storage.k8s.io/requests.storage': '5Gi',
    });
    assert.equal((await failure(() => create(claim('1Gi')))).code, 403);
    await create(claim('5Gi', 'slow'));
  });

  it('with scopes is about the pods in them', async () => {
    quota('best', { pods: '0' }, { spec: { scopes: ['BestEffort'] } });
    quota('ending', { pods: '0' }, { spec: { scopes: ['Terminating'] } });
    const matchExpressions = [{ scopeName: 'PriorityClass', operator: 'In', values: ['high'] }];
    quota('high', { pods: '0' }, { spec: { scopeSelector: { matchExpressions } } });
    const small = { requests: { cpu: '1m' } };
    await create(pod(small));
    assert.match((await failure(() => create(pod()))).message, /quota: best/);
    assert.match(
      (await failure(() => create(pod(small, { activeDeadlineSeconds: 5 })))).message,
      /quota: ending/,
    );
    assert.match(
      (await failure(() => create(pod(small, { priorityClassName: 'high' })))).message,
      /quota: high/,
    );
    await create(object('v1', 'Secret'));
  });

  it('a dry run is judged, but takes nothing', async () => {
    quota('q', { pods: '1' });
    await create(pod(), { dryRun: true });
    assert.deepEqual(used(), { pods: '0' });
    quota('q', { pods: '0' });
    assert.equal((await failure(() => create(pod(), { dryRun: true }))).code, 403);
  });

  it('many at once, with caches that lag, stay below the limit together', async () => {
    quota('q', { pods: '3' });
    store.lagging = true;
    const attempts = await Promise.allSettled(Array.from({ length: 8 }, () => create(pod())));
    const accepted = attempts.filter(({ status }) => status === 'fulfilled').length;
    const live = await store.get<ResourceQuota>({
      ...GVR.resourceQuotas,
      namespace: 'ns',
      name: 'q',
    });
    assert.ok(accepted >= 1 && accepted <= 3, String(accepted));
    assert.equal(live.status?.used?.pods, String(accepted));
  });
});
