import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isEtcdError } from '../errors.ts';
import { Lessor } from './lessor.ts';

const MIN_TTL = 2;

describe('a lease', () => {
  it('lives its TTL, and no less than the least one', () => {
    const lessor = new Lessor(MIN_TTL);
    lessor.grant(1n, 10n, 0);
    lessor.grant(2n, -5n, 0);
    assert.deepEqual(lessor.expired(1_999, 10), []);
    assert.deepEqual(lessor.expired(2_000, 10), [{ id: 2n, renewals: 0 }]);
    assert.equal(lessor.expired(10_000, 10).length, 2);
    assert.equal(lessor.expired(10_000, 1).length, 1);
    assert.equal(lessor.view(1n, 4_500)?.remainingSeconds, 5);
    assert.equal(lessor.view(1n, 99_999)?.remainingSeconds, 0);
  });

  it('is granted once', () => {
    const lessor = new Lessor(MIN_TTL);
    lessor.grant(1n, 10n, 0);
    assert.throws(
      () => lessor.grant(1n, 10n, 0),
      (e) => isEtcdError(e, 'leaseExists'),
    );
  });

  it('is not ended by what was decided on an earlier one of the same id', () => {
    const lessor = new Lessor(MIN_TTL);
    lessor.grant(1n, 10n, 0, 100);
    const [expiry] = lessor.expired(10_000, 10);
    assert.ok(expiry);
    lessor.revoke(1n);
    lessor.grant(1n, 10n, 10_000, 200);
    assert.ok(!lessor.stillExpired(expiry));
  });

  it('starts anew when renewed, and an expiry decided before does not stand', () => {
    const lessor = new Lessor(MIN_TTL);
    lessor.grant(1n, 10n, 0);
    const [expiry] = lessor.expired(10_000, 10);
    assert.ok(expiry);
    assert.ok(lessor.stillExpired(expiry));
    lessor.renew(1n, 10_000);
    assert.ok(!lessor.stillExpired(expiry));
    assert.deepEqual(lessor.expired(19_999, 10), []);
    assert.equal(lessor.expired(20_000, 10).length, 1);
  });

  it('gives back its keys when revoked, in order', () => {
    const lessor = new Lessor(MIN_TTL);
    lessor.grant(1n, 10n, 0);
    for (const key of ['b', 'a', 'c']) lessor.attach(1n, key);
    lessor.detach(1n, 'b');
    assert.deepEqual(lessor.view(1n, 0)?.keys, ['a', 'c']);
    assert.deepEqual(lessor.revoke(1n), ['a', 'c']);
    assert.equal(lessor.view(1n, 0), undefined);
    for (const act of [() => lessor.revoke(1n), () => lessor.renew(1n, 0)]) {
      assert.throws(act, (e) => isEtcdError(e, 'leaseNotFound'));
    }
  });

  it('has its whole time again under a new leader', () => {
    const lessor = new Lessor(MIN_TTL);
    lessor.grant(1n, 10n, 0);
    lessor.extendAll(9_000);
    assert.deepEqual(lessor.expired(18_999, 10), []);
    assert.equal(lessor.expired(19_000, 10).length, 1);
  });

  it('tells its journal what must be kept', () => {
    const heard: string[] = [];
    const lessor = new Lessor(MIN_TTL, {
      leaseSaved: (lease) => heard.push(`${lease.id}+${lease.renewals}`),
      leaseDropped: (id) => heard.push(`${id}-`),
    });
    lessor.grant(1n, 10n, 0);
    lessor.renew(1n, 0);
    lessor.revoke(1n);
    assert.deepEqual(heard, ['1+0', '1+1', '1-']);
  });
});
