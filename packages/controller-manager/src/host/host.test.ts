import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { ConfigMap } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { ManualClock } from '@kubets/platform';
import { EXPECTATION_TIMEOUT_MS } from '../limits.ts';
import { pod } from '../testing/builders.ts';
import { Expectations } from './expectations.ts';
import { fencedApi } from './fence.ts';
import { OwnWrites } from './own-writes.ts';
import { forEachLimit, slowStart } from './slow-start.ts';
import { trimPod } from './trim.ts';

describe('the fence', () => {
  it('lets nothing through once leading has ended', async () => {
    const inner = new FakeApi({ clock: new ManualClock() });
    const term = new AbortController();
    const maps = fencedApi(inner, term.signal).resource<ConfigMap>('v1', 'configmaps');
    const map = (name: string): ConfigMap => ({ metadata: { name, namespace: 'n' } });
    const made = await maps.create(map('a'));
    term.abort();
    const before = inner.requests.length;
    const calls = [
      () => maps.get('n', 'a'),
      () => maps.list('n'),
      () => maps.create(map('b')),
      () => maps.update(made),
      () => maps.updateStatus(made),
      () => maps.patch('n', 'a', 'merge', {}),
      () => maps.delete('n', 'a'),
      () => maps.createSubresource('n', 'a', 'x', {}),
      () => maps.getSubresource('n', 'a', 'x'),
      () => maps.updateSubresource('n', 'a', 'x', {}),
    ];
    for (const call of calls) await assert.rejects(call, { message: /does not lead/ });
    assert.ok((await maps.watch('n', {}, () => undefined).done) instanceof Error);
    assert.equal(inner.requests.length, before);
  });
});

describe('expectations', () => {
  it('hold until every creation and deletion was seen', () => {
    const e = new Expectations(new ManualClock());
    assert.equal(e.satisfied('k'), true);
    e.expectCreations('k', 2);
    e.expectDeletions('k', ['u1']);
    e.created('k');
    assert.equal(e.satisfied('k'), false);
    e.created('k');
    assert.equal(e.satisfied('k'), false);
    e.deleted('k', 'other');
    assert.equal(e.satisfied('k'), false);
    e.deleted('k', 'u1');
    assert.equal(e.satisfied('k'), true);
  });

  it('are not thrown off by more than was expected', () => {
    const e = new Expectations(new ManualClock());
    e.expectCreations('k', 1);
    e.created('k');
    e.created('k');
    e.expectCreations('k', 1);
    assert.equal(e.satisfied('k'), false);
    e.created('k');
    assert.equal(e.satisfied('k'), true);
  });

  it('end after a time, and with their owner', () => {
    const clock = new ManualClock();
    const e = new Expectations(clock);
    e.expectCreations('k', 1);
    clock.advance(EXPECTATION_TIMEOUT_MS);
    assert.equal(e.satisfied('k'), false);
    clock.advance(1);
    assert.equal(e.satisfied('k'), true);
    e.expectCreations('k', 1);
    e.forget('k');
    assert.equal(e.satisfied('k'), true);
  });
});

describe('own writes', () => {
  const map = (version: string): ConfigMap => ({
    metadata: { name: 'm', namespace: 'n', resourceVersion: version },
  });

  it('are awaited until the cache shows them or something newer', () => {
    const w = new OwnWrites(new ManualClock());
    w.wrote('o', map('100'));
    assert.equal(
      w.areVisible('o', () => undefined),
      false,
    );
    assert.equal(
      w.areVisible('o', () => map('99')),
      false,
    );
    assert.equal(
      w.areVisible('other', () => undefined),
      true,
    );
    assert.equal(
      w.areVisible('o', () => map('1000')),
      true,
    );
    assert.equal(
      w.areVisible('o', () => undefined),
      true,
    );
  });

  it('matter no more when the object or the owner is gone, or after a time', () => {
    const clock = new ManualClock();
    const w = new OwnWrites(clock);
    const seen = (): boolean => w.areVisible('o', () => undefined);
    w.wrote('o', map('1'));
    w.gone('o', map('1'));
    assert.equal(seen(), true);
    w.wrote('o', map('1'));
    w.forget('o');
    assert.equal(seen(), true);
    w.wrote('o', map('1'));
    clock.advance(EXPECTATION_TIMEOUT_MS + 1);
    assert.equal(seen(), true);
  });

  it('with versions that are no numbers must be seen as they are', () => {
    const w = new OwnWrites(new ManualClock());
    w.wrote('o', map('b'));
    assert.equal(
      w.areVisible('o', () => map('c')),
      false,
    );
    assert.equal(
      w.areVisible('o', () => map('b')),
      true,
    );
  });
});

describe('slow start', () => {
  it('runs all when nothing fails', async () => {
    let calls = 0;
    const result = await slowStart(10, async () => {
      calls++;
    });
    assert.deepEqual([result.succeeded, result.error, calls], [10, undefined, 10]);
  });

  it('stops after the batch with the first failure', async () => {
    let calls = 0;
    const result = await slowStart(100, async () => {
      if (++calls > 2) throw new Error('full');
    });
    // Batches of 1, 2 and no more: the second call of the second batch failed.
    assert.deepEqual([result.succeeded, calls], [2, 3]);
    assert.ok(result.error instanceof Error);
  });
});

describe('work on many', () => {
  it('keeps to its width, tries all, and collects failures', async () => {
    let active = 0;
    let most = 0;
    const done: number[] = [];
    const failures = await forEachLimit([1, 2, 3, 4, 5, 6], 2, async (n) => {
      active++;
      most = Math.max(most, active);
      await Promise.resolve();
      active--;
      if (n === 3) throw new Error('three');
      done.push(n);
    });
    assert.equal(most, 2);
    assert.deepEqual(done.sort(), [1, 2, 4, 5, 6]);
    assert.equal(failures.length, 1);
  });
});

describe('a trimmed pod', () => {
  it('keeps what controllers read and drops the bulk', () => {
    const fat = pod({
      node: 'n',
      ip: '10.0.0.1',
      readyAt: -5,
      meta: {
        annotations: { big: 'x'.repeat(9999), 'controller.kubernetes.io/pod-deletion-cost': '7' },
        managedFields: [],
      },
      spec: {
        containers: [
          { name: 'c', image: 'i', env: [{ name: 'A' }], ports: [{ containerPort: 80 }] },
        ],
        volumes: [{ name: 'v' }],
        tolerations: [{ operator: 'Exists' }],
      },
    });
    const lean = trimPod(fat);
    assert.ok(JSON.stringify(lean).length < 900);
    assert.equal(lean.spec?.nodeName, 'n');
    assert.deepEqual(lean.spec?.containers, [{ name: 'c', ports: [{ containerPort: 80 }] }]);
    assert.deepEqual(lean.spec?.tolerations, [{ operator: 'Exists' }]);
    assert.deepEqual(lean.metadata.annotations, {
      'controller.kubernetes.io/pod-deletion-cost': '7',
    });
    assert.equal(lean.status?.podIP, '10.0.0.1');
    assert.deepEqual(lean.status?.conditions, fat.status?.conditions);
  });
});
