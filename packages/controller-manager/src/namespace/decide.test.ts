import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKinds, type Namespace } from '@kubets/api';
import { at, NOW_MS } from '../testing/builders.ts';
import {
  contentKinds,
  customContentKinds,
  deletionConditions,
  finalized,
  needsEmptying,
} from './decide.ts';

const namespace = (deleting: boolean, finalizers: string[]): Namespace => ({
  metadata: { name: 'n', ...(deleting ? { deletionTimestamp: at(0) } : {}) },
  spec: { finalizers },
});

describe('namespaces', () => {
  it('are emptied when they are going and still held by us', () => {
    assert.equal(needsEmptying(namespace(true, ['kubernetes'])), true);
    assert.equal(needsEmptying(namespace(false, ['kubernetes'])), false);
    assert.equal(needsEmptying(namespace(true, ['example.org/other'])), false);
  });

  it('are let go by us alone', () => {
    const held = namespace(true, ['example.org/other', 'kubernetes']);
    assert.deepEqual(finalized(held).spec?.finalizers, ['example.org/other']);
  });

  it('hold every namespaced kind once', () => {
    const names = contentKinds(builtinKinds.all()).map((k) => k.resource);
    for (const name of ['pods', 'secrets', 'events', 'deployments', 'leases', 'rolebindings']) {
      assert.equal(names.filter((n) => n === name).length, 1, name);
    }
    for (const name of ['nodes', 'namespaces', 'bindings', 'localsubjectaccessreviews']) {
      assert.ok(!names.includes(name), name);
    }
  });

  it('hold custom resources that are served', () => {
    const definition = (o: { established?: boolean; scope?: string; served?: boolean }) => ({
      metadata: {},
      spec: {
        group: 'example.com',
        scope: o.scope ?? 'Namespaced',
        names: { plural: 'widgets', kind: 'Widget' },
        versions: [
          { name: 'v2', served: true, storage: false },
          { name: 'v1', served: o.served ?? true, storage: true },
        ],
      },
      status: {
        conditions: [{ type: 'Established', status: o.established === false ? 'False' : 'True' }],
      },
    });
    const found = (o: Parameters<typeof definition>[0]): string[] =>
      customContentKinds([definition(o)]).map(({ gv, resource }) => `${gv} ${resource}`);
    assert.deepEqual(found({}), ['example.com/v1 widgets']);
    assert.deepEqual(found({ served: false }), ['example.com/v2 widgets']);
    assert.deepEqual(found({ established: false }), []);
    assert.deepEqual(found({ scope: 'Cluster' }), []);
  });

  it('say what they still hold', () => {
    const remaining = [
      { resource: 'pods', group: '', count: 2, finalizers: [] },
      { resource: 'configmaps', group: '', count: 1, finalizers: ['example.org/keep'] },
      { resource: 'jobs', group: 'batch', count: 1, finalizers: [] },
    ];
    const made = deletionConditions(undefined, remaining, { failures: [], nowMs: NOW_MS });
    const find = (type: string) => made.find((c) => c.type === type);
    assert.equal(find('NamespaceContentRemaining')?.status, 'True');
    assert.equal(
      find('NamespaceContentRemaining')?.message,
      'Some resources are remaining: configmaps. has 1 resource instances, jobs.batch has 1 resource instances, pods. has 2 resource instances',
    );
    assert.equal(
      find('NamespaceFinalizersRemaining')?.message,
      'Some content in the namespace has finalizers remaining: example.org/keep in 1 resource instances',
    );
    assert.equal(find('NamespaceDeletionContentFailure')?.status, 'False');
    const later = deletionConditions(made, [], { failures: ['refused'], nowMs: NOW_MS + 9000 });
    assert.equal(later.find((c) => c.type === 'NamespaceContentRemaining')?.status, 'False');
    const failure = later.find((c) => c.type === 'NamespaceDeletionContentFailure');
    assert.deepEqual([failure?.status, failure?.message], ['True', 'refused']);
  });
});
