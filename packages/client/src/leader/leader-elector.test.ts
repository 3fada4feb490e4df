import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Lease } from '@kubets/api';
import { ManualClock, Metrics, seededRandom, silentLogger } from '@kubets/platform';
import { TransportError } from '../errors.ts';
import { FakeApi } from '../testing/fake-api.ts';
import { LeaderElector } from './leader-elector.ts';

const TIMES = { leaseDurationMs: 15_000, renewDeadlineMs: 10_000, retryPeriodMs: 2_000 };

class World {
  readonly clock = new ManualClock();
  readonly api = new FakeApi({ clock: this.clock });
  readonly history: string[] = [];
  readonly metrics = new Map<string, Metrics>();

  elector(identity: string, seed = 1): LeaderElector {
    const metrics = new Metrics();
    this.metrics.set(identity, metrics);
    return new LeaderElector({
      metrics,
      api: this.api,
      namespace: 'kube-system',
      name: 'test',
      identity,
      ...TIMES,
      clock: this.clock,
      random: seededRandom(seed),
      log: silentLogger,
      onStarted: (signal) => {
        this.history.push(`${identity} leads`);
        signal.addEventListener('abort', () => this.history.push(`${identity} aborted`));
      },
      onStopped: () => this.history.push(`${identity} stops`),
    });
  }

  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 500) {
      this.clock.advance(Math.min(500, left));
      await this.api.settle();
    }
  }

  lease(): Lease {
    const [lease] = this.api.objects<Lease>('coordination.k8s.io/v1', 'leases');
    assert.ok(lease);
    return lease;
  }
}

describe('LeaderElector', () => {
  it('one of two leads, and its lease says so', async () => {
    const world = new World();
    const [a, b] = [world.elector('a', 1), world.elector('b', 2)];
    a.run();
    await world.pass(1_000);
    b.run();
    await world.pass(60_000);
    assert.deepEqual(world.history, ['a leads']);
    assert.equal(a.isLeader(), true);
    assert.equal(b.isLeader(), false);
    assert.equal(b.leader(), 'a');
    const status = async (identity: string) => (await world.metrics.get(identity)?.metrics()) ?? '';
    assert.match(await status('a'), /^leader_election_master_status\{name="test"\} 1$/m);
    assert.match(await status('b'), /^leader_election_master_status\{name="test"\} 0$/m);
    const { spec } = world.lease();
    assert.equal(spec?.holderIdentity, 'a');
    assert.equal(spec?.leaseDurationSeconds, 15);
    assert.equal(spec?.leaseTransitions, 0);
    assert.match(spec?.renewTime ?? '', /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  it('hands over at once when it stops', async () => {
    const world = new World();
    const [a, b] = [world.elector('a', 1), world.elector('b', 2)];
    a.run();
    await world.pass(500);
    b.run();
    await world.pass(4_000);
    await a.stop();
    assert.equal(world.lease().spec?.holderIdentity, '');
    await world.pass(6_000);
    assert.deepEqual(world.history, ['a leads', 'a aborted', 'a stops', 'b leads']);
    assert.equal(world.lease().spec?.leaseTransitions, 1);
  });

  it('is taken over when it dies, but not before its lease has run out', async () => {
    const world = new World();
    const b = world.elector('b', 2);
    const spec = {
      holderIdentity: 'dead',
      leaseDurationSeconds: 15,
      // Long past by the wall clock: only the time since it was seen unchanged counts.
      renewTime: '2001-01-01T00:00:00.000000Z',
      acquireTime: '2001-01-01T00:00:00.000000Z',
      leaseTransitions: 4,
    };
    const metadata = { name: 'test', namespace: 'kube-system' };
    world.api.seed('coordination.k8s.io/v1', 'leases', { metadata, spec });
    b.run();
    await world.pass(14_000);
    assert.equal(b.isLeader(), false);
    await world.pass(8_000);
    assert.equal(b.isLeader(), true);
    assert.equal(world.lease().spec?.leaseTransitions, 5);
  });

  it('gives up when it cannot renew within the deadline, before anyone else may lead', async () => {
    const world = new World();
    const a = world.elector('a');
    a.run();
    await world.pass(3_000);
    world.api.intercept = () => {
      throw new TransportError('down', { ambiguous: false });
    };
    await world.pass(8_000);
    assert.equal(a.isLeader(), true);
    await world.pass(4_500);
    assert.deepEqual(world.history, ['a leads', 'a aborted', 'a stops']);
    world.api.intercept = undefined;
    await world.pass(10_000);
    assert.deepEqual(world.history.at(-1), 'a leads');
    assert.equal(world.lease().spec?.leaseTransitions, 0);
  });

  it('gives up when an answer never comes', async () => {
    const world = new World();
    const a = world.elector('a');
    a.run();
    await world.pass(3_000);
    const leases = world.api.resource<Lease>('coordination.k8s.io/v1', 'leases');
    leases.get = () => new Promise(() => undefined);
    await world.pass(15_000);
    assert.equal(world.history[1], 'a aborted');
  });

  it('gives up when another one took the lease', async () => {
    const world = new World();
    const a = world.elector('a');
    a.run();
    await world.pass(1_000);
    const lease = world.lease();
    const stolen = { ...lease, spec: { ...lease.spec, holderIdentity: 'thief' } };
    await world.api.resource<Lease>('coordination.k8s.io/v1', 'leases').update(stolen);
    await world.pass(3_000);
    assert.equal(a.isLeader(), false);
    assert.equal(world.lease().spec?.holderIdentity, 'thief');
  });

  it('many at once: never two leaders, and always one in the end', async () => {
    const world = new World();
    const all = Array.from({ length: 5 }, (_, i) => world.elector(`e${i}`, i));
    for (const elector of all) elector.run();
    for (let i = 0; i < 20; i += 1) {
      await world.pass(1_000);
      assert.ok(all.filter((elector) => elector.isLeader()).length <= 1);
    }
    assert.equal(all.filter((elector) => elector.isLeader()).length, 1);
    for (const elector of all) await elector.stop();
  });

  it('refuses times that contradict each other', () => {
    const world = new World();
    const options = {
      api: world.api,
      namespace: 'n',
      name: 'l',
      identity: 'i',
      ...TIMES,
      clock: world.clock,
      random: seededRandom(1),
      log: silentLogger,
      onStarted: () => undefined,
      onStopped: () => undefined,
    };
    assert.throws(() => new LeaderElector({ ...options, leaseDurationMs: 5_000 }), RangeError);
    assert.throws(() => new LeaderElector({ ...options, retryPeriodMs: 9_000 }), RangeError);
  });
});
