import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice, Service } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { ManualClock, silentLogger } from '@kubets/platform';
import { Registration } from './registration.ts';

interface World {
  api: FakeApi;
  clock: ManualClock;
  registration: Registration;
  services(): Service[];
  slices(): EndpointSlice[];
  /** Lets time pass until everything due has happened. */
  pass(ms: number): Promise<void>;
}

function world(address = '10.0.0.5', shared?: World, nodeName?: string): World {
  const clock = shared?.clock ?? new ManualClock();
  const api = shared?.api ?? new FakeApi({ clock });
  const log = silentLogger;
  const registration = new Registration({
    api,
    clock,
    log,
    clusterDns: '10.96.0.10',
    address,
    port: 5353,
    nodeName,
  });
  return {
    api,
    clock,
    registration,
    services: () => api.objects<Service>('v1', 'services'),
    slices: () => api.objects<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices'),
    async pass(ms) {
      clock.advance(ms);
      await api.settle();
    },
  };
}

describe('registration', () => {
  it('makes the service and the server’s own slice', async () => {
    const w = world();
    w.registration.start();
    await w.pass(0);
    const [service] = w.services();
    assert.equal(service?.metadata.name, 'kube-dns');
    assert.equal(service?.metadata.namespace, 'kube-system');
    assert.equal(service?.spec?.clusterIP, '10.96.0.10');
    assert.equal(service?.spec?.selector, undefined);
    const [slice] = w.slices();
    assert.equal(slice?.metadata.labels?.['kubernetes.io/service-name'], 'kube-dns');
    assert.deepEqual(slice?.endpoints?.[0]?.addresses, ['10.0.0.5']);
    assert.deepEqual(
      slice?.ports?.map((p) => [p.name, p.port, p.protocol]),
      [
        ['dns', 5353, 'UDP'],
        ['dns-tcp', 5353, 'TCP'],
      ],
    );
    assert.equal(slice?.metadata.ownerReferences?.[0]?.uid, service?.metadata.uid);
    assert.equal(w.registration.registered, true);
    await w.registration.stop();
  });

  it('writes nothing while all is well, and puts back what is missing or wrong', async () => {
    const w = world();
    w.registration.start();
    await w.pass(0);
    const writes = (): number =>
      w.api.requests.filter((r) => r.verb === 'create' || r.verb === 'update').length;
    const before = writes();
    await w.pass(30_000);
    assert.equal(writes(), before);
    const slices = w.api.resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices');
    const [slice] = w.slices();
    assert.ok(slice);
    await slices.update({ ...slice, endpoints: [] });
    await w.pass(30_000);
    assert.deepEqual(w.slices()[0]?.endpoints?.[0]?.addresses, ['10.0.0.5']);
    await slices.delete('kube-system', w.registration.sliceName);
    await w.pass(30_000);
    assert.equal(w.slices().length, 1);
    await w.registration.stop();
  });

  it('names its node, and is ready again once it lives after all', async () => {
    const w = world('10.0.0.5', undefined, 'node-1');
    w.registration.start();
    await w.pass(0);
    const [slice] = w.slices();
    assert.equal(slice?.metadata.name, 'kube-dns-node-1');
    assert.equal(slice?.endpoints[0]?.nodeName, 'node-1');
    const slices = w.api.resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices');
    const lost = { addresses: ['10.0.0.5'], nodeName: 'node-1' };
    assert.ok(slice);
    await slices.update({
      ...slice,
      endpoints: [{ ...lost, conditions: { ready: false, serving: false } }],
    });
    await w.pass(30_000);
    const ready = { ...lost, conditions: { ready: true, serving: true } };
    assert.deepEqual(w.slices()[0]?.endpoints, [ready]);
    await w.registration.stop();
  });

  it('adds the node to a slice that was made without', async () => {
    const w = world('10.0.0.5', undefined, 'node-1');
    w.registration.start();
    await w.pass(0);
    const [slice] = w.slices();
    assert.ok(slice);
    const slices = w.api.resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices');
    const { nodeName: _node, ...bare } = slice.endpoints[0] ?? { addresses: [] };
    await slices.update({ ...slice, endpoints: [bare] });
    await w.pass(30_000);
    assert.equal(w.slices()[0]?.endpoints[0]?.nodeName, 'node-1');
    await w.registration.stop();
  });

  it('of a node that comes back with another address leaves the old one behind nowhere', async () => {
    const before = world('10.0.0.5', undefined, 'node-1');
    before.registration.start();
    await before.pass(0);
    const after = world('10.0.0.9', before, 'node-1');
    after.registration.start();
    await after.pass(0);
    const addresses = after.slices().flatMap(({ endpoints }) => endpoints[0]?.addresses);
    assert.deepEqual(addresses, ['10.0.0.9']);
    await after.registration.stop();
    await before.registration.stop();
  });

  it('keeps to its address where the name of the node is too long for a slice’s', () => {
    assert.equal(
      world('10.0.0.5', undefined, 'n'.repeat(253)).registration.sliceName,
      'kube-dns-10-0-0-5-5353',
    );
  });

  it('tries again soon while the cluster does not take it', async () => {
    const w = world();
    let refusing = true;
    w.api.intercept = () => {
      if (refusing) throw new Error('no answer');
    };
    w.registration.start();
    await w.pass(0);
    assert.equal(w.registration.registered, false);
    refusing = false;
    await w.pass(2_000);
    assert.equal(w.registration.registered, true);
    await w.registration.stop();
  });

  it('of two servers makes one service and two slices; each takes only its own away', async () => {
    const first = world();
    const second = world('10.0.0.6', first);
    first.registration.start();
    second.registration.start();
    await first.pass(0);
    await first.pass(2_000);
    assert.equal(first.services().length, 1);
    assert.equal(first.slices().length, 2);
    await first.registration.stop();
    assert.deepEqual(first.slices()[0]?.endpoints?.[0]?.addresses, ['10.0.0.6']);
    await second.registration.stop();
    assert.equal(first.clock.pendingTimers, 0);
  });

  it('stops without a word when its slice is gone already', async () => {
    const w = world();
    await w.registration.stop();
    assert.deepEqual(w.slices(), []);
  });
});
