import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Pod, StatefulSet, StatefulSetSpec, StatefulSetStatus } from '@kubets/api';
import { at, NOW_MS, pod } from '../testing/builders.ts';
import { decideStatefulSet } from './decide.ts';
import { memberClaims, memberPod, ordinalOf } from './identity.ts';

function set(spec: Partial<StatefulSetSpec> = {}, status?: StatefulSetStatus): StatefulSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'db', namespace: 'default', uid: 'uid-of-db', generation: 2 },
    spec: {
      replicas: 3,
      serviceName: 'db',
      selector: { matchLabels: { app: 'db' } },
      template: { spec: { containers: [{ name: 'c', image: 'i' }] } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      ...spec,
    },
    ...(status ? { status } : {}),
  };
}

interface Parts {
  revision?: string;
  ready?: boolean;
  phase?: string;
  deleting?: boolean;
}

function member(ordinal: number, parts: Parts = {}): Pod {
  const { revision = 'new', ready = true, phase = 'Running', deleting = false } = parts;
  return pod({
    name: `db-${ordinal}`,
    phase,
    ...(ready && phase === 'Running' ? { readyAt: -20 } : {}),
    meta: {
      labels: { app: 'db', 'controller-revision-hash': revision },
      ...(deleting ? { deletionTimestamp: at(0) } : {}),
    },
  });
}

function decide(one: StatefulSet, pods: Pod[]) {
  const plan = decideStatefulSet({
    set: one,
    pods,
    currentRevision: 'old',
    updateRevision: 'new',
    nowMs: NOW_MS,
  });
  return {
    create: plan.create.map((c) => `${c.ordinal}:${c.revision}`),
    remove: plan.remove.map((p) => p.metadata.name),
    status: plan.status,
  };
}

const ill = (ordinal: number): Pod => member(ordinal, { ready: false });

describe('an ordered set', () => {
  const cases: [string, Partial<StatefulSetSpec>, Pod[], string[], string[]][] = [
    ['begins with its first member', {}, [], ['0:new'], []],
    ['goes on when that one works', {}, [member(0)], ['1:new'], []],
    ['waits while it does not', {}, [member(0, { ready: false })], [], []],
    ['fills gaps from below', {}, [member(0), member(2)], ['1:new'], []],
    ['replaces an ended member', {}, [member(0, { phase: 'Failed' })], [], ['db-0']],
    ['waits for a leaving member', {}, [member(0, { deleting: true })], [], []],
    ['is content', {}, [member(0), member(1), member(2)], [], []],
    ['shrinks from above', { replicas: 1 }, [member(0), member(1), member(2)], [], ['db-2']],
    [
      'one at a time',
      { replicas: 1 },
      [member(0), member(1), member(2, { deleting: true })],
      [],
      [],
    ],
    ['to nothing', { replicas: 0 }, [member(0)], [], ['db-0']],
    [
      'past members that do not work',
      { replicas: 1 },
      [member(0), member(1), ill(2)],
      [],
      ['db-2'],
    ],
    ['but only past the lowest of them', { replicas: 0 }, [ill(0), ill(1), ill(2)], [], []],
    ['not those above it', { replicas: 0 }, [ill(0), member(1), ill(2)], [], []],
    ['down to that one', { replicas: 0 }, [ill(0), member(1)], [], ['db-1']],
    ['which goes last', { replicas: 0 }, [ill(0)], [], ['db-0']],
    ['may begin elsewhere', { ordinals: { start: 5 } }, [member(5)], ['6:new'], []],
  ];
  for (const [what, spec, pods, create, remove] of cases) {
    it(what, () => {
      const plan = decide(set(spec), pods);
      assert.deepEqual([plan.create, plan.remove], [create, remove]);
    });
  }
});

