import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '@kubets/api';
import { CidrAllocator, formatCidr, parseCidr } from '../node-ipam/allocator.ts';
import { decidePodGc, quarantine } from '../podgc/decide.ts';
import { decideEviction } from '../taint-eviction/decide.ts';
import { at, NOW_MS, node, pod } from '../testing/builders.ts';
import { type Heartbeat, judgeHealth, readyStatus } from './health.ts';
import { desiredTaints, scheduleTaintKeys } from './taints.ts';
import { evictionRate, RateGate, zoneState } from './zones.ts';

const limits = { graceMs: 40_000, startupGraceMs: 60_000 };
const lease = (renewTime: string): Lease => ({ metadata: { name: 'n' }, spec: { renewTime } });

/** Looks at a node at the given seconds; returns the last verdict. */
function watch(looks: [number, ReturnType<typeof node>, Lease | undefined][]) {
  let last: Heartbeat | undefined;
  let verdict: ReturnType<typeof judgeHealth> | undefined;
  for (const [second, one, l] of looks) {
    verdict = judgeHealth(one, l, last, { ...limits, nowMs: NOW_MS + second * 1000 });
    last = verdict.heartbeat;
  }
  return verdict;
}

describe('a node’s health', () => {
  const n = node('n');

  it('is unknown once it was silent for the grace period', () => {
    assert.equal(
      watch([
        [0, n, undefined],
        [40, n, undefined],
      ])?.conditions,
      undefined,
    );
    const late = watch([
      [0, n, undefined],
      [41, n, undefined],
    ]);
    const ready = late?.conditions?.find((c) => c.type === 'Ready');
    assert.equal(ready?.status, 'Unknown');
    assert.equal(ready?.reason, 'NodeStatusUnknown');
    assert.equal(ready?.lastTransitionTime, at(41));
    assert.ok(late?.conditions?.every((c) => c.status === 'Unknown'));
  });

  it('is kept alive by its lease, or by its status', () => {
    const renewed = watch([
      [0, n, lease('a')],
      [30, n, lease('b')],
      [65, n, lease('b')],
    ]);
    assert.equal(renewed?.conditions, undefined);
    const posted = watch([
      [0, n, undefined],
      [30, node('n', { heartbeat: at(30) }), undefined],
      [65, node('n', { heartbeat: at(30) }), undefined],
    ]);
    assert.equal(posted?.conditions, undefined);
  });

  it('does not depend on the node’s clock', () => {
    const past = lease('1999-01-01T00:00:00Z');
    assert.equal(
      watch([
        [0, n, past],
        [39, n, past],
      ])?.conditions,
      undefined,
    );
    const future = lease('2999-01-01T00:00:00Z');
    assert.ok(
      watch([
        [0, n, future],
        [41, n, future],
      ])?.conditions,
    );
  });

  it('starts the clock anew for a new leader', () => {
    assert.equal(watch([[1000, n, undefined]])?.conditions, undefined);
  });

  it('of a node that never spoke counts from its creation, with more patience', () => {
    const fresh = { ...n, metadata: { ...n.metadata, creationTimestamp: at(0) }, status: {} };
    assert.equal(watch([[59, fresh, undefined]])?.conditions, undefined);
    const ready = watch([[61, fresh, undefined]])?.conditions?.find((c) => c.type === 'Ready');
    assert.equal(ready?.reason, 'NodeStatusNeverUpdated');
  });

  it('is not written twice', () => {
    const unknown = node('n', { ready: 'Unknown' });
    assert.equal(
      watch([
        [0, unknown, undefined],
        [100, unknown, undefined],
      ])?.conditions,
      undefined,
    );
    assert.equal(readyStatus(unknown), 'Unknown');
  });
});

