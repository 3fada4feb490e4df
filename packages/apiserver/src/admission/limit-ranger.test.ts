import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import {
  type Container,
  type LimitRangeItem,
  type Pod,
  podResources,
  type ResourceRequirements,
} from '@kubets/api';
import { admission, FakeStore, failure } from '../edge-testing.ts';
import { GVR } from '../resources.ts';
import { limitRanger } from './limit-ranger.ts';

const container = (name: string, resources: ResourceRequirements = {}, more = {}): Container => ({
  name,
  resources,
  ...more,
});
const pod = (containers: Container[], initContainers: Container[] = []): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'ns', name: 'p' },
  spec: { containers, ...(initContainers.length > 0 ? { initContainers } : {}) },
});
const claim = (storage: string) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { namespace: 'ns', name: 'c' },
  spec: { resources: { requests: { storage } } },
});

let store: FakeStore;
const limits = (...items: LimitRangeItem[]): void =>
  store.seed({
    apiVersion: 'v1',
    kind: 'LimitRange',
    metadata: { namespace: 'ns', name: 'lr' },
    spec: { limits: items },
  });
const create = async (object: Pod | ReturnType<typeof claim>): Promise<void> => {
  const plugin = limitRanger(store);
  const attributes = admission('CREATE', object);
  await plugin.admit?.(attributes);
  await plugin.validate?.(attributes);
};

beforeEach(() => {
  store = new FakeStore();
});

describe('defaults', () => {
  const note = (object: Pod) => object.metadata.annotations?.['kubernetes.io/limit-ranger'];
  beforeEach(() =>
    limits({
      type: 'Container',
      default: { cpu: '500m', memory: '1Gi' },
      defaultRequest: { cpu: '100m', memory: '1Gi' },
    }),
  );

  it('fill what is missing, and the pod says so', async () => {
    const one = pod([container('c')], [container('i')]);
    await create(one);
    assert.deepEqual(one.spec?.containers[0]?.resources, {
      limits: { cpu: '500m', memory: '1Gi' },
      requests: { cpu: '100m', memory: '1Gi' },
    });
    assert.equal(
      note(one),
      'LimitRanger plugin set: cpu, memory request for container c; cpu, memory limit for container c; ' +
        'cpu, memory request for init container i; cpu, memory limit for init container i',
    );
  });

  it('leave what is there', async () => {
    const given = { requests: { cpu: '200m', memory: '2Gi' }, limits: { memory: '2Gi' } };
    const one = pod([container('c', given)]);
    await create(one);
    assert.deepEqual(one.spec?.containers[0]?.resources, {
      requests: given.requests,
      limits: { cpu: '500m', memory: '2Gi' },
    });
    assert.equal(note(one), 'LimitRanger plugin set: cpu limit for container c');
  });

  it('other namespaces have none', async () => {
    const one = pod([container('c')]);
    one.metadata.namespace = 'other';
    await create(one);
    assert.equal(note(one), undefined);
  });
});

it('a server that has only just started does not let pods slip through', async () => {
  limits({ type: 'Container', max: { cpu: '1' } });
  const release = store.holdCache(GVR.limitRanges);
  let settled = false;
  const outcome = failure(() => create(pod([container('c', { limits: { cpu: '2' } })]))).finally(
    () => {
      settled = true;
    },
  );
  await new Promise(setImmediate);
  assert.equal(settled, false);
  release();
  assert.match((await outcome).message, /maximum cpu usage per Container is 1, but limit is 2$/);
});

describe('violations', () => {
  beforeEach(() =>
    limits(
      {
        type: 'Container',
        min: { cpu: '100m', memory: '10Mi' },
        max: { cpu: '1', memory: '1Gi' },
        maxLimitRequestRatio: { cpu: '2' },
      },
      { type: 'Pod', max: { cpu: '1500m' } },
      { type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '5Gi' } },
    ),
  );
  const good = { requests: { cpu: '500m', memory: '20Mi' }, limits: { cpu: '1', memory: '1Gi' } };
  const changed = (which: 'requests' | 'limits', key: string, value: string) => ({
    ...good,
    [which]: { ...good[which], [key]: value },
  });

  it('none', async () => {
    await create(pod([container('c', good)]));
    await create(claim('2Gi'));
  });

  const cases: [string, () => Parameters<typeof create>[0], string][] = [
    [
      'too much of a container and so of the pod',
      () =>
        pod([
          container('c', {
            requests: { cpu: '2', memory: '20Mi' },
            limits: { cpu: '2', memory: '1Gi' },
          }),
        ]),
      '[maximum cpu usage per Container is 1, but limit is 2, maximum cpu usage per Pod is 1500m, but limit is 2]',
    ],
    [
      'too little',
      () => pod([container('c', changed('requests', 'memory', '1Mi'))]),
      'minimum memory usage per Container is 10Mi, but request is 1Mi',
    ],
    [
      'no limit',
      () => pod([container('c', { requests: good.requests, limits: { cpu: '1' } })]),
      'maximum memory usage per Container is 1Gi.  No limit is specified',
    ],
    [
      'no request',
      () => pod([container('c', { requests: { cpu: '500m' }, limits: good.limits })]),
      'minimum memory usage per Container is 10Mi.  No request is specified',
    ],
    [
      'a ratio',
      () =>
        pod([
          container('c', {
            ...good,
            requests: { cpu: '100m', memory: '20Mi' },
            limits: { cpu: '900m', memory: '1Gi' },
          }),
        ]),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 9.000000',
    ],
    [
      'the sum of containers',
      () => pod([container('c', good), container('d', good)]),
      'maximum cpu usage per Pod is 1500m, but limit is 2',
    ],
  ];
  for (const [what, make, why] of cases) {
    it(what, async () => {
      const error = await failure(() => create(make()));
      assert.equal(error.message, `pods "p" is forbidden: ${why}`);
    });
  }

  it('a claim too large or too small', async () => {
    const text = (why: string) => `persistentvolumeclaims "c" is forbidden: ${why}`;
    assert.equal(
      (await failure(() => create(claim('10Gi')))).message,
      text('maximum storage usage per PersistentVolumeClaim is 5Gi, but request is 10Gi'),
    );
    assert.equal(
      (await failure(() => create(claim('1Mi')))).message,
      text('minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi'),
    );
  });
});

it('a pod takes the sum of its containers and sidecars, or its largest init container', () => {
  const requests = (cpu: string) => ({ requests: { cpu } });
  const sidecar = container('s', requests('300m'), { restartPolicy: 'Always' });
  const cpu = (one: Pod) => podResources(one, 'requests').get('cpu')?.toString();
  assert.equal(
    cpu(pod([container('a', requests('1')), container('b', requests('500m'))])),
    '1500m',
  );
  assert.equal(cpu(pod([container('a', requests('1'))], [container('i', requests('2'))])), '2');
  assert.equal(cpu(pod([container('a', requests('1'))], [sidecar])), '1300m');
  assert.equal(
    cpu(pod([container('a', requests('1'))], [sidecar, container('i', requests('2'))])),
    '2300m',
  );
});
