import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EndpointSlice, Node, Service } from '@kubets/api';
import { FakeApi } from '@kubets/client';
import { ManualClock, seededRandom, silentLogger } from '@kubets/platform';
import { CommandError } from '../errors.ts';
import type { HealthPort } from '../health/decide.ts';
import { FULL_SYNC_MS, HEALTH_PATIENCE_MS } from '../limits.ts';
import type { Backend, ProxyServicePort } from '../ports.ts';
import { Proxier } from './proxier.ts';

class FakeBackend implements Backend {
  readonly mode = 'iptables';
  readonly applied: { ports: readonly ProxyServicePort[]; full: boolean }[] = [];
  failures = 0;

  async apply(ports: readonly ProxyServicePort[], full: boolean): Promise<void> {
    if (this.failures > 0) {
      this.failures -= 1;
      throw new CommandError('iptables-restore', 2, 'no luck');
    }
    this.applied.push({ ports, full });
  }

  async cleanup(): Promise<void> {}
}

class World {
  readonly clock = new ManualClock();
  readonly api = new FakeApi({ clock: this.clock });
  readonly backend = new FakeBackend();
  readonly services = this.api.resource<Service>('v1', 'services');
  readonly slices = this.api.resource<EndpointSlice>('discovery.k8s.io/v1', 'endpointslices');
  readonly told: (readonly HealthPort[])[] = [];
  readonly triggers: (number | undefined)[] = [];
  readonly proxier = new Proxier({
    figures: {
      changed: (what, triggeredAtMs) => {
        if (what === 'endpoints') this.triggers.push(triggeredAtMs);
      },
      begun: () => {},
      synced: () => {},
    },
    health: { apply: async (ports) => void this.told.push(ports) },
    api: this.api,
    backend: this.backend,
    nodeName: 'node-1',
    clock: this.clock,
    random: seededRandom(1),
    log: silentLogger,
  });

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 50) {
      this.clock.advance(50);
      await this.api.settle();
    }
  }

  service(name: string, more: object = {}): Service {
    const spec = { clusterIP: '10.96.1.1', ports: [{ port: 80 }], ...more };
    return { metadata: { name, namespace: 'default' }, spec };
  }

  async start(): Promise<this> {
    this.proxier.start();
    await this.api.settle();
    await this.pass(100);
    return this;
  }
}