describe('taints', () => {
  const cases: [string, ReturnType<typeof node>, string[]][] = [
    ['ready', node('n'), []],
    ['not ready', node('n', { ready: 'False' }), ['node.kubernetes.io/not-ready']],
    ['silent', node('n', { ready: 'Unknown' }), ['node.kubernetes.io/unreachable']],
    ['new', { ...node('n'), status: {} }, ['node.kubernetes.io/not-ready']],
    ['cordoned', node('n', { unschedulable: true }), ['node.kubernetes.io/unschedulable']],
  ];
  for (const [what, one, keys] of cases) {
    it(`of a node that is ${what}`, () => assert.deepEqual([...scheduleTaintKeys(one)], keys));
  }

  it('of a node under pressure', () => {
    const tight = node('n');
    const conditions = tight.status?.conditions?.map((c) =>
      c.type === 'DiskPressure' ? { ...c, status: 'True' } : c,
    );
    assert.deepEqual(
      [...scheduleTaintKeys({ ...tight, status: { conditions } })],
      ['node.kubernetes.io/disk-pressure'],
    );
  });

  const mine = { key: 'only', value: 'me', effect: 'NoSchedule' };

  it('of users are never touched', () => {
    const both = node('n', { ready: 'Unknown', taints: [mine] });
    const taints = desiredTaints(both, 'node.kubernetes.io/unreachable', NOW_MS);
    assert.deepEqual(taints, [
      mine,
      { key: 'node.kubernetes.io/unreachable', effect: 'NoSchedule', timeAdded: at(0) },
      { key: 'node.kubernetes.io/unreachable', effect: 'NoExecute', timeAdded: at(0) },
    ]);
    const well = node('n', { taints: taints ?? [] });
    assert.deepEqual(desiredTaints(well, undefined, NOW_MS), [mine]);
  });

  it('that are right are left alone, with their time', () => {
    const taints = [
      { key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule', timeAdded: at(-50) },
    ];
    const one = node('n', { ready: 'False', taints });
    assert.equal(desiredTaints(one, undefined, NOW_MS), undefined);
    assert.equal(desiredTaints(node('n', { taints: [mine] }), undefined, NOW_MS), undefined);
  });
});

describe('zones', () => {
  const nodes = (ready: number, silent: number) => [
    ...Array.from({ length: ready }, (_, i) => node(`r${i}`)),
    ...Array.from({ length: silent }, (_, i) => node(`s${i}`, { ready: 'Unknown' })),
  ];
  const cases: [number, number, string][] = [
    [3, 0, 'normal'],
    [2, 1, 'normal'],
    [1, 2, 'normal'],
    [2, 3, 'partial'],
    [0, 1, 'full'],
    [0, 0, 'normal'],
  ];
  for (const [ready, silent, state] of cases) {
    it(`${ready} ready, ${silent} silent: ${state}`, () => {
      assert.equal(zoneState(nodes(ready, silent)), state);
    });
  }

  it('evict slowly when many nodes are ill, in small zones not at all', () => {
    assert.equal(evictionRate('normal', 3), 0.1);
    assert.equal(evictionRate('full', 3), 0.1);
    assert.equal(evictionRate('partial', 51), 0.01);
    assert.equal(evictionRate('partial', 50), 0);
  });

  it('let one through at once and others at their pace', () => {
    const gate = new RateGate();
    assert.equal(gate.tryTake(0, 0), false);
    assert.equal(gate.tryTake(0.1, 0), true);
    assert.equal(gate.tryTake(0.1, 9999), false);
    assert.equal(gate.tryTake(0.1, 10_000), true);
  });
});

describe('evictions', () => {
  const taint = { key: 'k', effect: 'NoExecute', timeAdded: at(0) };
  const tolerating = (...tolerations: object[]) => pod({ spec: { containers: [], tolerations } });
  const cases: [string, ReturnType<typeof pod>, number | undefined][] = [
    ['without a toleration: now', tolerating(), 0],
    ['for ever', tolerating({ key: 'k', operator: 'Exists' }), undefined],
    ['for a while', tolerating({ key: 'k', operator: 'Exists', tolerationSeconds: 300 }), 300],
    ['a negative while', tolerating({ key: 'k', operator: 'Exists', tolerationSeconds: -1 }), 0],
    [
      'the shortest of several',
      tolerating({ operator: 'Exists' }, { key: 'k', operator: 'Exists', tolerationSeconds: 5 }),
      5,
    ],
  ];
  for (const [what, one, seconds] of cases) {
    it(what, () => {
      const verdict = decideEviction(one, [taint], () => 0);
      const expected =
        seconds === undefined ? { type: 'none' } : { type: 'at', atMs: NOW_MS + seconds * 1000 };
      assert.deepEqual(verdict, expected);
    });
  }

  it('count from the first sight of taints without a time, and look at NoExecute only', () => {
    const bare = { key: 'k', effect: 'NoExecute' };
    const one = tolerating({ key: 'k', operator: 'Exists', tolerationSeconds: 10 });
    assert.deepEqual(
      decideEviction(one, [bare], () => 5000),
      { type: 'at', atMs: 15_000 },
    );
    assert.deepEqual(
      decideEviction(pod(), [{ key: 'k', effect: 'NoSchedule' }], () => 0),
      {
        type: 'none',
      },
    );
  });
});

describe('pod networks', () => {
  it('read and write', () => {
    for (const text of ['10.244.0.0/16', '0.0.0.0/0', '255.255.255.255/32', '192.168.128.0/17']) {
      const cidr = parseCidr(text);
      assert.ok(cidr);
      assert.equal(formatCidr(cidr), text);
    }
    for (const text of [
      '10.244.0.1/16',
      '10.244.0.0',
      '10.244.0.0/33',
      '300.0.0.0/8',
      'fd00::/8',
    ]) {
      assert.equal(parseCidr(text), undefined, text);
    }
  });

  const allocator = (range: string, prefix: number): CidrAllocator => {
    const cidr = parseCidr(range);
    assert.ok(cidr);
    return new CidrAllocator(cidr, prefix);
  };

  it('are given out once each until none is left', () => {
    const some = allocator('10.0.0.0/22', 24);
    const given = ['a', 'b', 'c', 'd'].map((holder) => some.allocate(holder));
    assert.deepEqual(given, ['10.0.0.0/24', '10.0.1.0/24', '10.0.2.0/24', '10.0.3.0/24']);
    assert.equal(some.allocate('e'), undefined);
    some.release('10.0.2.0/24', 'c');
    assert.equal(some.allocate('e'), '10.0.2.0/24');
  });

  it('that are taken are not given out, whatever their size', () => {
    const some = allocator('10.0.0.0/22', 24);
    some.occupy('10.0.0.0/23', 'big');
    some.occupy('10.0.2.128/25', 'small');
    some.occupy('192.168.0.0/24', 'elsewhere');
    assert.equal(some.allocate('x'), '10.0.3.0/24');
    assert.equal(some.free, 0);
  });

  it('held twice stay taken until both let go', () => {
    const some = allocator('10.0.0.0/24', 24);
    some.occupy('10.0.0.0/24', 'a');
    some.occupy('10.0.0.0/24', 'b');
    some.release('10.0.0.0/24', 'a');
    assert.equal(some.allocate('c'), undefined);
    some.release('10.0.0.0/24', 'b');
    assert.equal(some.allocate('c'), '10.0.0.0/24');
  });

  it('that could not be written down are the next to be given out', () => {
    const some = allocator('10.0.0.0/22', 24);
    some.allocate('a');
    some.giveBack('10.0.0.0/24', 'a');
    assert.equal(some.allocate('b'), '10.0.0.0/24');
    assert.equal(some.allocate('c'), '10.0.1.0/24');
  });

  it('do not fit into smaller ones', () => {
    assert.throws(() => allocator('10.0.0.0/24', 16), RangeError);
  });
});

describe('pods nobody else removes', () => {
  const view = (pods: ReturnType<typeof pod>[], gone: string[] = []) => ({
    pods,
    node: (name: string) => (name === 'sick' ? sick : undefined),
    goneNodes: new Set(gone),
    terminatedThreshold: 2,
  });
  const sick = node('sick', {
    ready: 'Unknown',
    taints: [{ key: 'node.kubernetes.io/out-of-service', effect: 'NoExecute' }],
  });
  const deletionTimestamp = at(0);

  it('finished ones past the threshold, oldest first', () => {
    const old = (age: number) =>
      pod({
        node: 'n',
        phase: 'Succeeded',
        meta: { name: `p${age}`, creationTimestamp: at(-age) },
      });
    const pods = [old(1), old(4), old(2), old(3), pod({ node: 'n' })];
    const names = decidePodGc(view(pods)).map((v) => `${v.pod.metadata.name} ${v.reason}`);
    assert.deepEqual(names, ['p4 terminated', 'p3 terminated']);
  });

  it('evicted ones before others', () => {
    const ended = (name: string, phase: string, creationTimestamp: string, reason = '') => ({
      ...pod({ meta: { name, creationTimestamp } }),
      status: { phase, reason },
    });
    const pods = [
      ended('old', 'Succeeded', at(0)),
      ended('failed', 'Failed', at(1)),
      ended('evicted', 'Failed', at(9), 'Evicted'),
      ended('young', 'Succeeded', at(8)),
    ];
    const names = decidePodGc({ ...view(pods), terminatedThreshold: 2 }).map(
      (v) => v.pod.metadata.name,
    );
    assert.deepEqual(names, ['evicted', 'old']);
  });

  it('those of nodes that are gone, stuck or were never reached', () => {
    const pods = [
      pod({ name: 'orphan', node: 'gone' }),
      pod({ name: 'fine', node: 'n' }),
      pod({ name: 'waiting' }),
      pod({ meta: { name: 'leaving', deletionTimestamp } }),
      pod({ node: 'sick', meta: { name: 'stuck', deletionTimestamp } }),
      pod({ name: 'patient', node: 'sick' }),
    ];
    const found = decidePodGc(view(pods, ['gone'])).map(
      (v) => `${v.pod.metadata.name} ${v.reason}`,
    );
    assert.deepEqual(found.sort(), [
      'leaving unscheduled',
      'orphan orphaned',
      'stuck out-of-service',
    ]);
  });

  it('only after a node was missing for a while', () => {
    const since = new Map<string, number>();
    const look = (names: string[], nowMs: number): string[] => [
      ...quarantine(since, new Set(names), { nowMs, quarantineMs: 40_000 }),
    ];
    assert.deepEqual(look(['a', 'b'], 0), []);
    assert.deepEqual(look(['a'], 39_999), []);
    assert.deepEqual(look(['a', 'b'], 40_000), ['a']);
    assert.deepEqual(look(['b'], 80_000), ['b']);
  });
});
