import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '@kubets/platform';
import { LeasePool } from './lease-pool.ts';

function pool(fail: () => boolean = () => false) {
  const granted: number[] = [];
  const clock = new ManualClock();
  const client = {
    leaseGrant: (ttlSeconds: number) => {
      if (fail()) return Promise.reject(new Error('no leader'));
      granted.push(ttlSeconds);
      return Promise.resolve({ id: BigInt(granted.length), ttlSeconds });
    },
  };
  return { pool: new LeasePool(client as never, clock, 60), granted, clock };
}

describe('shared leases', () => {
  it('are one for all keys of a minute', async () => {
    const { pool: leases, granted, clock } = pool();
    assert.equal(await leases.take(3_600), 1n);
    clock.advance(59_999);
    assert.equal(await leases.take(3_600), 1n);
    clock.advance(1);
    assert.equal(await leases.take(3_600), 2n);
    assert.equal(granted.length, 2);
  });

  it('live long enough for the last key they take', async () => {
    const { pool: leases, granted } = pool();
    await leases.take(100);
    assert.ok((granted[0] ?? 0) >= 160);
  });

  it('are one a lifetime', async () => {
    const { pool: leases } = pool();
    assert.notEqual(await leases.take(60), await leases.take(120));
  });

  it('are asked for again after a failure', async () => {
    let failing = true;
    const { pool: leases } = pool(() => failing);
    await assert.rejects(leases.take(60), /no leader/);
    failing = false;
    assert.equal(await leases.take(60), 1n);
  });
});
