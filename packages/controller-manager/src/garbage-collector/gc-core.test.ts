import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { builtinKinds, type KubeObject, type OwnerReference } from '@kubets/api';
import { at } from '../testing/builders.ts';
import { blockersOf, judge, type OwnerFact, type OwnerState } from './decide.ts';
import { type KindRef, OwnerGraph } from './graph.ts';
import { collectableKinds } from './kinds.ts';

const kind: KindRef = { gv: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true };
const ref = (uid: string, block = false): OwnerReference => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  name: uid,
  uid,
  ...(block ? { blockOwnerDeletion: true } : {}),
});

interface Parts {
  owners?: OwnerReference[];
  deleting?: boolean;
  finalizers?: string[];
}

function object(uid: string, parts: Parts = {}): KubeObject {
  return {
    metadata: {
      name: uid,
      namespace: 'default',
      uid,
      ...(parts.owners ? { ownerReferences: parts.owners } : {}),
      ...(parts.finalizers ? { finalizers: parts.finalizers } : {}),
      ...(parts.deleting ? { deletionTimestamp: at(0) } : {}),
    },
  };
}

describe('the graph', () => {
  it('asks for a look at objects whose owner it does not know', () => {
    const graph = new OwnerGraph();
    assert.deepEqual(graph.observe(kind, object('child', { owners: [ref('ghost')] })).check, [
      'child',
    ]);
    assert.deepEqual(graph.observe(kind, object('owner')).check, []);
    assert.deepEqual(graph.observe(kind, object('other', { owners: [ref('owner')] })).check, []);
  });

  it('asks for a look at objects whose owner is elsewhere or another than they say', () => {
    const graph = new OwnerGraph();
    graph.observe(kind, object('owner'));
    const away = object('child', { owners: [ref('owner')] });
    away.metadata.namespace = 'other';
    assert.deepEqual(graph.observe(kind, away).check, ['child']);
    const misnamed = object('misnamed', { owners: [{ ...ref('owner'), name: 'another' }] });
    assert.deepEqual(graph.observe(kind, misnamed).check, ['misnamed']);
    const global: KindRef = { ...kind, kind: 'ClusterThing', namespaced: false };
    const top = object('top');
    top.metadata.namespace = '';
    graph.observe(global, top);
    const owners = [{ ...ref('top'), kind: 'ClusterThing' }];
    assert.deepEqual(graph.observe(kind, object('below', { owners })).check, []);
  });

  it('asks for a look at the dependents of what is gone', () => {
    const graph = new OwnerGraph();
    graph.observe(kind, object('owner'));
    graph.observe(kind, object('a', { owners: [ref('owner')] }));
    graph.observe(kind, object('b', { owners: [ref('owner')] }));
    assert.deepEqual(graph.forget('owner').check.sort(), ['a', 'b']);
    assert.deepEqual(graph.forget('owner').check, []);
  });

  it('forgets dependents that found another owner', () => {
    const graph = new OwnerGraph();
    graph.observe(kind, object('owner'));
    graph.observe(kind, object('next'));
    graph.observe(kind, object('a', { owners: [ref('owner')] }));
    graph.observe(kind, object('a', { owners: [ref('next')] }));
    assert.deepEqual(graph.dependentsOf('owner'), []);
    assert.deepEqual(
      graph.dependentsOf('next').map((n) => n.uid),
      ['a'],
    );
    assert.deepEqual(graph.forget('owner').check, []);
  });

  it('asks for a look at an owner that waits when a dependent goes or changes owners', () => {
    const graph = new OwnerGraph();
    const waiting = object('owner', { deleting: true, finalizers: ['foregroundDeletion'] });
    graph.observe(kind, object('owner'));
    graph.observe(kind, object('a', { owners: [ref('owner', true)] }));
    graph.observe(kind, object('b', { owners: [ref('owner', true)] }));
    assert.deepEqual(graph.observe(kind, waiting).check, ['owner']);
    assert.deepEqual(graph.forget('a').check, ['owner']);
    assert.deepEqual(graph.observe(kind, object('b')).check, ['owner']);
  });

  it('asks once for orphaning', () => {
    const graph = new OwnerGraph();
    const orphaning = object('owner', { deleting: true, finalizers: ['orphan'] });
    assert.deepEqual(graph.observe(kind, orphaning).orphan, ['owner']);
    assert.deepEqual(graph.observe(kind, orphaning).orphan, []);
  });

  it('leaves nothing behind', () => {
    const graph = new OwnerGraph();
    graph.observe(kind, object('a', { owners: [ref('owner')] }));
    graph.forget('a');
    assert.equal(graph.size, 0);
    assert.equal(graph.hasDependents('owner'), false);
  });
});

