import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import type { Lease } from '@kubets/api';
import { ManualClock, silentLogger } from '@kubets/platform';
import { LIMITS } from '../edge-limits.ts';
import { FakeStore } from '../edge-testing.ts';
import { GVR } from '../resources.ts';
import { IdentityLease, identityLeaseName } from './identity-lease.ts';

let store: FakeStore;
let clock: ManualClock;
beforeEach(() => {
  store = new FakeStore();
  clock = new ManualClock(1_000_000);
});

const leaseOf = (identity: string, instance = 'one') =>
  new IdentityLease({
    ...{ store, clock, identity, instance, hostname: 'host-a' },
    log: silentLogger,
  });
const leases = () => store.all(GVR.leases) as Lease[];

describe("an apiserver's lease", () => {
  it('is named by what the apiserver is, as the stock server does it', () => {
    // SHA-256 over both names with their lengths, the first half of it in base 32.
    assert.equal(identityLeaseName('host-a'), 'apiserver-6zbmgnwmvuptjd3z3lqvqzcj5u');
    assert.notEqual(identityLeaseName('host-b'), identityLeaseName('host-a'));
  });

  it('tells who holds it since when', async () => {
    await leaseOf('host-a').renew();
    const [lease] = leases();
    const name = identityLeaseName('host-a');
    assert.deepEqual([lease?.metadata.namespace, lease?.metadata.name], ['kube-system', name]);
    assert.deepEqual(lease?.metadata.labels, {
      'apiserver.kubernetes.io/identity': 'kube-apiserver',
      'kubernetes.io/hostname': 'host-a',
    });
    assert.deepEqual(lease?.spec, {
      holderIdentity: `${name}_one`,
      leaseDurationSeconds: 3600,
      renewTime: '1970-01-01T00:16:40.000000Z',
    });
  });

  it('is taken up by the next life of the apiserver', async () => {
    await leaseOf('host-a').renew();
    clock.advance(5_000);
    await leaseOf('host-a', 'two').renew();
    const [lease, ...more] = leases();
    assert.equal(more.length, 0);
    assert.equal(lease?.spec?.holderIdentity, `${identityLeaseName('host-a')}_two`);
    assert.equal(lease?.spec?.renewTime, '1970-01-01T00:16:45.000000Z');
  });

  it('goes once nobody renewed it for its whole term; what is not of an apiserver stays', async () => {
    store.seed({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { namespace: 'kube-system', name: 'other' },
    });
    await leaseOf('gone').renew();
    clock.advance(LIMITS.identityLeaseSeconds * 1_000 - 1);
    await leaseOf('host-a').renew();
    assert.equal(leases().length, 3);
    clock.advance(1);
    await leaseOf('host-b').renew();
    const names = leases().map(({ metadata }) => metadata.name);
    assert.ok(!names.includes(identityLeaseName('gone')) && names.includes('other'));
    assert.equal(names.length, 3);
  });

  it('is renewed until the apiserver stops', async () => {
    const lease = leaseOf('host-a');
    lease.start();
    await lease.stop();
    const before = leases()[0]?.spec?.renewTime;
    clock.advance(LIMITS.identityLeaseRenewMs);
    assert.ok(before !== undefined);
    assert.equal(leases()[0]?.spec?.renewTime, before);
  });
});
