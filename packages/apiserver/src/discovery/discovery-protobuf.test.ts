import assert from 'node:assert/strict';
import { it } from 'node:test';
import { wireFields } from '../protobuf/wire.ts';
import { discoveryProtobuf } from './discovery-protobuf.ts';

/** The texts below some field numbers of what an envelope holds. */
function texts(document: object, ...path: readonly number[]): string[] {
  const at = (bytes: Buffer, [first, ...rest]: readonly number[]): string[] =>
    first === undefined
      ? [bytes.toString()]
      : [...wireFields(bytes)]
          .filter((field) => field.number === first)
          .flatMap((field) => at(field.bytes, rest));
  const bytes = discoveryProtobuf(document);
  assert.ok(bytes);
  return at(bytes.subarray(4), path);
}

const version = { groupVersion: 'apps/v1', version: 'v1' };
const group = { name: 'apps', versions: [version], preferredVersion: version };

it('versions, groups and resources are where their messages have them', () => {
  const addresses = [{ clientCIDR: '0.0.0.0/0', serverAddress: '10.0.0.1:6443' }];
  const versions = {
    kind: 'APIVersions',
    versions: ['v1'],
    serverAddressByClientCIDRs: addresses,
  };
  assert.deepEqual([texts(versions, 1, 1), texts(versions, 1, 2)], [['v1'], ['APIVersions']]);
  assert.deepEqual([texts(versions, 2, 1), texts(versions, 2, 2, 2)], [['v1'], ['10.0.0.1:6443']]);
  const one = { kind: 'APIGroup', apiVersion: 'v1', ...group };
  assert.deepEqual([texts(one, 2, 1), texts(one, 2, 3, 1)], [['apps'], ['apps/v1']]);
  const groups = { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] };
  assert.deepEqual(texts(groups, 2, 1, 2, 2), ['v1']);
  const deployments = {
    ...{ name: 'deployments', singularName: 'deployment', kind: 'Deployment', namespaced: true },
    ...{ verbs: ['get', 'list'], shortNames: ['deploy'], categories: ['all'] },
    storageVersionHash: 'hash',
  };
  const list = { kind: 'APIResourceList', groupVersion: 'apps/v1', resources: [deployments] };
  assert.deepEqual(texts(list, 2, 1), ['apps/v1']);
  const numbers = [1, 3, 5, 6, 7, 10].flatMap((number) => texts(list, 2, 2, number));
  assert.deepEqual(numbers, ['deployments', 'Deployment', 'deploy', 'deployment', 'all', 'hash']);
  assert.deepEqual(texts(list, 2, 2, 4, 1), ['get', 'list']);
});

it('so are all of them at once', () => {
  const kind = { group: '', version: '', kind: 'Deployment' };
  const resource = {
    ...{ resource: 'deployments', responseKind: kind, scope: 'Namespaced' },
    ...{ singularResource: 'deployment', verbs: ['get'] },
    subresources: [{ subresource: 'status', responseKind: kind, verbs: ['patch'] }],
  };
  const document = {
    ...{ kind: 'APIGroupDiscoveryList', apiVersion: 'apidiscovery.k8s.io/v2', metadata: {} },
    items: [
      {
        metadata: { name: 'apps', creationTimestamp: null },
        versions: [{ version: 'v1', resources: [resource], freshness: 'Current' }],
      },
    ],
  };
  assert.deepEqual(texts(document, 1, 1), ['apidiscovery.k8s.io/v2']);
  assert.deepEqual(texts(document, 2, 2, 1, 1), ['apps']);
  assert.deepEqual(texts(document, 2, 2, 1, 8), ['']);
  const at = [2, 2, 2];
  assert.deepEqual([texts(document, ...at, 1), texts(document, ...at, 3)], [['v1'], ['Current']]);
  assert.deepEqual(texts(document, ...at, 2, 2, 3), ['Deployment']);
  assert.deepEqual(texts(document, ...at, 2, 8, 1), ['status']);
  assert.deepEqual(texts(document, ...at, 2, 8, 4), ['patch']);
});

it('other documents have no message', () => {
  assert.equal(discoveryProtobuf({ kind: 'Pod' }), undefined);
  assert.equal(discoveryProtobuf({ kind: 'constructor' }), undefined);
});