describe('the verdict', () => {
  const facts = (...states: OwnerState[]): OwnerFact[] =>
    states.map((state, i) => ({ ref: ref(`o${i}`), state }));
  const child = object('child', { owners: [ref('o0')] });

  const cases: [string, OwnerFact[], string][] = [
    ['no owners', [], 'keep'],
    ['a living owner', facts('solid'), 'keep'],
    ['only dead owners', facts('absent', 'absent'), 'delete Background'],
    ['one living, one dead', facts('solid', 'absent'), 'drop-owners'],
    ['one living, one waiting', facts('solid', 'waiting'), 'drop-owners'],
    ['an owner nobody knows', facts('unknown'), 'keep'],
    ['one unknown, one dead', facts('unknown', 'absent'), 'keep'],
    ['a waiting owner and nobody below', facts('waiting'), 'delete Background'],
  ];
  for (const [what, owners, expected] of cases) {
    it(what, () => {
      const verdict = judge(child, owners, []);
      const shown = verdict.type === 'delete' ? `delete ${verdict.policy}` : verdict.type;
      assert.equal(shown, expected);
    });
  }

  it('keeps only the living owners', () => {
    const verdict = judge(child, facts('absent', 'solid'), []);
    assert.deepEqual(verdict, { type: 'drop-owners', keep: [ref('o1')] });
  });

  it('leaves alone what is going anyway', () => {
    assert.equal(judge(object('x', { deleting: true }), facts('absent'), []).type, 'keep');
  });

  it('follows the object’s own wish by finalizer', () => {
    for (const [finalizer, policy] of [
      ['orphan', 'Orphan'],
      ['foregroundDeletion', 'Foreground'],
      ['example.org/other', 'Background'],
    ]) {
      const wishing = object('child', { finalizers: [finalizer ?? ''] });
      assert.deepEqual(judge(wishing, facts('absent'), []), { type: 'delete', policy });
    }
  });

  it('waits for those below when its own owner waits', () => {
    const graph = new OwnerGraph();
    graph.observe(kind, object('below', { owners: [ref('child', true)] }));
    const verdict = judge(child, facts('waiting'), graph.dependentsOf('child'));
    assert.deepEqual(verdict, { type: 'delete', policy: 'Foreground' });
  });

  it('breaks a circle of objects that wait for each other', () => {
    const graph = new OwnerGraph();
    const below = object('below', {
      owners: [ref('child', true)],
      deleting: true,
      finalizers: ['foregroundDeletion'],
    });
    graph.observe(kind, below);
    const owners = [{ ref: ref('below', true), state: 'waiting' as const }];
    const verdict = judge(child, owners, graph.dependentsOf('child'));
    assert.deepEqual(verdict, {
      type: 'delete',
      policy: 'Foreground',
      unblock: [{ ...ref('below'), blockOwnerDeletion: false }],
    });
  });

  it('counts only dependents that block', () => {
    const graph = new OwnerGraph();
    graph.observe(kind, object('a', { owners: [ref('owner', true)] }));
    graph.observe(kind, object('b', { owners: [ref('owner')] }));
    assert.deepEqual(
      blockersOf('owner', graph.dependentsOf('owner')).map((n) => n.uid),
      ['a'],
    );
  });
});

describe('the kinds that are collected', () => {
  const kinds = collectableKinds(builtinKinds.all());
  const names = kinds.map((k) => k.resource);

  it('are all that can be listed, watched and deleted, each once', () => {
    for (const name of ['pods', 'nodes', 'deployments', 'leases', 'secrets', 'namespaces']) {
      assert.equal(names.filter((n) => n === name).length, 1, name);
    }
    assert.equal(names.filter((n) => n === 'horizontalpodautoscalers').length, 1);
  });

  it('are neither events nor kinds that are only answers', () => {
    for (const name of ['events', 'componentstatuses', 'subjectaccessreviews', 'bindings']) {
      assert.ok(!names.includes(name), name);
    }
  });
});
