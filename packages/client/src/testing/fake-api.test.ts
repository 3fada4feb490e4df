import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Deployment,
  isAlreadyExists,
  isConflict,
  isExpired,
  isNotFound,
  type Namespace,
  type Pod,
} from '@kubets/api';
import { ManualClock } from '@kubets/platform';
import type { WatchEvent } from '../ports.ts';
import { FakeApi } from './fake-api.ts';

const pod = (name: string, labels: Record<string, string> = {}): Pod => ({
  metadata: { name, namespace: 'default', labels },
  spec: { containers: [{ name: 'main', image: 'busybox' }] },
});

const deployment = (replicas = 1): Deployment => ({
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [] } },
  },
});

const rejects = (promise: Promise<unknown>, matches: (error: unknown) => boolean): Promise<void> =>
  assert.rejects(promise, (error) => matches(error));

function setup(options: { gracefulPods?: boolean } = {}) {
  const api = new FakeApi({ clock: new ManualClock(), ...options });
  return {
    api,
    pods: api.resource<Pod>('v1', 'pods'),
    deployments: api.resource<Deployment>('apps/v1', 'deployments'),
  };
}

describe('FakeApi writes', () => {
  it('fills in what the server decides', async () => {
    const { pods, deployments } = setup();
    const made = await pods.create({ ...pod('a'), status: { phase: 'Running' } });
    assert.equal(made.kind, 'Pod');
    assert.equal(made.apiVersion, 'v1');
    assert.equal(made.metadata.resourceVersion, '1');
    assert.match(made.metadata.uid ?? '', /^[0-9a-f]{8}-/);
    assert.ok(made.metadata.creationTimestamp);
    assert.equal(made.status?.phase, 'Pending');
    assert.equal((await deployments.create(deployment())).metadata.generation, 1);
  });

  it('makes different names from generateName', async () => {
    const { pods } = setup();
    const draft = { ...pod(''), metadata: { generateName: 'web-', namespace: 'default' } };
    const names = new Set<string>();
    for (let i = 0; i < 20; i += 1) names.add((await pods.create(draft)).metadata.name ?? '');
    assert.equal(names.size, 20);
    for (const name of names) assert.match(name, /^web-[a-z0-9]{5}$/);
  });

  it('refuses a name that is taken, and a stale version', async () => {
    const { pods } = setup();
    const first = await pods.create(pod('a'));
    await rejects(pods.create(pod('a')), isAlreadyExists);
    const newer = await pods.update({
      ...first,
      metadata: { ...first.metadata, labels: { x: '1' } },
    });
    await rejects(pods.update(first), isConflict);
    const { resourceVersion: _, ...metadata } = newer.metadata;
    await pods.update({ ...newer, metadata: { ...metadata, labels: { x: '2' } } });
    await rejects(pods.get('default', 'none'), isNotFound);
    await rejects(pods.delete('default', 'none'), isNotFound);
  });

  it('bumps the generation with the spec only, and no version for no change', async () => {
    const { deployments } = setup();
    const made = await deployments.create(deployment());
    const same = await deployments.update(made);
    assert.equal(same.metadata.resourceVersion, made.metadata.resourceVersion);
    const labelled = await deployments.patch('default', 'web', 'merge', {
      metadata: { labels: { a: 'b' } },
    });
    assert.equal(labelled.metadata.generation, 1);
    const scaled = await deployments.patch('default', 'web', 'strategic', {
      spec: { replicas: 3 },
    });
    assert.equal(scaled.metadata.generation, 2);
  });

  it('keeps spec and status apart', async () => {
    const { deployments } = setup();
    const made = await deployments.create(deployment());
    const reported = await deployments.updateStatus({
      ...made,
      spec: deployment(9).spec,
      status: { replicas: 1 },
    });
    assert.equal(reported.spec?.replicas, 1);
    assert.equal(reported.status?.replicas, 1);
    assert.equal(reported.metadata.generation, 1);
    const updated = await deployments.update({ ...reported, status: { replicas: 7 } });
    assert.equal(updated.status?.replicas, 1);
    const patched = await deployments.patch(
      'default',
      'web',
      'merge',
      { status: { replicas: 5 }, spec: { replicas: 8 } },
      { subresource: 'status' },
    );
    assert.equal(patched.status?.replicas, 5);
    assert.equal(patched.spec?.replicas, 1);
  });

  it('hands out copies: changing one changes nothing else', async () => {
    const { pods } = setup();
    const made = await pods.create(pod('a'));
    made.metadata.labels = { changed: 'yes' };
    assert.deepEqual((await pods.get('default', 'a')).metadata.labels, {});
  });

  it('binds once', async () => {
    const { pods } = setup();
    await pods.create(pod('a'));
    const target = { target: { kind: 'Node', name: 'node-1' } };
    await pods.createSubresource('default', 'a', 'binding', target);
    assert.equal((await pods.get('default', 'a')).spec?.nodeName, 'node-1');
    await rejects(pods.createSubresource('default', 'a', 'binding', target), isConflict);
  });

  it('scales through the scale subresource', async () => {
    const { deployments } = setup();
    await deployments.create(deployment(2));
    const scale = await deployments.getSubresource('default', 'web', 'scale');
    assert.deepEqual(scale.spec, { replicas: 2 });
    await deployments.updateSubresource('default', 'web', 'scale', { spec: { replicas: 4 } });
    assert.equal((await deployments.get('default', 'web')).spec?.replicas, 4);
  });
});