describe('Proxier', () => {
  it('keeps traffic in the zone of its node, also when that changes', async () => {
    const world = new World();
    const nodes = world.api.resource<Node>('v1', 'nodes');
    const inZone = (zone: string) => ({
      metadata: { name: 'node-1', labels: { 'topology.kubernetes.io/zone': zone } },
    });
    await world.services.create(world.service('web'));
    const endpoint = (address: string, name: string) => ({
      addresses: [address],
      hints: { forZones: [{ name }] },
    });
    await world.slices.create({
      metadata: {
        name: 'web-1',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
      addressType: 'IPv4',
      endpoints: [endpoint('10.244.0.2', 'a'), endpoint('10.244.1.2', 'b')],
      ports: [{ port: 8080 }],
    });
    const made = await nodes.create(inZone('a'));
    await world.start();
    const near = () => {
      const [port] = world.backend.applied.at(-1)?.ports ?? [];
      return port?.endpoints.filter(({ elsewhere }) => !elsewhere).map(({ ip }) => ip);
    };
    assert.deepEqual(near(), ['10.244.0.2']);
    const { resourceVersion = '' } = made.metadata;
    await nodes.update({ metadata: { ...inZone('b').metadata, resourceVersion } });
    await world.pass(2_000);
    assert.deepEqual(near(), ['10.244.1.2']);
    await world.proxier.stop();
  });

  it('brings services and endpoints into force together', async () => {
    const world = new World();
    await world.services.create(world.service('web'));
    await world.slices.create({
      metadata: {
        name: 'web-1',
        namespace: 'default',
        labels: { 'kubernetes.io/service-name': 'web' },
      },
      addressType: 'IPv4',
      ports: [{ port: 8080 }],
      endpoints: [{ addresses: ['10.244.0.2'], nodeName: 'node-1' }],
    });
    await world.start();
    await world.proxier.whenInForce();
    const [first] = world.backend.applied;
    assert.equal(first?.full, true);
    assert.equal(first?.ports[0]?.endpoints[0]?.ip, '10.244.0.2');
    assert.equal(world.proxier.problem(), undefined);
    await world.proxier.stop();
  });

  it('tells since when a slice was out of date, once', async () => {
    const world = await new World().start();
    const slice = await world.slices.create({
      metadata: {
        ...{ name: 'web-1', namespace: 'default' },
        annotations: {
          'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:05Z',
        },
      },
      addressType: 'IPv4',
      endpoints: [],
    });
    await world.slices.update({ ...slice, endpoints: [{ addresses: ['10.244.0.2'] }] });
    await world.pass(100);
    assert.deepEqual(world.triggers, [Date.parse('2026-01-01T00:00:05Z'), undefined]);
    await world.proxier.stop();
  });

  it('takes many changes in one load', async () => {
    const world = await new World().start();
    const before = world.backend.applied.length;
    for (let i = 0; i < 20; i += 1) await world.services.create(world.service(`s${i}`));
    await world.pass(1_000);
    assert.equal(world.backend.applied.length, before + 1);
    assert.equal(world.backend.applied.at(-1)?.ports.length, 20);
    assert.equal(world.backend.applied.at(-1)?.full, false);
    await world.proxier.stop();
  });

  it('compares with the kernel from time to time', async () => {
    const world = await new World().start();
    const before = world.backend.applied.length;
    await world.pass(FULL_SYNC_MS + 1_000);
    assert.deepEqual(
      world.backend.applied.slice(before).map(({ full }) => full),
      [true],
    );
    await world.proxier.stop();
  });

  it('tries again after a failure, comparing with the kernel', async () => {
    const world = await new World().start();
    world.backend.failures = 2;
    await world.services.create(world.service('web'));
    await world.pass(400);
    assert.match(world.proxier.problem() ?? '', /no luck/);
    await world.pass(5_000);
    assert.equal(world.backend.applied.at(-1)?.full, true);
    assert.equal(world.backend.applied.at(-1)?.ports.length, 1);
    assert.equal(world.proxier.problem(), undefined);
    await world.proxier.stop();
  });

  it('tells load balancers of local endpoints, once the rules are in force', async () => {
    const world = await new World().start();
    world.backend.failures = 1;
    const before = world.told.length;
    const policy = { type: 'LoadBalancer', externalTrafficPolicy: 'Local' };
    await world.services.create(world.service('web', { ...policy, healthCheckNodePort: 30_001 }));
    await world.pass(400);
    assert.equal(world.told.length, before);
    await world.pass(5_000);
    assert.deepEqual(world.told.at(-1), [
      { port: 30_001, namespace: 'default', name: 'web', localEndpoints: 0 },
    ]);
    await world.services.delete('default', 'web');
    await world.pass(1_000);
    assert.deepEqual(world.told.at(-1), []);
    await world.proxier.stop();
  });

  it('is unhealthy to load balancers only when loads fail for long', async () => {
    const world = await new World().start();
    world.backend.failures = Number.POSITIVE_INFINITY;
    await world.services.create(world.service('web'));
    await world.pass(1_000);
    assert.notEqual(world.proxier.problem(), undefined);
    assert.equal(world.proxier.isHealthy(), true);
    await world.pass(HEALTH_PATIENCE_MS);
    assert.equal(world.proxier.isHealthy(), false);
    world.backend.failures = 0;
    await world.pass(FULL_SYNC_MS + 5_000);
    assert.equal(world.proxier.isHealthy(), true);
    await world.proxier.stop();
  });

  it('loads nothing before it knows both services and endpoints', async () => {
    const world = new World();
    world.api.intercept = ({ verb, resource }) => {
      if (verb === 'list' && resource === 'endpointslices') throw new Error('not yet');
    };
    await world.services.create(world.service('web'));
    await world.start();
    await world.pass(2_000);
    assert.deepEqual(world.backend.applied, []);
    world.api.intercept = undefined;
    await world.pass(20_000);
    assert.equal(world.backend.applied.length > 0, true);
    await world.proxier.stop();
  });

  it('leaves headless services and those of other proxies alone', async () => {
    const world = new World();
    const label = 'service.kubernetes.io/service-proxy-name';
    const other = world.service('other');
    other.metadata.labels = { [label]: 'mine' };
    await world.services.create(other);
    await world.services.create(world.service('headless', { clusterIP: 'None' }));
    await world.start();
    assert.deepEqual(world.backend.applied.at(-1)?.ports, []);
    await world.proxier.stop();
  });

  it('does nothing more once stopped, and leaves no timer', async () => {
    const world = await new World().start();
    await world.proxier.stop();
    const before = world.backend.applied.length;
    await world.services.create(world.service('late'));
    await world.pass(1_000);
    assert.equal(world.backend.applied.length, before);
    assert.equal(world.clock.pendingTimers, 0);
  });
});
