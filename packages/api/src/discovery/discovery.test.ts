import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { builtinKinds } from '../registry.ts';
import {
  aggregatedDiscovery,
  apiGroup,
  apiGroupList,
  apiResourceList,
  legacyApiVersions,
} from './discovery.ts';

interface Resource {
  name: string;
  namespaced: boolean;
  kind: string;
  verbs: string[];
  group?: string;
  version?: string;
  singularName: string;
  shortNames?: string[];
}

function resources(group: string, version: string): Resource[] {
  const list = apiResourceList(builtinKinds, { group, version });
  return (list as { resources: Resource[] }).resources;
}

describe('the old form', () => {
  test('/api', () => {
    const addresses = [{ clientCIDR: '0.0.0.0/0', serverAddress: '10.0.0.1:6443' }];
    assert.deepEqual(legacyApiVersions(addresses), {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: addresses,
    });
  });

  test('/apis names every group but the core one, with its versions', () => {
    const { groups } = apiGroupList(builtinKinds) as { groups: { name: string }[] };
    const names = groups.map((g) => g.name);
    assert.ok(!names.includes(''));
    assert.equal(new Set(names).size, names.length);
    for (const name of ['apps', 'batch', 'networking.k8s.io', 'coordination.k8s.io']) {
      assert.ok(names.includes(name), name);
    }
  });

  test('a group prefers its first version', () => {
    const group = apiGroup(builtinKinds, 'autoscaling');
    assert.deepEqual(group?.preferredVersion, { groupVersion: 'autoscaling/v2', version: 'v2' });
    assert.deepEqual(
      group?.versions.map((v) => v.version),
      ['v2', 'v1'],
    );
    assert.equal(apiGroup(builtinKinds, 'nope'), undefined);
  });

  test('a version lists resources, each followed by its subresources', () => {
    const names = resources('apps', 'v1').map((r) => r.name);
    const at = names.indexOf('deployments');
    assert.deepEqual(names.slice(at, at + 3), [
      'deployments',
      'deployments/scale',
      'deployments/status',
    ]);
    assert.equal(apiResourceList(builtinKinds, { group: 'apps', version: 'v2' }), undefined);
  });

  test('subresources of another kind say which', () => {
    const all = resources('', 'v1');
    const eviction = all.find((r) => r.name === 'pods/eviction');
    assert.deepEqual(
      [eviction?.group, eviction?.version, eviction?.kind],
      ['policy', 'v1', 'Eviction'],
    );
    const log = all.find((r) => r.name === 'pods/log');
    assert.equal(log?.group, undefined);
    assert.equal(log?.singularName, '');
    assert.deepEqual(all.find((r) => r.name === 'pods')?.shortNames, ['po']);
  });

  test('the legacy list has no apiVersion, the others have', () => {
    const core = apiResourceList(builtinKinds, { group: '', version: 'v1' });
    const apps = apiResourceList(builtinKinds, { group: 'apps', version: 'v1' });
    assert.equal('apiVersion' in (core ?? {}), false);
    assert.equal((apps as { apiVersion: string }).apiVersion, 'v1');
  });
});

describe('the aggregated form', () => {
  interface Group {
    metadata: { name?: string };
    versions: { version: string; resources: { resource: string; subresources?: object[] }[] }[];
  }
  const items = (legacy: boolean) =>
    (aggregatedDiscovery(builtinKinds, { legacy }) as { items: Group[] }).items;

  test('the core group alone under /api', () => {
    const [core, ...rest] = items(true);
    assert.equal(rest.length, 0);
    assert.equal(core?.metadata.name, undefined);
    assert.ok(core?.versions[0]?.resources.some((r) => r.resource === 'pods'));
  });

  test('the other groups under /apis, subresources inside their resource', () => {
    const apps = items(false).find((g) => g.metadata.name === 'apps');
    const deployments = apps?.versions[0]?.resources.find((r) => r.resource === 'deployments');
    assert.deepEqual(deployments?.subresources, [
      {
        subresource: 'scale',
        responseKind: { group: 'autoscaling', version: 'v1', kind: 'Scale' },
        verbs: ['get', 'patch', 'update'],
      },
      {
        subresource: 'status',
        responseKind: { group: '', version: '', kind: 'Deployment' },
        verbs: ['get', 'patch', 'update'],
      },
    ]);
  });

  test('both forms name the same resources', () => {
    const old = builtinKinds.all().map((d) => `${d.apiVersion}/${d.resource}`);
    const aggregated = [...items(true), ...items(false)].flatMap((g) =>
      g.versions.flatMap((v) => {
        const gv = g.metadata.name ? `${g.metadata.name}/${v.version}` : v.version;
        return v.resources.map((r) => `${gv}/${r.resource}`);
      }),
    );
    assert.deepEqual(aggregated.sort(), old.sort());
  });

  test('older clients ask for v2beta1', () => {
    const list = aggregatedDiscovery(builtinKinds, { legacy: true, version: 'v2beta1' });
    assert.equal((list as { apiVersion: string }).apiVersion, 'apidiscovery.k8s.io/v2beta1');
  });
});