describe('FakeApi deletion', () => {
  it('removes at once, or waits for finalizers', async () => {
    const { pods } = setup();
    await pods.create(pod('a'));
    await pods.delete('default', 'a');
    await rejects(pods.get('default', 'a'), isNotFound);
    const held = pod('b');
    held.metadata.finalizers = ['example.com/hold'];
    await pods.create(held);
    await pods.delete('default', 'b');
    const marked = await pods.get('default', 'b');
    assert.ok(marked.metadata.deletionTimestamp);
    await pods.update({ ...marked, metadata: { ...marked.metadata, finalizers: [] } });
    await rejects(pods.get('default', 'b'), isNotFound);
  });

  it('adds the finalizer of the propagation policy', async () => {
    const { deployments } = setup();
    await deployments.create(deployment());
    await deployments.delete('default', 'web', { propagationPolicy: 'Foreground' });
    const marked = await deployments.get('default', 'web');
    assert.deepEqual(marked.metadata.finalizers, ['foregroundDeletion']);
  });

  it('checks preconditions', async () => {
    const { pods } = setup();
    await pods.create(pod('a'));
    await rejects(pods.delete('default', 'a', { preconditions: { uid: 'other' } }), isConflict);
    assert.ok(await pods.get('default', 'a'));
  });

  it('lets a pod on a node end gracefully where asked to', async () => {
    const { pods } = setup({ gracefulPods: true });
    await pods.create({ ...pod('a'), spec: { nodeName: 'n', containers: [] } });
    await pods.delete('default', 'a');
    assert.equal((await pods.get('default', 'a')).metadata.deletionGracePeriodSeconds, 30);
    await pods.delete('default', 'a', { gracePeriodSeconds: 0 });
    await rejects(pods.get('default', 'a'), isNotFound);
    await pods.create(pod('unassigned'));
    await pods.delete('default', 'unassigned');
    await rejects(pods.get('default', 'unassigned'), isNotFound);
  });

  it('keeps a namespace until it is finalized', async () => {
    const { api } = setup();
    const namespaces = api.resource<Namespace>('v1', 'namespaces');
    await namespaces.create({ metadata: { name: 'shop' } });
    await namespaces.delete('', 'shop');
    const marked = await namespaces.get('', 'shop');
    assert.equal(marked.status?.phase, 'Terminating');
    await namespaces.updateSubresource('', 'shop', 'finalize', { spec: { finalizers: [] } });
    await rejects(namespaces.get('', 'shop'), isNotFound);
  });
});

describe('FakeApi reads', () => {
  it('selects by namespace, labels and fields, and pages', async () => {
    const { pods } = setup();
    for (const name of ['a', 'b', 'c']) await pods.create(pod(name, { app: name }));
    const target = { target: { name: 'node-1' } };
    await pods.createSubresource('default', 'b', 'binding', target);
    const names = async (options: object): Promise<(string | undefined)[]> =>
      (await pods.list('', options)).items.map(({ metadata }) => metadata.name);
    assert.deepEqual(await names({ labelSelector: 'app in (a,c)' }), ['a', 'c']);
    assert.deepEqual(await names({ fieldSelector: 'spec.nodeName=node-1' }), ['b']);
    assert.deepEqual(await names({ fieldSelector: 'spec.nodeName!=node-1' }), ['a', 'c']);
    assert.deepEqual((await pods.list('elsewhere')).items, []);
    const page = await pods.list('', { limit: 2 });
    assert.equal(page.items.length, 2);
    assert.ok(page.continue);
    assert.deepEqual(await names({ limit: 2, continue: page.continue }), ['c']);
  });

  it('watches from a version, or from the present state', async () => {
    const { api, pods } = setup();
    await pods.create(pod('a'));
    const { resourceVersion } = await pods.list('');
    await pods.create(pod('b'));
    const seen = { later: [] as string[], all: [] as string[] };
    const to = (list: string[]) => (events: readonly WatchEvent<Pod>[]) => {
      for (const { type, object } of events) list.push(`${type} ${object.metadata.name}`);
    };
    const watches = [
      pods.watch('', { resourceVersion }, to(seen.later)),
      pods.watch('', {}, to(seen.all)),
    ];
    await api.settle();
    await pods.delete('default', 'a');
    await api.settle();
    assert.deepEqual(seen.later, ['ADDED b', 'DELETED a']);
    assert.deepEqual(seen.all, ['ADDED a', 'ADDED b', 'DELETED a']);
    for (const watch of watches) watch.stop();
    assert.equal(await watches[0]?.done, undefined);
    await pods.create(pod('c'));
    await api.settle();
    assert.equal(seen.all.length, 3);
  });

  it('ends a watch from a forgotten version with Expired', async () => {
    const { api, pods } = setup();
    await pods.create(pod('a'));
    await pods.create(pod('b'));
    api.compact();
    const watch = pods.watch('', { resourceVersion: '1' }, () => undefined);
    assert.ok(isExpired(await watch.done));
  });

  it('records requests and lets a test refuse them', async () => {
    const { api, pods } = setup();
    api.intercept = ({ verb }) => {
      if (verb === 'delete') throw new Error('refused');
    };
    await pods.create(pod('a'));
    await assert.rejects(pods.delete('default', 'a'), /refused/);
    assert.deepEqual(
      api.requests.map(({ verb, name }) => `${verb} ${name}`),
      ['create a', 'delete a'],
    );
  });
});
