import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { seededRandom } from '@kubets/platform';
import { type Costs, followLoad, simulate, smallestPlan } from './model.ts';

const costs: Costs = {
  heartbeat: { apiserverMs: 1, storeMs: 0.3 },
  pod: { apiserverMs: 5, storeMs: 2 },
  requestsAPod: 8,
  followMs: 0,
  commitMs: 2,
};
const run = () => ({ seconds: 60, random: seededRandom(7) });

describe('simulate', () => {
  it('agrees with the formula of a queue with one server', () => {
    // M/M/1: mean time in the system 1 / (service rate - arrival rate), and its 99th percentile ln 100 times that.
    const size = { nodes: 3_000, podsPerSecond: 0, apiservers: 1, shards: 10_000 };
    const plain: Costs = { ...costs, heartbeat: { apiserverMs: 2, storeMs: 1e-9 }, commitMs: 0 };
    const { rate, apiserverLoad, p99Ms } = simulate(size, plain, run());
    assert.equal(rate, 600);
    assert.ok(Math.abs(apiserverLoad - 0.6) < 0.02, `load ${apiserverLoad}`);
    const wanted = Math.log(100) * (1_000 / (1_000 - 600));
    assert.ok(Math.abs(p99Ms / wanted - 1) < 0.15, `${p99Ms} for ${wanted}`);
  });

  it('is the same for the same seed', () => {
    const size = { nodes: 1_000, podsPerSecond: 20, apiservers: 2, shards: 1 };
    assert.deepEqual(simulate(size, costs, run()), simulate(size, costs, run()));
  });
});

describe('following the store', () => {
  it('costs every apiserver the same, however many there are', () => {
    const following: Costs = { ...costs, followMs: 0.5 };
    const load = (apiservers: number): number =>
      simulate({ nodes: 4_000, podsPerSecond: 0, apiservers, shards: 4 }, following, run())
        .apiserverLoad;
    // 400 leases a second: a fifth of each process.
    assert.ok(Math.abs(followLoad({ nodes: 4_000, podsPerSecond: 0 }, following) - 0.2) < 1e-9);
    assert.ok(load(2) > load(100) && load(100) >= 0.2 && load(100) < 0.22);
  });
});

describe('smallestPlan', () => {
  it('grows with the nodes, and keeps what was asked for', () => {
    const plan = (nodes: number) =>
      smallestPlan({ nodes, podsPerSecond: 100, load: 0.6, p99Ms: 100 }, costs, () =>
        seededRandom(1),
      );
    const [small, large] = [plan(5_000), plan(65_000)];
    assert.ok(large.size.apiservers > small.size.apiservers);
    assert.ok(large.size.shards >= small.size.shards);
    for (const { outcome } of [small, large]) {
      assert.ok(outcome.p99Ms <= 100 && outcome.apiserverLoad < 0.7 && outcome.storeLoad < 0.7);
    }
  });
});