describe('a parallel set', () => {
  const parallel = { podManagementPolicy: 'Parallel' };

  it('creates and removes all at once', () => {
    assert.deepEqual(decide(set(parallel), []).create, ['0:new', '1:new', '2:new']);
    const many = [member(0), member(1), member(2)];
    assert.deepEqual(decide(set({ ...parallel, replicas: 1 }), many).remove, ['db-2', 'db-1']);
  });

  it('goes on with an update while members past its number leave', () => {
    const leaving = member(2, { deleting: true, revision: 'old' });
    const rest = [member(0, { revision: 'old' }), member(1, { revision: 'old' })];
    assert.deepEqual(decide(set({ ...parallel, replicas: 2 }), [...rest, leaving]).remove, [
      'db-1',
    ]);
  });

  it('does not wait for members that do not work', () => {
    const many = [member(0), ill(1), ill(2)];
    assert.deepEqual(decide(set({ ...parallel, replicas: 1 }), many).remove, ['db-2', 'db-1']);
    assert.deepEqual(decide(set(parallel), [member(0, { ready: false })]).create, [
      '1:new',
      '2:new',
    ]);
  });
});

describe('an update of a set', () => {
  const old = (ordinal: number, parts: Parts = {}): Pod =>
    member(ordinal, { revision: 'old', ...parts });

  it('replaces the highest old member, when those above work', () => {
    assert.deepEqual(decide(set(), [old(0), old(1), old(2)]).remove, ['db-2']);
    assert.deepEqual(decide(set(), [old(0), old(1), member(2)]).remove, ['db-1']);
    assert.deepEqual(decide(set(), [old(0), old(1), member(2, { ready: false })]).remove, []);
  });

  it('stops at the partition, and members below it come back as they were', () => {
    const strategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } };
    const spec = { updateStrategy: strategy };
    assert.deepEqual(decide(set(spec), [old(0), old(1), member(2)]).remove, []);
    assert.deepEqual(decide(set(spec), [old(0), member(2)]).create, ['1:old']);
    assert.deepEqual(decide(set(spec), [old(0), old(1)]).create, ['2:new']);
  });

  it('with OnDelete is left to the user', () => {
    const spec = { updateStrategy: { type: 'OnDelete' } };
    assert.deepEqual(decide(set(spec), [old(0), old(1), old(2)]).remove, []);
  });

  it('ends when all members have it and work', () => {
    const { status } = decide(set(), [member(0), member(1), member(2)]);
    assert.equal(status.currentRevision, 'new');
    assert.equal(status.currentReplicas, 3);
    const partly = decide(set(), [old(0), member(1), member(2)]).status;
    assert.equal(partly.currentRevision, 'old');
    assert.deepEqual([partly.currentReplicas, partly.updatedReplicas], [1, 2]);
  });
});

it('members that leave count as ready as long as they are, but have no revision any more', () => {
  const { status } = decide(set(), [member(0), member(1), member(2, { deleting: true })]);
  assert.deepEqual(
    [status.replicas, status.readyReplicas, status.availableReplicas, status.updatedReplicas],
    [3, 3, 3, 2],
  );
  const ended = decide(set(), [member(0), member(1, { phase: 'Failed' })]).status;
  assert.deepEqual([ended.replicas, ended.readyReplicas], [2, 1]);
});

describe('a member', () => {
  const claims = [
    { metadata: { name: 'data' }, spec: { resources: { requests: { storage: '1Gi' } } } },
  ];
  const one = set({ volumeClaimTemplates: claims });

  it('has a name, a host name and claims of its own', () => {
    const made = memberPod(one, 1, { template: one.spec?.template ?? {}, revision: 'db-abc' });
    assert.equal(made.metadata.name, 'db-1');
    assert.equal(made.metadata.generateName, undefined);
    assert.equal(made.spec?.hostname, 'db-1');
    assert.equal(made.spec?.subdomain, 'db');
    assert.equal(made.metadata.labels?.['apps.kubernetes.io/pod-index'], '1');
    assert.deepEqual(made.spec?.volumes, [
      { name: 'data', persistentVolumeClaim: { claimName: 'data-db-1' } },
    ]);
    const [wanted] = memberClaims(one, 1);
    assert.equal(wanted?.metadata.name, 'data-db-1');
    assert.deepEqual(wanted?.metadata.labels, { app: 'db' });
  });

  it('is known by its name', () => {
    const named = (name: string): Pod => pod({ name });
    assert.equal(ordinalOf(one, named('db-10')), 10);
    for (const name of ['db-', 'db-01', 'db-x', 'other-1', 'db-1-2']) {
      assert.equal(ordinalOf(one, named(name)), undefined, name);
    }
  });
});
