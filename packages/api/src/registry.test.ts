import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtinKind, builtinKinds, KindRegistry } from './registry.ts';

describe('the built-in kinds', () => {
  test('are found by resource, by kind and by object', () => {
    const byResource = builtinKinds.forResource({
      group: 'apps',
      version: 'v1',
      resource: 'deployments',
    });
    assert.equal(byResource?.kind, 'Deployment');
    assert.equal(
      builtinKinds.forKind({ group: 'apps', version: 'v1', kind: 'Deployment' }),
      byResource,
    );
    assert.equal(builtinKinds.forObject({ apiVersion: 'apps/v1', kind: 'Deployment' }), byResource);
    assert.equal(builtinKinds.forObject({ apiVersion: 'apps/v2', kind: 'Deployment' }), undefined);
  });

  const paths: readonly [string, string, string][] = [
    ['v1', 'Pod', 'pods'],
    ['v1', 'Service', 'services/specs'],
    ['v1', 'Endpoints', 'services/endpoints'],
    ['v1', 'Node', 'minions'],
    ['v1', 'ReplicationController', 'controllers'],
    ['apps/v1', 'Deployment', 'deployments'],
    ['networking.k8s.io/v1', 'Ingress', 'ingress'],
    ['coordination.k8s.io/v1', 'Lease', 'leases'],
    ['events.k8s.io/v1', 'Event', 'events'],
    [
      'apiextensions.k8s.io/v1',
      'CustomResourceDefinition',
      'apiextensions.k8s.io/customresourcedefinitions',
    ],
  ];
  for (const [apiVersion, kind, path] of paths) {
    test(`${kind} is stored under ${path}`, () => {
      assert.equal(builtinKind(apiVersion, kind).storagePath, path);
    });
  }

  test('only stable versions are on', () => {
    for (const def of builtinKinds.all()) assert.match(def.version, /^v\d+$/);
  });

  test('names, verbs and subresources', () => {
    const deployment = builtinKind('apps/v1', 'Deployment');
    assert.deepEqual(deployment.shortNames, ['deploy']);
    assert.deepEqual(deployment.categories, ['all']);
    assert.deepEqual(deployment.subresources, { status: true, scale: true, extra: [] });
    assert.ok(deployment.hasGeneration);
    const pod = builtinKind('v1', 'Pod');
    assert.ok(pod.subresources.extra.includes('binding'));
    assert.ok(pod.subresources.extra.includes('exec'));
    assert.equal(pod.subresources.extra.includes('resize'), false);
    assert.equal(pod.subresourceDefs.get('eviction')?.group, 'policy');
    assert.equal(builtinKind('v1', 'Node').namespaced, false);
  });

  test('two versions of one kind share their storage', () => {
    const old = builtinKind('autoscaling/v1', 'HorizontalPodAutoscaler');
    const current = builtinKind('autoscaling/v2', 'HorizontalPodAutoscaler');
    assert.equal(old.storagePath, current.storagePath);
    assert.deepEqual(old.storageVersion, { group: 'autoscaling', version: 'v2' });
    assert.deepEqual(current.storageVersion, { group: 'autoscaling', version: 'v2' });
  });

  test('rules of updates', () => {
    assert.equal(builtinKind('coordination.k8s.io/v1', 'Lease').unconditionalUpdate, false);
    assert.equal(builtinKind('v1', 'ConfigMap').unconditionalUpdate, true);
    assert.equal(builtinKind('v1', 'Service').createOnUpdate, true);
    assert.equal(builtinKind('v1', 'ConfigMap').createOnUpdate, false);
  });

  test('asking for a kind that is not there is a mistake in the program', () => {
    assert.throws(() => builtinKind('v1', 'Nope'), /no built-in kind Nope in v1/);
  });
});

test('a registry can grow and shrink', () => {
  const registry = new KindRegistry();
  const pod = builtinKind('v1', 'Pod');
  registry.add(pod);
  assert.deepEqual(registry.all(), [pod]);
  registry.add({ ...pod, singular: 'changed' });
  assert.equal(registry.all().length, 1);
  registry.remove(pod);
  assert.equal(registry.forResource({ group: '', version: 'v1', resource: 'pods' }), undefined);
});
