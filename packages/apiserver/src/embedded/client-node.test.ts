/** The JavaScript client library, unmodified, against a real server: objects, patches, watches, informers. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import {
  ApiException,
  AppsV1Api,
  CoreV1Api,
  KubeConfig,
  KubernetesObjectApi,
  makeInformer,
  PatchStrategy,
  setHeaderOptions,
  type V1ConfigMap,
  type V1Deployment,
  Watch,
} from '@kubernetes/client-node';
import { type EmbeddedApiServer, startApiServer } from '../index.ts';

const NAMESPACE = 'default';
const MAPS = `/api/v1/namespaces/${NAMESPACE}/configmaps`;

let api: EmbeddedApiServer;
let config: KubeConfig;
let core: CoreV1Api;

before(async () => {
  api = await startApiServer();
  config = new KubeConfig();
  config.loadFromString(api.kubeconfig);
  core = config.makeApiClient(CoreV1Api);
});
after(() => api.stop());

const make = (name: string, data: Record<string, string>): Promise<V1ConfigMap> => {
  const body = { metadata: { name, labels: { made: 'here' } }, data };
  return core.createNamespacedConfigMap({ namespace: NAMESPACE, body });
};

const failsWith = (code: number) => (error: unknown) => {
  assert.ok(error instanceof ApiException);
  assert.equal(error.code, code);
  return true;
};

describe('the JavaScript client', () => {
  it('creates, reads, replaces, lists and deletes', async () => {
    const made = await make('crud', { k: '1' });
    assert.ok(made.metadata?.uid);
    const target = { name: 'crud', namespace: NAMESPACE };
    const found = await core.readNamespacedConfigMap(target);
    assert.deepEqual(found.data, { k: '1' });
    const body = { ...found, data: { k: '2' } };
    const replaced = await core.replaceNamespacedConfigMap({ ...target, body });
    assert.notEqual(replaced.metadata?.resourceVersion, found.metadata?.resourceVersion);
    await assert.rejects(core.replaceNamespacedConfigMap({ ...target, body }), failsWith(409));
    const list = await core.listNamespacedConfigMap({
      namespace: NAMESPACE,
      labelSelector: 'made=here',
    });
    assert.deepEqual(
      list.items.map(({ metadata }) => metadata?.name),
      ['crud'],
    );
    await core.deleteNamespacedConfigMap(target);
    await assert.rejects(core.readNamespacedConfigMap(target), failsWith(404));
  });

  it('patches in every way it knows', async () => {
    const apps = config.makeApiClient(AppsV1Api);
    const body: V1Deployment = {
      metadata: { name: 'web' },
      spec: {
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: { containers: [{ name: 'web', image: 'example.org/web:1' }] },
        },
      },
    };
    await apps.createNamespacedDeployment({ namespace: NAMESPACE, body });
    const target = { name: 'web', namespace: NAMESPACE };
    const patch = async (strategy: PatchStrategy, change: object): Promise<V1Deployment> => {
      const options = setHeaderOptions('Content-Type', strategy);
      return apps.patchNamespacedDeployment({ ...target, body: change }, options);
    };
    const json = [{ op: 'replace', path: '/spec/replicas', value: 2 }];
    assert.equal((await patch(PatchStrategy.JsonPatch, json)).spec?.replicas, 2);
    const merge = { spec: { replicas: 3 } };
    assert.equal((await patch(PatchStrategy.MergePatch, merge)).spec?.replicas, 3);
    const containers = [{ name: 'side', image: 'example.org/side:1' }];
    const strategic = { spec: { template: { spec: { containers } } } };
    const both = await patch(PatchStrategy.StrategicMergePatch, strategic);
    assert.equal(both.spec?.template.spec?.containers.length, 2);
    const objects = KubernetesObjectApi.makeApiClient(config);
    const applied = await objects.patch(
      {
        ...{ apiVersion: 'v1', kind: 'ConfigMap', data: { a: 'b' } },
        metadata: { name: 'applied', namespace: NAMESPACE },
      } as V1ConfigMap,
      ...[undefined, undefined, 'tester', true, PatchStrategy.ServerSideApply],
    );
    assert.equal(applied.metadata?.managedFields?.[0]?.manager, 'tester');
  });

  it('watches from a version on', async () => {
    const { metadata } = await core.listNamespacedConfigMap({ namespace: NAMESPACE });
    const resourceVersion = metadata?.resourceVersion ?? '';
    const seen: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const request = await new Watch(config).watch(
      MAPS,
      { resourceVersion },
      (type: string, object: V1ConfigMap) => {
        seen.push(`${type} ${object.metadata?.name} ${object.data?.n}`);
        if (type === 'DELETED') resolve();
      },
      () => undefined,
    );
    await make('watched', { n: '1' });
    const target = { name: 'watched', namespace: NAMESPACE };
    const body = { metadata: { name: 'watched' }, data: { n: '2' } };
    await core.replaceNamespacedConfigMap({ ...target, body });
    await core.deleteNamespacedConfigMap(target);
    await promise;
    request.abort();
    assert.deepEqual(seen, ['ADDED watched 1', 'MODIFIED watched 2', 'DELETED watched 2']);
  });

  it('keeps an informer up to date', async () => {
    await make('before', { n: '1' });
    const list = () =>
      core.listNamespacedConfigMap({ namespace: NAMESPACE, labelSelector: 'made=here' });
    const informer = makeInformer(config, MAPS, list, 'made=here');
    const added = new Set<string>();
    const complete = Promise.withResolvers<void>();
    const removed = Promise.withResolvers<void>();
    informer.on('add', ({ metadata }) => {
      added.add(metadata?.name ?? '');
      if (added.has('before') && added.has('after')) complete.resolve();
    });
    informer.on('delete', ({ metadata }) => {
      if (metadata?.name === 'before') removed.resolve();
    });
    informer.on('error', complete.reject);
    await informer.start();
    await make('after', { n: '1' });
    await complete.promise;
    await core.deleteNamespacedConfigMap({ name: 'before', namespace: NAMESPACE });
    await removed.promise;
    assert.equal(informer.get('before', NAMESPACE), undefined);
    assert.ok(informer.get('after', NAMESPACE));
    await informer.stop();
  });
});
